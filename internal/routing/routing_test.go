package routing_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/routing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// backend is an upstream that is as it is told to be.
type backend struct {
	name string
	ill  bool
	wait time.Duration
	full bool
	fail func(call int) error // nil for an answer
	work int                  // what it counts beside, as of other parts of the request

	refuse error // why it does not take a request, before anything is sent

	calls  int
	models []string
	asked  atomic.Int64
	hang   bool
}

func (b *backend) Healthy() bool       { return !b.ill && b.wait == 0 }
func (b *backend) Wait() time.Duration { return b.wait }
func (b *backend) Full() bool          { return b.full }

// Name is one of its own where it has none.
func (b *backend) Name() string {
	if b.name == "" {
		return fmt.Sprintf("%p", b)
	}
	return b.name
}

func (b *backend) Models(ctx context.Context) (list gen.ModelList, err error) {
	b.asked.Add(1)
	if b.hang {
		<-ctx.Done()
		return list, ctx.Err()
	}
	for _, id := range b.models {
		list.Data = append(list.Data, gen.Model{Id: id})
	}
	return list, nil
}

func (b *backend) Complete(ctx context.Context, _ *completion.Request) (*completion.Answer, error) {
	if b.refuse != nil {
		return nil, b.refuse
	}
	b.calls++
	var err error
	if b.fail != nil {
		err = b.fail(b.calls)
	}
	if fate := apierror.FateOf(err); fate != apierror.Withheld {
		work := completion.CallOf(ctx).Work
		work.Sent.Add(1)
		if fate != apierror.NotSent && fate != apierror.TurnedAway {
			work.Begun.Add(1)
		}
		work.Begun.Add(int64(b.work))
	}
	if err != nil {
		return nil, err
	}
	return &completion.Answer{Body: []byte(`{"by":"` + b.name + `"}`)}, nil
}

// failing always gives an error of a fate and a status.
func failing(fate apierror.Fate, status int, header ...string) func(int) error {
	e := &apierror.Error{Status: status, Fate: fate, Header: http.Header{}}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		e.Header.Set(name, value)
	}
	return func(int) error { return e }
}

func to(b *backend, weight, priority int) routing.Target {
	return routing.Target{Upstream: b, Completer: b, Weight: weight, Priority: priority}
}

// twice is the default: a second try, in a budget that is never spent here.
var twice = routing.Retry{Attempts: 2, Budget: 1}

func router(t *testing.T, retry routing.Retry, targets ...routing.Target) *routing.Router {
	t.Helper()
	r := routing.New(routing.Options{Models: map[string][]routing.Target{"m": targets}, Retry: retry})
	t.Cleanup(r.Close)
	return r
}

// ask makes a request, and returns what was answered and what the call was told.
func ask(ctx context.Context, r *routing.Router) (string, *completion.Call, error) {
	call := &completion.Call{Context: ctx}
	answer, err := r.Complete(call, &completion.Request{Body: []byte(`{"model":"m"}`), Model: "m"}) //nolint:contextcheck // call has ctx in it
	if err != nil {
		return "", call, err
	}
	return string(answer.Body), call, nil
}

func TestChoice(t *testing.T) {
	type state struct {
		ill, full bool
		wait      time.Duration
	}
	busy := state{full: true}
	ill, open := state{ill: true}, state{wait: time.Second}
	for name, test := range map[string]struct {
		a, b, c state // a and b of priority 1 and weights 2 and 1, c of priority 2
		want    string
	}{
		"all are well":               {state{}, state{}, state{}, "aabaab"},
		"one is ill":                 {ill, state{}, state{}, "bbbbbb"},
		"one is open":                {state{}, open, state{}, "aaaaaa"},
		"a priority is ill":          {ill, open, state{}, "cccccc"},
		"one is full":                {busy, state{}, state{}, "bbbbbb"},
		"a priority is full":         {busy, busy, state{}, "aabaab"},
		"all are ill":                {ill, ill, ill, "aabaab"},
		"all are ill, one is open":   {ill, open, ill, "aaaaaa"},
		"all are open but the worst": {open, open, ill, "cccccc"},
	} {
		t.Run(name, func(t *testing.T) {
			targets := make([]routing.Target, 3)
			for i, s := range []state{test.a, test.b, test.c} {
				b := &backend{name: string(rune('a' + i)), ill: s.ill, full: s.full, wait: s.wait}
				targets[i] = to(b, 2-min(i, 1), 1+i/2)
			}
			r := router(t, twice, targets...)
			got := map[byte]int{}
			for range 6 {
				body, _, err := ask(t.Context(), r)
				if err != nil {
					t.Fatal(err)
				}
				got[body[len(`{"by":"`)]]++
			}
			want := map[byte]int{}
			for i := range test.want {
				want[test.want[i]]++
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("turns (-want +got):\n%s", diff)
			}
		})
	}
}

// Shares hold for any run of as many requests as the weights add up to, not on average alone.
func TestSharesAreSmooth(t *testing.T) {
	a, b, c := &backend{name: "a"}, &backend{name: "b"}, &backend{name: "c"}
	r := router(t, twice, to(a, 5, 1), to(b, 1, 1), to(c, 1, 1))
	got := ""
	for range 7 {
		body, _, _ := ask(t.Context(), r)
		got += body[len(`{"by":"`) : len(body)-2]
	}
	if got != "aabacaa" {
		t.Errorf("turns %s", got)
	}
}

func TestNobodyIsLeft(t *testing.T) {
	withheld := func(int) error { return apierror.Busy(time.Second) }
	refusal := errors.New("not supported here")
	for name, test := range map[string]struct {
		a, b     *backend
		attempts int
		want     string
	}{
		"all circuits are open":           {&backend{wait: 9 * time.Second}, &backend{wait: 4 * time.Second}, 0, "503 after 4"},
		"all are full":                    {&backend{fail: withheld}, &backend{fail: withheld}, 0, "503 after 1"},
		"one refused, the other withheld": {&backend{fail: failing(apierror.TurnedAway, 429, "Retry-After: 7")}, &backend{fail: withheld}, 1, "429 after 7"},
		"one failed, the other open":      {&backend{fail: failing(apierror.NotSent, 502)}, &backend{wait: time.Second}, 2, "502 after "},
		"one refused, the other dead":     {&backend{fail: failing(apierror.TurnedAway, 429, "Retry-After: 7")}, &backend{fail: failing(apierror.NotSent, 502)}, 2, "429 after 7"},
		"one refused, the other refused":  {&backend{fail: failing(apierror.TurnedAway, 429, "Retry-After: 7")}, &backend{fail: failing(apierror.TurnedAway, 503, "Retry-After: 9")}, 2, "503 after 9"},
		"one refused, the other ill":      {&backend{fail: failing(apierror.TurnedAway, 429, "Retry-After: 7")}, &backend{ill: true}, 1, "429 after 7"},
		"one refused, the other failed":   {&backend{fail: failing(apierror.TurnedAway, 429, "Retry-After: 7")}, &backend{fail: failing(apierror.Unknown, 504)}, 2, "504 after "},
		"both are ill, one refused":       {&backend{ill: true, fail: failing(apierror.NotSent, 502)}, &backend{ill: true, fail: failing(apierror.TurnedAway, 429, "Retry-After: 7")}, 2, "429 after 7"},
		"both failed":                     {&backend{fail: failing(apierror.NotSent, 502)}, &backend{fail: failing(apierror.TurnedAway, 503)}, 2, "503 after "},
		"neither can":                     {&backend{refuse: refusal}, &backend{refuse: errors.New("nor here")}, 0, ""},
		"one can, later":                  {&backend{refuse: refusal}, &backend{fail: withheld}, 0, "503 after 1"},
		"one could, and failed":           {&backend{fail: failing(apierror.NotSent, 502)}, &backend{refuse: refusal}, 1, "502 after "},
	} {
		t.Run(name, func(t *testing.T) {
			r := router(t, twice, to(test.a, 1, 1), to(test.b, 1, 2))
			_, call, err := ask(t.Context(), r)
			var e *apierror.Error
			if errors.As(err, &e) {
				if got := fmt.Sprintf("%d after %s", e.Status, e.Header.Get("Retry-After")); got != test.want {
					t.Errorf("%s, want %s", got, test.want)
				}
			} else if test.want != "" || !errors.Is(err, refusal) {
				t.Errorf("%v", err)
			}
			if call.Attempts != test.attempts {
				t.Errorf("%d attempts, want %d", call.Attempts, test.attempts)
			}
		})
	}
}

// A part of a split request that may have run is not to run again.
func TestPartsThatRan(t *testing.T) {
	a, b := &backend{fail: failing(apierror.TurnedAway, 503), work: 1}, &backend{}
	if _, call, err := ask(t.Context(), router(t, twice, to(a, 1, 1), to(b, 1, 2))); err == nil || call.Attempts != 1 || b.calls != 0 {
		t.Errorf("%v after %d attempts", err, call.Attempts)
	}
}

// Where the connection broke of one part, no other may have begun, whatever is allowed.
func TestPartsThatMayHaveRun(t *testing.T) {
	for others, status := range []int{200, 502} {
		a, b := &backend{fail: failing(apierror.NoAnswer, 502), work: others}, &backend{}
		_, call, err := ask(t.Context(), router(t, routing.Retry{Attempts: 2, Budget: 1, OnReset: true}, to(a, 1, 1), to(b, 1, 2)))
		if again := status == 200; (err == nil) != again || call.Attempts != 1+b.calls || (b.calls == 1) != again {
			t.Errorf("with %d others: %v after %d attempts", others, err, call.Attempts)
		}
	}
}

// Another target of the same upstream is no other, when that has failed; it may be the first that is asked.
func TestTargetsOfOneUpstream(t *testing.T) {
	a, b := &backend{name: "a", fail: failing(apierror.TurnedAway, 429)}, &backend{name: "b"}
	other := to(a, 1, 1)
	other.Model = "other"
	r := router(t, routing.Retry{Attempts: 3, Budget: 1}, to(a, 1, 1), other, to(b, 1, 2))
	for range 2 {
		if _, call, err := ask(t.Context(), r); err != nil || call.Attempts != 2 || call.Upstream != "b" {
			t.Errorf("%v after %d attempts, from %s", err, call.Attempts, call.Upstream)
		}
	}
	alone := router(t, routing.Retry{Attempts: 3, Budget: 1}, to(a, 1, 1), other)
	if _, call, err := ask(t.Context(), alone); err == nil || call.Attempts != 1 {
		t.Errorf("%v after %d attempts of one upstream", err, call.Attempts)
	}
}

// Between two tries of one target lies a time that grows.
func TestPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		a := &backend{fail: func(int) error {
			at = append(at, time.Now())
			return failing(apierror.NotSent, 502)(0)
		}}
		_, call, err := ask(t.Context(), router(t, routing.Retry{Attempts: 4, Budget: 1}, to(a, 1, 1)))
		if err == nil || call.Attempts != 4 {
			t.Fatalf("%v after %d attempts", err, call.Attempts)
		}
		for i, most := range []time.Duration{50, 100, 200} {
			if pause := at[i+1].Sub(at[i]); pause < most*time.Millisecond/2 || pause > most*time.Millisecond {
				t.Errorf("pause %d is %v", i, pause)
			}
		}
	})
}

func TestNoRetryWhereNoTimeRemains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &backend{fail: failing(apierror.TurnedAway, 503, "Retry-After: 2")}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		if _, _, err := ask(ctx, router(t, twice, to(a, 1, 1))); err == nil || a.calls != 1 || time.Since(begun) != 0 {
			t.Errorf("%v after %d calls and %v", err, a.calls, time.Since(begun))
		}
	})
}

func TestNoRetryForACallerWhoHasGone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	a := &backend{fail: func(int) error {
		cancel()
		return failing(apierror.NotSent, 502)(0)
	}}
	b := &backend{}
	if _, _, err := ask(ctx, router(t, twice, to(a, 1, 1), to(b, 1, 2))); err == nil || b.calls != 0 {
		t.Errorf("%v, and the other was asked %d times", err, b.calls)
	}
}

// Retries are a share of what was asked lately, but for a few.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &backend{fail: failing(apierror.TurnedAway, 429)}, &backend{}
		r := router(t, routing.Retry{Attempts: 2, Budget: 0.1}, to(a, 1, 1), to(b, 1, 2))
		many := func(n int) (saved int) {
			for range n {
				if _, _, err := ask(t.Context(), r); err == nil {
					saved++
				}
			}
			return saved
		}
		if saved := many(100); saved != 10 {
			t.Errorf("%d of 100 were sent again", saved)
		}
		time.Sleep(5 * time.Second)
		if saved := many(10); saved != 1 {
			t.Errorf("%d of 10 more", saved)
		}
		time.Sleep(10 * time.Second)
		if saved := many(10); saved != 3 {
			t.Errorf("%d of 10, long after", saved)
		}
	})
}

// A retry that no backend was sent in the end is left to others.
func TestBudgetOfWhatIsWithheld(t *testing.T) {
	a := &backend{fail: failing(apierror.TurnedAway, 429)}
	b := &backend{fail: func(call int) error {
		if call <= 20 {
			return apierror.Busy(time.Second)
		}
		return nil
	}}
	r := router(t, routing.Retry{Attempts: 2}, to(a, 1, 1), to(b, 1, 2))
	saved := 0
	for range 30 {
		if _, _, err := ask(t.Context(), r); err == nil {
			saved++
		}
	}
	if saved != 3 {
		t.Errorf("%d were sent again", saved)
	}
}

// However many ask at one time, and however slow a backend is, it is asked once, and waited for no
// longer than it may take.
func TestModelsAreAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, mute := &backend{name: "a", models: []string{"x-1"}}, &backend{name: "mute", hang: true}
		r := routing.New(routing.Options{Models: map[string][]routing.Target{"x-*": {to(a, 1, 1), to(mute, 1, 1)}}})
		defer r.Close()
		list := func(ctx context.Context) int {
			models, _ := r.Models(ctx)
			return len(models.Data)
		}
		begun := time.Now()
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if n := list(t.Context()); n != 1 {
					t.Errorf("%d models", n)
				}
			})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if n := list(ctx); n != 1 {
			t.Errorf("with less time: %d models", n)
		}
		cancel()
		ctx, cancel = context.WithCancel(t.Context())
		cancel()
		if _, err := r.Models(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller who leaves: %v", err)
		}
		all.Wait()
		if took := time.Since(begun); took != 3*time.Second {
			t.Errorf("it took %v", took)
		}
		if list(t.Context()) != 1 || a.asked.Load() != 1 || mute.asked.Load() != 1 {
			t.Errorf("asked %d and %d times", a.asked.Load(), mute.asked.Load())
		}
		time.Sleep(10 * time.Second)
		a.models = []string{"x-1", "x-2"}
		begun = time.Now()
		if n := list(t.Context()); n != 1 || time.Since(begun) != 0 {
			t.Errorf("an old list: %d models after %v", n, time.Since(begun))
		}
		synctest.Wait()
		if n := list(t.Context()); n != 2 || a.asked.Load() != 2 || mute.asked.Load() != 2 || time.Since(begun) != 0 {
			t.Errorf("a new one: %d models, asked %d and %d times", n, a.asked.Load(), mute.asked.Load())
		}
	})
}
