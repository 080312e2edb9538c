package guard_test

import (
	"context"
	"errors"
	"io"
	"slices"
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
