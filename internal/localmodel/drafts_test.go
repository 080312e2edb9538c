package localmodel

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// begun is a request's task, and the start of its first prompt.
func begun(t *testing.T, fields string) (*task, *start) {
	t.Helper()
	task, err := model(t).newTask(t.Context(), request(fields))
	if err != nil {
		t.Fatal(err)
	}
	s, err := task.start(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return task, s
}

func drawn(t *testing.T, r *run) *draft {
	t.Helper()
	d, err := whole(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *draft) text() string {
	return strings.Join(each(d.pieces, func(p piece) string { return p.text }), "")
}

// The mean decides, not the sum: of drafts of different lengths the two differ.
func TestBestOfIsByTheMean(t *testing.T) {
	const drafts = 8
	bySum := func(a, b *draft) int { return cmp.Compare(b.logprob, a.logprob) }
	byMean := func(a, b *draft) int {
		return cmp.Compare(b.logprob/float64(b.drawn), a.logprob/float64(a.drawn))
	}
	otherwise := 0
	for seed := range 20 {
		for _, ends := range []string{`"logit_bias":{"100257":4}`, `"stop":["the","."]`} {
			fields := fmt.Sprintf(`"prompt":"In the morning","max_tokens":30,"seed":%d,%s`, seed, ends)
			task, s := begun(t, fields)
			var all []*draft
			for i := range drafts {
				all = append(all, drawn(t, task.run(s, i, 0)))
			}
			mean, sum := slices.Clone(all), slices.Clone(all)
			slices.SortStableFunc(mean, byMean)
			slices.SortStableFunc(sum, bySum)
			if mean[0] != sum[0] {
				otherwise++
			}
			for _, n := range []int{1, 3} {
				got := complete(t, fmt.Sprintf(`%s,"n":%d,"best_of":%d`, fields, n, drafts)).texts()
				if diff := gocmp.Diff(each(mean[:n], (*draft).text), got); diff != "" {
					t.Errorf("%s, %d of them (-by mean +got):\n%s", fields, n, diff)
				}
			}
		}
	}
	if otherwise < 10 {
		t.Errorf("the sum would choose otherwise %d times only", otherwise)
	}
}

// A suffix has the best of eight drafts: each of the eight may be the one, and no ninth.
func TestSuffixHasEightDrafts(t *testing.T) {
	const seeds, drafts = 60, 8
	chosen, better := map[int]int{}, 0
	for seed := range seeds {
		fields := fmt.Sprintf(`"prompt":"In the morning the","max_tokens":8,"suffix":" the harbour is quiet.","seed":%d,"logit_bias":{"100257":-100}`, seed)
		task, s := begun(t, fields)
		best, most := 0, math.Inf(-1)
		texts := make([]string, drafts+1)
		for i := range texts {
			d := drawn(t, task.run(s, 0, i))
			h, logprob := s.history, 0.0
			for _, p := range d.pieces {
				for _, one := range p.tokens {
					h = h.with(one.token)
				}
			}
			for _, id := range task.suffix {
				logprob += math.Log(task.model.ngrams.probability(h, id))
				h = h.with(id)
			}
			texts[i] = d.text()
			switch {
			case logprob <= most:
			case i == drafts:
				better++
			default:
				best, most = i, logprob
			}
		}
		chosen[best]++
		if got := complete(t, fields).texts()[0]; got != texts[best] {
			t.Errorf("seed %d gives %q, want draft %d, %q", seed, got, best, texts[best])
		}
	}
	if len(chosen) != drafts || better == 0 {
		t.Errorf("of %d seeds the drafts were chosen %v; a ninth would have been %d times", seeds, chosen, better)
	}
}

// The token that the prompt leaves unfinished is in the draft's first cluster; it came once.
func TestHistoryAfterAnUnfinishedEcho(t *testing.T) {
	m := model(t)
	smile, x := m.encode(t, "😀"), m.encode(t, " in the")
	for _, fields := range []string{`"max_tokens":0`, `"max_tokens":1`, `"max_tokens":2`} {
		fields += fmt.Sprintf(`,"prompt":[%d,%d,%d],"suffix":"y","echo":true,"logit_bias":{"%d":100}`, x[0], x[1], smile[0], smile[1])
		task, s := begun(t, fields)
		if len(s.rest.pending) != 1 {
			t.Fatalf("%d tokens are pending", len(s.rest.pending))
		}
		got, err := task.afterDraft(s, drawn(t, task.run(s, 0, 0)))
		if err != nil {
			t.Fatal(err)
		}
		text := slices.Clone(s.prompt)
		for range task.maxTokens {
			text = append(text, smile[1])
		}
		if want := after(text); got != want {
			t.Errorf("%s: history %v, want %v", fields, got, want)
		}
	}
}

// One model serves many at once, and a seed is a promise to each of them.
func TestSideBySide(t *testing.T) {
	for _, fields := range []string{
		`"prompt":["In the","On the"],"n":2,"best_of":3,"max_tokens":40,"temperature":1.4,"top_p":0.9,"frequency_penalty":1,"logprobs":3,"seed":6,"echo":true`,
		`"prompt":"In the","max_tokens":20,"suffix":" the sea.","logprobs":1,"seed":6`,
	} {
		want := complete(t, fields).Choices
		var group sync.WaitGroup
		bodies := make([][]byte, 8)
		for i := range bodies {
			group.Go(func() {
				got, err := model(t).Complete(t.Context(), request(fields))
				if err != nil {
					t.Error(err)
					return
				}
				bodies[i] = got.Body
			})
		}
		group.Wait()
		for i, body := range bodies {
			var got answered
			if err := json.Unmarshal(body, &got); err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(want, got.Choices); diff != "" {
				t.Errorf("goroutine %d (-alone +side by side):\n%s", i, diff)
			}
		}
	}
}

// leaving is a context that ends once it was looked at a number of times.
type leaving struct {
	context.Context
	looks int
}

var errLeft = errors.New("the caller is gone")

func (l *leaving) Err() error {
	if l.looks--; l.looks < 0 {
		return errLeft
	}
	return nil
}

func (l *leaving) Value(any) any { return nil }

// A caller who leaves is noticed between two choices too, though nothing be drawn for them.
func TestCancelledBetweenChoices(t *testing.T) {
	const n = 100
	for _, fields := range []string{`"max_tokens":0`, `"max_tokens":0,"echo":true`, `"max_tokens":0,"best_of":100`} {
		task, err := model(t).newTask(t.Context(), request(fmt.Sprintf(`"prompt":"x","n":%d,%s`, n, fields)))
		if err != nil {
			t.Fatal(err)
		}
		ctx := &leaving{t.Context(), n}
		if _, err := task.answer(ctx); !errors.Is(err, errLeft) || ctx.looks != -1 && ctx.looks != -2 {
			t.Errorf("%s: error %v, and then it went on for %d looks", fields, err, -ctx.looks)
		}
	}
}

// No piece comes to a caller who is gone, the echo included.
func TestNoPieceAfterTheEnd(t *testing.T) {
	gone, cancel := context.WithCancelCause(t.Context())
	cancel(errLeft)
	for _, fields := range []string{`"prompt":"x","echo":true`, `"prompt":"x","echo":true,"suffix":"y"`} {
		task, s := begun(t, fields)
		from, err := task.source(t.Context(), s, 0)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := from.next(gone); !errors.Is(err, errLeft) {
			t.Errorf("%s: %+v, error %v", fields, p, err)
		}
	}
}

// A stream draws the drafts of a choice when its turn comes, not those of all choices at first.
func TestStreamBeginsAChoiceAtItsTurn(t *testing.T) {
	looks := func(n int) int {
		req := request(fmt.Sprintf(`"prompt":"x","n":%d,"max_tokens":20,"suffix":"y","seed":1,"logit_bias":{"100257":-100}`, n))
		req.Stream = true
		ctx := &leaving{t.Context(), math.MaxInt}
		got, err := model(t).Complete(ctx, req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := got.Stream.Next(); err != nil {
			t.Fatal(err)
		}
		return math.MaxInt - ctx.looks
	}
	if one, many := looks(1), looks(50); many != one {
		t.Errorf("before the first chunk of 50 choices %d steps are taken, of one %d", many, one)
	}
}

// The choices of a large answer are held as JSON, in hardly more room than they take there.
func TestChoicesAreHeldAsJSON(t *testing.T) {
	task, err := model(t).newTask(t.Context(), request(`"prompt":"In the","n":20,"max_tokens":500,"logprobs":5,"seed":1,"logit_bias":{"100257":-100}`))
	if err != nil {
		t.Fatal(err)
	}
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	best, _, err := task.choices(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	held, size := heap()-before, 0
	for _, w := range best {
		size += len(w.fields)
	}
	if size < 20*500*100 || held > int64(size)*3/2 {
		t.Errorf("%d bytes of JSON hold %d bytes", size, held)
	}
	body := frameChoices([]byte(`{"choices":[]}`), best)
	if cap(body) > len(body)*11/10 || !json.Valid(body) {
		t.Errorf("a body of %d bytes has room for %d, and begins %.80s", len(body), cap(body), body)
	}
}

// Each token has a name of its own: they are the keys of top_logprobs.
func TestTokensHaveNamesOfTheirOwn(t *testing.T) {
	of := make(map[string]token, vocabularySize)
	eachToken(func(id token) {
		name := model(t).vocabulary.shown(id)
		if other, ok := of[name]; ok {
			t.Errorf("tokens %d and %d are both %q", other, id, name)
		}
		of[name] = id
		var back string
		if err := json.Unmarshal([]byte(quoted(name)), &back); err != nil || back != name {
			t.Errorf("token %d is %q, and quoted %s: %v", id, name, quoted(name), err)
		}
	})
}
