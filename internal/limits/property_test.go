package limits

import (
	"cmp"
	"math/rand/v2"
	"testing"
	"time"
)

// Whatever comes when, no 60 s hold more than the limit, and nothing is refused that fits into it: requests of two
// scopes, that are settled up and down, soon and late or never, while limits change and the clock is put back.
func TestAnyMinuteHoldsTheLimit(t *testing.T) {
	t.Parallel()
	eachLimiter(t, func(b *bench) {
		seeds := []uint64{1, 2, 3, 4, 5, rand.Uint64()}
		for _, seed := range seeds {
			b.Logf("seed %d", seed)
			w := &world{bench: b, Rand: rand.New(rand.NewPCG(seed, 7)), puts: seed%2 == 0}
			for _, id := range []string{"key", "org"} {
				w.scopes = append(w.scopes, Scope{ID: id})
				w.changeLimits(len(w.scopes) - 1)
			}
			b.scope += "+"
			for range 400 {
				w.step()
			}
			w.burst()
		}
	})
}

// world is a limiter, and what is known of what it granted.
type world struct {
	*bench
	*rand.Rand
	puts    bool // whether the clock is put back now and then
	scopes  []Scope
	taken   [2][]entry
	running []running
}

// entry is what was taken from a scope at a time.
type entry struct {
	at               time.Time
	requests, tokens int64
}

type running struct {
	*Grant
	tokens  int64
	entries [2]int // of a grant, in the entries of each scope; -1 where none were limited
}

func (w *world) changeLimits(i int) {
	w.scopes[i].Limits = Limits{Requests: w.maybe(5 + w.Int64N(60)), Tokens: w.maybe(100 + w.Int64N(2000))}
}

func (w *world) maybe(n int64) int64 {
	if w.IntN(4) == 0 {
		return 0
	}
	return n
}

func (w *world) step() {
	w.sleep(time.Duration(w.ExpFloat64() * float64(w.IntN(4)) * float64(300*time.Millisecond)))
	switch w.IntN(40) {
	case 0:
		w.changeLimits(w.IntN(2))
	case 1:
		if w.puts {
			w.set(-time.Duration(cmp.Or(w.Int64N(4), 1800)) * 2 * time.Second)
		}
	}
	for len(w.running) > 0 && w.IntN(3) != 0 {
		w.settleOne(w.IntN(len(w.running)))
	}
	ask := w.Int64N(80)
	if g := w.take(ask, w.scopes...); g.Refused == nil {
		w.granted(g, ask)
	} else if !w.puts {
		w.mustBeFull(g.Refused, ask)
	}
}

// granted notes what was taken, and fails the test where it is too much.
func (w *world) granted(g *Grant, ask int64) {
	r := running{g, ask, [2]int{-1, -1}}
	for i, s := range w.scopes {
		e := entry{at: w.now()}
		if s.Requests > 0 {
			e.requests = 1
		}
		if s.Tokens > 0 {
			e.tokens, r.entries[i] = ask, len(w.taken[i])
		}
		w.taken[i] = append(w.taken[i], e)
		requests, tokens := w.within(i, span)
		if s.Requests > 0 && requests > s.Requests || s.Tokens > 0 && ask > 0 && tokens > s.Tokens {
			w.Fatalf("60 s hold %d requests and %d tokens of %+v", requests, tokens, s)
		}
	}
	w.running = append(w.running, r)
}

// mustBeFull fails the test where what was refused would have fitted.
func (w *world) mustBeFull(r *Refusal, ask int64) {
	full := false
	for i, s := range w.scopes {
		requests, tokens := w.within(i, span+step)
		full = full || s.Requests > 0 && requests+1 > s.Requests || s.Tokens > 0 && tokens+ask > s.Tokens
	}
	if !full {
		w.Fatalf("refused for %+v", r)
	}
}

// within is what was used of a scope of late.
func (w *world) within(i int, late time.Duration) (requests, tokens int64) {
	for _, e := range w.taken[i] {
		if w.now().Sub(e.at) < late {
			requests, tokens = requests+e.requests, tokens+e.tokens
		}
	}
	return requests, tokens
}

func (w *world) settleOne(n int) {
	r := w.running[n]
	w.running = append(w.running[:n], w.running[n+1:]...)
	more := r.tokens/2 - w.Int64N(r.tokens+1)
	r.Settle(w.Context(), r.tokens+more)
	for i, at := range r.entries {
		switch {
		case at < 0:
		case more < 0:
			w.taken[i][at].tokens += more
		default:
			w.taken[i] = append(w.taken[i], entry{w.now(), 0, more})
		}
	}
}

// burst takes all of the limits at once, after an idle while.
func (w *world) burst() {
	for i := range w.scopes {
		w.scopes[i].Limits = Limits{Requests: 20, Tokens: 2000}
	}
	w.sleep(2 * (span + step)) // the clock may be behind by one window
	for range 20 {
		w.must(w.take(100, w.scopes...), "")
	}
	w.must(w.take(0, w.scopes...), "requests of key")
}
