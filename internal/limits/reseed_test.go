package limits

import (
	"fmt"
	"testing"
	"time"
)

const million = 1_000_000

// start has ten requests hold 40,000 tokens each.
func (b *bench) start(s Scope) (running []*Grant) {
	b.Helper()
	for range 10 {
		running = append(running, b.must(b.take(40_000, s), ""))
	}
	return running
}

// left fails the test where not so many tokens are left.
func (b *bench) left(want int64, scopes ...Scope) {
	b.Helper()
	if got := b.must(b.take(0, scopes...), "").Status.Tokens.Remaining; got != want {
		b.Errorf("%d tokens are left, want %d", got, want)
	}
}

// A count that is lost while requests run, and begins anew, is given back nothing that it does not hold.
func TestCountThatIsLost(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]Scope{"day": only(Limits{DayTokens: million}), "month": only(Limits{MonthTokens: million})} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachSeeded(t, func(b *bench, known *book, again func() *bench) {
				known.learn(used{million / 2, million / 2})
				running := b.start(s)
				anew, used := again(), int64(million/2)
				anew.left(million-used, s)
				for _, g := range running {
					g.Settle(b.Context(), 3)
				}
				if anew == b { // what is lost with its instance is told of nothing
					used += 30
				}
				anew.left(million-used, s)
			})
		})
	}
}

// Requests that began before it was known what was used hold what they took.
func TestSeedWhileRequestsRun(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]Scope{"day": only(Limits{DayTokens: million}), "month": only(Limits{MonthTokens: million})} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachSeeded(t, func(b *bench, known *book, _ func() *bench) {
				exact := b.must(b.take(50_000, s), "")
				running := b.start(s)
				time.Sleep(rest)
				known.learn(used{million / 2, million / 2})
				b.left(million/2-450_000, s)
				for _, g := range running {
					g.Settle(b.Context(), 3)
				}
				exact.Settle(b.Context(), 50_000)
				b.left(million/2-50_030, s)
				known.learn(used{million/2 + 50_030, million/2 + 50_030})
				later := s
				later.Since++
				b.left(million/2-50_030, later)
			})
		})
	}
}

// A scope of which nobody can say what it has used does not keep others from being asked for.
func TestSeedOfOthers(t *testing.T) {
	t.Parallel()
	eachSeeded(t, func(b *bench, known *book, _ func() *bench) {
		known.learn(used{95, 95})
		l := Limits{DayTokens: 100}
		other, s := Scope{"other", l}, only(l)
		b.must(b.take(1, other), "")
		b.must(b.take(6, s), "day of key")
		b.must(b.take(1, Scope{"another", l}, Scope{"key of it", l}), "")
		b.must(b.take(6, Scope{"another", l}, Scope{"key of it", l}), "day of key of it")
	})
}

// However many scopes cannot be asked for, few are remembered.
func TestSeedsThatRestAreBounded(t *testing.T) {
	t.Parallel()
	s := seeds{seed: &book{}}
	for i := range mostResting + 10 {
		s.leave(fmt.Sprint("key", i))
	}
	if len(s.rests) != mostResting || !s.silent(fmt.Sprint("key", mostResting+9)) {
		t.Errorf("%d are remembered", len(s.rests))
	}
}

// What is used while a quota is lifted is asked for once it is given again, whether the limits heard of it meanwhile or
// not; and an instance that is late with the news changes nothing.
func TestQuotaThatIsGivenAgain(t *testing.T) {
	t.Parallel()
	eachSeeded(t, func(b *bench, known *book, _ func() *bench) {
		before, wide := only(Limits{DayTokens: 1000, Since: 4}), Scope{"org", Limits{Requests: 100}}
		known.learn(used{100, 100})
		b.must(b.take(10, before, wide), "").Settle(b.Context(), 7)
		b.left(893, before, wide)
		b.must(b.take(10, Scope{before.ID, Limits{Requests: 100, Since: 5}}, wide), "").Settle(b.Context(), 105)
		known.learn(used{212, 212})
		after := only(Limits{DayTokens: 1000, Since: 6})
		b.left(788, after, wide)
		b.must(b.take(10, before, wide), "").Settle(b.Context(), 8)
		b.left(780, after, wide)
		if known.asked != 2 {
			b.Errorf("it was asked %d times", known.asked)
		}
		known.learn(used{512, 512})
		b.left(488, only(Limits{DayTokens: 1000, Since: 8}), wide)
	})
}
