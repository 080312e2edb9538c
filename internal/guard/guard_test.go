package guard_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime"
	"slices"
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
	"github.com/specgate/specgate/internal/guard"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	errBroken = apierror.Upstream("The backend broke off.", nil)
	request   = &completion.Request{Body: []byte(`{"model":"m"}`), Model: "m"}
)

// scripted is a backend that does as it is told.
type scripted struct {
	answer func(ctx context.Context) (*completion.Answer, error)
	probe  func(ctx context.Context) error
	calls  atomic.Int64
	probes atomic.Int64
}

func (s *scripted) Complete(ctx context.Context, _ *completion.Request) (*completion.Answer, error) {
	s.calls.Add(1)
	return s.answer(ctx)
}

func (s *scripted) Models(context.Context) (gen.ModelList, error) { return gen.ModelList{}, nil }

func (s *scripted) Probe(ctx context.Context, _ string) error {
	s.probes.Add(1)
	return s.probe(ctx)
}

func fine(context.Context) (*completion.Answer, error) { return &completion.Answer{}, nil }
func fail(context.Context) (*completion.Answer, error) { return nil, errBroken }

// events is a stream of so many chunks, and then its end.
type events struct {
	left int
	end  error
}

func (e *events) Next() ([]byte, error) {
	if e.left == 0 {
		return nil, e.end
	}
	e.left--
	return []byte("{}"), nil
}

func (e *events) Close() error { return nil }

func streaming(chunks int, end error) func(context.Context) (*completion.Answer, error) {
	return func(context.Context) (*completion.Answer, error) {
		return &completion.Answer{Stream: &events{chunks, end}}, nil
	}
}

// outcomes gathers what a guard counts.
type outcomes struct {
	mu  sync.Mutex
	all []string
}

func (o *outcomes) add(outcome string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, outcome)
}

// complete asks through a guard, and reads a stream to its end.
func complete(g *guard.Guard) error {
	answer, err := g.Complete(context.Background(), request)
	if err != nil || answer.Stream == nil {
		return err
	}
	for err == nil {
		_, err = answer.Stream.Next()
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, answer.Stream.Close())
}

// breaking opens after three failures within a minute, for ten seconds.
var breaking = guard.Options{Name: "a", Breaker: guard.Breaker{Failures: 3, Window: time.Minute, Open: 10 * time.Second}}

// in runs a test in a time of its own, in front of a guard.
func in(t *testing.T, o guard.Options, s *scripted, test func(g *guard.Guard)) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		g := guard.New(s, o)
		defer g.Close()
		test(g)
	})
}

func withheld(err error) bool { return apierror.FateOf(err) == apierror.Withheld }

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

// A few failures among many answers are no reason to give a backend up.
func TestBreakerWeighsAnswers(t *testing.T) {
	s := &scripted{answer: fine}
	in(t, breaking, s, func(g *guard.Guard) {
		for range 10 {
			_ = complete(g)
		}
		s.answer = fail
		for range 9 {
			_ = complete(g)
		}
		if g.Circuit() != 0 {
			t.Error("9 of 19 have opened it")
		}
		if _ = complete(g); g.Circuit() != 2 {
			t.Error("10 of 20 have not")
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

func TestOutcomes(t *testing.T) {
	busy := func(header string) error {
		e := &apierror.Error{Status: 503, Fate: apierror.TurnedAway}
		if header != "" {
			e.Header = map[string][]string{header: {"1"}}
		}
		return e
	}
	unreached := apierror.Upstream("", nil)
	unreached.Fate = apierror.NotSent
	for name, test := range map[string]struct {
		answer func(context.Context) (*completion.Answer, error)
		want   string
		faulty bool
	}{
		"an answer":           {fine, guard.OutcomeOK, false},
		"a stream":            {streaming(3, io.EOF), guard.OutcomeOK, false},
		"a broken stream":     {streaming(3, errBroken), guard.OutcomeFailed, true},
		"500":                 {failing(&apierror.Error{Status: 500, Type: apierror.TypeServer}), guard.OutcomeFailed, true},
		"400":                 {failing(&apierror.Error{Status: 400}), guard.OutcomeRefused, false},
		"429":                 {failing(&apierror.Error{Status: 429, Fate: apierror.TurnedAway}), guard.OutcomeBusy, false},
		"503":                 {failing(busy("")), guard.OutcomeFailed, true},
		"503 with its time":   {failing(busy("Retry-After")), guard.OutcomeBusy, false},
		"503 in milliseconds": {failing(busy("Retry-After-Ms")), guard.OutcomeBusy, false},
		"nobody there":        {failing(unreached), guard.OutcomeUnreachable, true},
		"too slow":            {failing(apierror.UpstreamTimeout(nil)), guard.OutcomeTimeout, true},
		"its key refused":     {failing(apierror.UpstreamAuth(nil)), guard.OutcomeRefused, false},
		"the end of all":      {failing(apierror.ErrShuttingDown), guard.OutcomeCancelled, false},
	} {
		t.Run(name, func(t *testing.T) {
			var got outcomes
			o := breaking
			o.Attempted, o.Breaker.Failures = got.add, 1
			in(t, o, &scripted{answer: test.answer}, func(g *guard.Guard) {
				_ = complete(g)
				if diff := cmp.Diff([]string{test.want}, got.all); diff != "" {
					t.Errorf("outcomes (-want +got):\n%s", diff)
				}
				if faulty := g.Circuit() == 2; faulty != test.faulty {
					t.Errorf("the backend is at fault: %v", faulty)
				}
			})
			if !slices.Contains(guard.Outcomes(), test.want) {
				t.Errorf("%s is not listed", test.want)
			}
		})
	}
}

func failing(err error) func(context.Context) (*completion.Answer, error) {
	return func(context.Context) (*completion.Answer, error) { return nil, err }
}

func TestPlaces(t *testing.T) {
	s := &scripted{}
	in(t, guard.Options{Name: "a", MaxConcurrent: 2, MaxQueue: 1, QueueTimeout: time.Minute}, s, func(g *guard.Guard) {
		let := make(chan struct{}) // of the test's own time
		s.answer = func(context.Context) (*completion.Answer, error) {
			<-let
			return &completion.Answer{}, nil
		}
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if err := complete(g); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if g.InFlight() != 2 || g.Queued() != 1 || !g.Full() {
			t.Errorf("%d in flight, %d queued", g.InFlight(), g.Queued())
		}
		if err := complete(g); !withheld(err) {
			t.Errorf("one too many: %v", err)
		}
		close(let)
		all.Wait()
		if g.InFlight() != 0 || g.Queued() != 0 || g.Full() {
			t.Errorf("%d in flight, %d queued", g.InFlight(), g.Queued())
		}
	})
}

// However many come at one time, no more are ever seen to wait than may.
func TestQueueIsNeverTooLong(t *testing.T) {
	const most = 2
	s := &scripted{answer: streaming(1, io.EOF)}
	g := guard.New(s, guard.Options{Name: "a", MaxConcurrent: 1, MaxQueue: most})
	held, err := g.Complete(context.Background(), request)
	if err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(context.Background())
	var waiting, refused sync.WaitGroup
	for range most {
		waiting.Go(func() { _, _ = g.Complete(ctx, request) })
	}
	for g.Queued() < most {
		runtime.Gosched()
	}
	var tooMany atomic.Int64
	for range 4 {
		refused.Go(func() {
			for range 10_000 {
				if err := complete(g); !withheld(err) {
					t.Errorf("one too many: %v", err)
				}
				if g.Queued() > most {
					tooMany.Add(1)
				}
			}
		})
	}
	refused.Wait()
	leave()
	waiting.Wait()
	_ = held.Stream.Close()
	if n := tooMany.Load(); n > 0 {
		t.Errorf("%d times more than %d waited", n, most)
	}
}

func TestQueueEnds(t *testing.T) {
	s := &scripted{answer: streaming(1, io.EOF)}
	in(t, guard.Options{Name: "a", MaxConcurrent: 1, MaxQueue: 1, QueueTimeout: time.Minute}, s, func(g *guard.Guard) {
		answer, err := g.Complete(context.Background(), request)
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if err := complete(g); !withheld(err) || time.Since(begun) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		ctx, cancel := context.WithCancelCause(context.Background())
		time.AfterFunc(time.Second, func() { cancel(apierror.ErrShuttingDown) })
		if _, err := g.Complete(ctx, request); !errors.Is(err, apierror.ErrShuttingDown) {
			t.Errorf("a caller who cannot wait: %v", err)
		}
		_ = answer.Stream.Close()
		_ = answer.Stream.Close()
		if err := complete(g); err != nil || g.InFlight() != 0 {
			t.Errorf("%v, %d in flight", err, g.InFlight())
		}
	})
}

// A bug costs its own request, and no place.
func TestPanicsKeepNoPlace(t *testing.T) {
	s := &scripted{}
	o := breaking
	o.MaxConcurrent = 1
	in(t, o, s, func(g *guard.Guard) {
		open(g, s)
		time.Sleep(10*time.Second + 1)
		s.answer = func(context.Context) (*completion.Answer, error) { panic("a bug") }
		func() {
			defer func() { _ = recover() }()
			_ = complete(g)
		}()
		s.answer = fine
		if err := complete(g); err != nil || g.Circuit() != 0 || g.InFlight() != 0 {
			t.Errorf("%v, state %d, %d in flight", err, g.Circuit(), g.InFlight())
		}
	})
}

func TestWorkIsCounted(t *testing.T) {
	turned := &apierror.Error{Status: 503, Fate: apierror.TurnedAway}
	for name, test := range map[string]struct {
		answer      func(context.Context) (*completion.Answer, error)
		sent, begun int64
	}{
		"answered": {fine, 1, 1},
		"failed":   {fail, 1, 1},
		"refused":  {failing(turned), 1, 0},
	} {
		in(t, guard.Options{Name: "a"}, &scripted{answer: test.answer}, func(g *guard.Guard) {
			work := &completion.Work{}
			_, _ = g.Complete(&completion.Call{Context: context.Background(), Work: work}, request)
			if work.Sent.Load() != test.sent || work.Begun.Load() != test.begun {
				t.Errorf("%s: sent %d, begun %d", name, work.Sent.Load(), work.Begun.Load())
			}
		})
	}
}

func TestProbes(t *testing.T) {
	var ill atomic.Bool
	s := &scripted{answer: fine, probe: func(context.Context) error {
		if ill.Load() {
			return errBroken
		}
		return nil
	}}
	in(t, guard.Options{Name: "a", Health: guard.Health{Interval: 10 * time.Second, Timeout: time.Second, Path: "/models"}}, s, func(g *guard.Guard) {
		synctest.Wait()
		if s.probes.Load() != 1 || !g.Healthy() {
			t.Errorf("at first: %d probes", s.probes.Load())
		}
		ill.Store(true)
		time.Sleep(11 * time.Second)
		if !g.Healthy() {
			t.Error("one that is lost makes it ill")
		}
		time.Sleep(10 * time.Second)
		if g.Healthy() || g.Wait() != 0 {
			t.Errorf("after two: %v, %v", g.Healthy(), g.Wait())
		}
		if err := complete(g); err != nil {
			t.Errorf("it may be asked all the same: %v", err)
		}
		ill.Store(false)
		time.Sleep(10 * time.Second)
		if !g.Healthy() {
			t.Error("it is well again")
		}
	})
}

// A probe that hangs is one that fails, and none outlives its guard.
func TestProbesEnd(t *testing.T) {
	s := &scripted{probe: func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}}
	in(t, guard.Options{Name: "a", Health: guard.Health{Interval: 10 * time.Second, Timeout: time.Second, Path: "/"}}, s, func(g *guard.Guard) {
		time.Sleep(12 * time.Second)
		if g.Healthy() {
			t.Error("it is well")
		}
	})
}

// A bug on the way of a probe fails the probe, and not the process. The log says where it is, and
// nothing of what it held.
func TestProbesThatPanic(t *testing.T) {
	var mended atomic.Bool
	s := &scripted{probe: func(context.Context) error {
		if mended.Load() {
			return nil
		}
		panic("a secret")
	}}
	var log bytes.Buffer
	o := guard.Options{Name: "a", Health: guard.Health{Interval: 10 * time.Second, Timeout: time.Second, Path: "/"}, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	in(t, o, s, func(g *guard.Guard) {
		time.Sleep(11 * time.Second)
		if g.Healthy() {
			t.Error("it is well")
		}
		mended.Store(true)
		time.Sleep(10 * time.Second)
		if !g.Healthy() {
			t.Error("it is not well again")
		}
	})
	if got := log.String(); !strings.Contains(got, "upstream=a") || !strings.Contains(got, "guard_test.go:") || strings.Contains(got, "secret") {
		t.Errorf("the log:\n%s", got)
	}
}
