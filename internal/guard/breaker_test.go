package guard_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/guard"
)

// breaking opens after three failures within a minute, for ten seconds.
var breaking = guard.Options{Name: "a", Breaker: guard.Breaker{Failures: 3, Window: time.Minute, Open: 10 * time.Second}}

func TestBreakerOpensAndCloses(t *testing.T) {
	s := &scripted{answer: fail}
	in(t, breaking, s, func(g *guard.Guard) {
		for range 3 {
			if err := complete(g); !errors.Is(err, errBroken) {
				t.Fatalf("closed: %v", err)
			}
		}
		if err := complete(g); !withheld(err) || g.Circuit() != 2 || g.Healthy() {
			t.Fatalf("open: %v, state %d", err, g.Circuit())
		}
		time.Sleep(4 * time.Second)
		if wait := g.Wait(); wait != 6*time.Second {
			t.Errorf("it waits for another %v", wait)
		}
		time.Sleep(6*time.Second + 1)
		if g.Circuit() != 1 || !g.Healthy() {
			t.Errorf("half open: state %d", g.Circuit())
		}
		if err := complete(g); !errors.Is(err, errBroken) || g.Circuit() != 2 {
			t.Fatalf("a trial that fails: %v, state %d", err, g.Circuit())
		}
		time.Sleep(10*time.Second + 1)
		s.answer = fine
		if err := complete(g); err != nil || g.Circuit() != 0 {
			t.Fatalf("a trial that does not: %v, state %d", err, g.Circuit())
		}
		if n := s.calls.Load(); n != 5 {
			t.Errorf("%d calls", n)
		}
	})
}

func TestBreakerForgets(t *testing.T) {
	s := &scripted{answer: fail}
	in(t, breaking, s, func(g *guard.Guard) {
		_ = complete(g)
		_ = complete(g)
		time.Sleep(2 * time.Minute)
		_ = complete(g)
		if g.Circuit() != 0 {
			t.Error("failures of long ago have opened it")
		}
	})
}

// A few failures among many answers are no reason to give a backend up. Some in a row are, however much it
// answered before.
func TestBreakerWeighsAnswers(t *testing.T) {
	s := &scripted{}
	some := func(g *guard.Guard, how func(context.Context) (*completion.Answer, error), count int) {
		s.answer = how
		for range count {
			_ = complete(g)
		}
	}
	in(t, breaking, s, func(g *guard.Guard) {
		some(g, fine, 6)
		for range 4 {
			some(g, fail, 2)
			some(g, fine, 1)
		}
		some(g, fail, 1)
		if g.Circuit() != 0 {
			t.Error("9 of 19 have opened it")
		}
		if some(g, fail, 1); g.Circuit() != 2 {
			t.Error("10 of 20 have not")
		}
	})
	in(t, breaking, s, func(g *guard.Guard) {
		some(g, fine, 100)
		if some(g, fail, 2); g.Circuit() != 0 {
			t.Error("2 in a row have opened it")
		}
		if some(g, fail, 1); g.Circuit() != 2 {
			t.Error("3 in a row have not")
		}
	})
}

// One that is slow to fail has failed now, not when it was sent.
func TestBreakerCountsAtTheEnd(t *testing.T) {
	s := &scripted{answer: func(context.Context) (*completion.Answer, error) {
		time.Sleep(10 * time.Minute)
		return nil, apierror.UpstreamTimeout(nil)
	}}
	in(t, breaking, s, func(g *guard.Guard) {
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() { _ = complete(g) })
		}
		all.Wait()
		if g.Circuit() != 2 {
			t.Errorf("state %d", g.Circuit())
		}
	})
}

// open makes the circuit of a guard open.
func open(g *guard.Guard, s *scripted) {
	s.answer = fail
	for range 3 {
		_ = complete(g)
	}
}

func TestBreakerLetsOneTry(t *testing.T) {
	s := &scripted{}
	in(t, breaking, s, func(g *guard.Guard) {
		open(g, s)
		time.Sleep(10*time.Second + 1)
		let := make(chan struct{})
		s.answer = func(context.Context) (*completion.Answer, error) {
			<-let
			return &completion.Answer{}, nil
		}
		var trial sync.WaitGroup
		trial.Go(func() { _ = complete(g) })
		synctest.Wait()
		if err := complete(g); !withheld(err) || g.Healthy() {
			t.Errorf("a second one: %v", err)
		}
		close(let)
		trial.Wait()
		if err := complete(g); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// hang has a backend answer each request when it is let.
func hang(s *scripted) (let chan struct{}) {
	let = make(chan struct{})
	s.answer = func(ctx context.Context) (*completion.Answer, error) {
		select {
		case <-let:
			return &completion.Answer{}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return let
}

// A trial that hangs keeps nobody from a backend that has recovered.
func TestBreakerOfATrialThatHangs(t *testing.T) {
	s := &scripted{}
	in(t, breaking, s, func(g *guard.Guard) {
		open(g, s)
		time.Sleep(10*time.Second + 1)
		let := hang(s)
		var trial sync.WaitGroup
		trial.Go(func() { _ = complete(g) })
		synctest.Wait()
		time.Sleep(10*time.Second - 1)
		if err := complete(g); !withheld(err) {
			t.Errorf("before its time is over: %v", err)
		}
		time.Sleep(time.Nanosecond)
		s.answer = fine
		if !g.Healthy() || g.Circuit() != 1 {
			t.Errorf("state %d, healthy %v", g.Circuit(), g.Healthy())
		}
		if err := complete(g); err != nil || g.Circuit() != 0 {
			t.Errorf("another: %v, state %d", err, g.Circuit())
		}
		close(let)
		trial.Wait()
		if err := complete(g); err != nil || g.Circuit() != 0 {
			t.Errorf("afterwards: %v, state %d", err, g.Circuit())
		}
	})
}

// Each trial is a request of somebody's: while they hang, the next ones come more and more seldom, until one
// is answered.
func TestBreakerOfTrialsThatHang(t *testing.T) {
	s := &scripted{}
	in(t, breaking, s, func(g *guard.Guard) {
		open(g, s)
		before := s.calls.Load()
		let := hang(s)
		var trials sync.WaitGroup
		for range 10 * 60 {
			time.Sleep(time.Second)
			if g.Wait() == 0 {
				trials.Go(func() { _ = complete(g) })
				synctest.Wait()
			}
		}
		if n := s.calls.Load() - before; n != 6 { // after 10, 20, 40, 80, 160 and 320 s
			t.Errorf("%d trials in ten minutes", n)
		}
		close(let)
		trials.Wait()
		if g.Circuit() != 0 {
			t.Errorf("state %d", g.Circuit())
		}
	})
}

// A backend that takes longer over an answer than a circuit is open closes it all the same.
func TestBreakerOfSlowBackends(t *testing.T) {
	for name, fails := range map[string]bool{"it answers": false, "it fails": true} {
		t.Run(name, func(t *testing.T) {
			s := &scripted{}
			in(t, breaking, s, func(g *guard.Guard) {
				open(g, s)
				time.Sleep(10*time.Second + 1)
				s.answer = func(ctx context.Context) (*completion.Answer, error) {
					time.Sleep(15 * time.Second)
					if fails {
						return fail(ctx)
					}
					return fine(ctx)
				}
				var trials sync.WaitGroup
				trials.Go(func() { _ = complete(g) })
				time.Sleep(10 * time.Second)
				trials.Go(func() { _ = complete(g) })
				time.Sleep(5*time.Second + 1)
				if closed := g.Circuit() == 0; closed == fails {
					t.Errorf("after the first: state %d", g.Circuit())
				}
				trials.Wait()
				if closed := g.Circuit() == 0; closed == fails {
					t.Errorf("after both: state %d", g.Circuit())
				}
			})
		})
	}
}

// One that was given up, and says nothing in the end, gives nobody else a turn.
func TestBreakerOfATrialThatIsGivenUp(t *testing.T) {
	s := &scripted{}
	in(t, breaking, s, func(g *guard.Guard) {
		open(g, s)
		time.Sleep(10*time.Second + 1)
		let := hang(s)
		ctx, leave := context.WithCancel(context.Background())
		var trials sync.WaitGroup
		trials.Go(func() { _, _ = g.Complete(ctx, request) })
		time.Sleep(10 * time.Second)
		trials.Go(func() { _ = complete(g) })
		synctest.Wait()
		leave()
		synctest.Wait()
		if err := complete(g); !withheld(err) {
			t.Errorf("a third: %v", err)
		}
		close(let)
		trials.Wait()
		if g.Circuit() != 0 {
			t.Errorf("state %d", g.Circuit())
		}
	})
}

// Those who come just when a circuit closes are no trials of it, however long they stay.
func TestBreakerOfThoseWhoComeAsItCloses(t *testing.T) {
	type faultyKey struct{}
	faulty := context.WithValue(context.Background(), faultyKey{}, true)
	for range 100 {
		let, tried := make(chan struct{}), atomic.Bool{}
		s := &scripted{answer: func(ctx context.Context) (*completion.Answer, error) {
			if ctx.Value(faultyKey{}) != nil {
				return fail(ctx)
			}
			if tried.Swap(true) {
				<-let
			}
			return fine(ctx)
		}}
		var refused atomic.Int64
		o := guard.Options{Name: "a", Breaker: guard.Breaker{Failures: 1, Window: time.Minute, Open: 5 * time.Millisecond}, Attempted: func(outcome string) {
			if outcome == guard.OutcomeWithheld {
				refused.Add(1)
			}
		}}
		g := guard.New(s, o)
		await := func(state int) {
			for g.Circuit() != state {
				runtime.Gosched()
			}
		}
		_, _ = g.Complete(faulty, request)
		await(1)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() { _ = complete(g) })
		}
		for s.calls.Load()+refused.Load() < 1+8 { // all of them are there, or were sent away
			runtime.Gosched()
		}
		_, _ = g.Complete(faulty, request)
		await(1)
		if !g.Healthy() {
			t.Error("it waits for a trial that there is not")
		}
		close(let)
		all.Wait()
	}
}

// A caller who leaves while his request tries gives the next one its turn.
func TestBreakerOfATrialThatSaysNothing(t *testing.T) {
	s := &scripted{}
	in(t, breaking, s, func(g *guard.Guard) {
		open(g, s)
		time.Sleep(10*time.Second + 1)
		ctx, cancel := context.WithCancel(context.Background())
		s.answer = func(ctx context.Context) (*completion.Answer, error) {
			cancel()
			return nil, ctx.Err()
		}
		if _, err := g.Complete(ctx, request); !errors.Is(err, context.Canceled) || g.Circuit() != 1 || !g.Healthy() {
			t.Fatalf("%v, state %d", err, g.Circuit())
		}
		s.answer = fine
		if err := complete(g); err != nil || g.Circuit() != 0 {
			t.Errorf("%v, state %d", err, g.Circuit())
		}
	})
}

// The first chunk closes the circuit; the stream may go on for hours, or fail after that.
func TestBreakerOfStreams(t *testing.T) {
	s := &scripted{}
	in(t, breaking, s, func(g *guard.Guard) {
		open(g, s)
		time.Sleep(10*time.Second + 1)
		s.answer = streaming(2, errBroken)
		answer, err := g.Complete(context.Background(), request)
		if err != nil || g.Circuit() != 1 {
			t.Fatalf("%v, state %d", err, g.Circuit())
		}
		if _, err := answer.Stream.Next(); err != nil || g.Circuit() != 0 {
			t.Fatalf("%v, state %d", err, g.Circuit())
		}
		for err == nil {
			_, err = answer.Stream.Next()
		}
		_ = answer.Stream.Close()
		for range 2 {
			_ = complete(g)
		}
		if g.Circuit() != 2 {
			t.Error("three broken streams have not opened it")
		}
	})
}
