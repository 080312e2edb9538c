// Package guard stands before one backend and keeps harm from it and from those who wait for it: not
// more at one time than it may have, nothing for a while after it has failed too often, and a question
// now and then whether it is well. It knows no HTTP and no other backend; whoever chooses between
// backends asks it what it has found.
package guard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
)

// Backend is what stands behind a guard.
type Backend interface {
	Complete(ctx context.Context, req *completion.Request) (*completion.Answer, error)
	Models(ctx context.Context) (gen.ModelList, error)
	// Probe fails where the backend is not well.
	Probe(ctx context.Context, path string) error
}

// Options says how a backend is guarded. The zero Options lets everything through; Name is needed.
type Options struct {
	Name          string        // what the backend is called in logs
	MaxConcurrent int           // requests at one time, streams until they are closed; 0 is no limit
	MaxQueue      int           // requests that wait where there are so many
	QueueTimeout  time.Duration // how long; 0 is no limit
	Breaker       Breaker
	Health        Health

	// These are called from many goroutines at once, and may be nil. Attempted is called once for each request,
	// when it is over, with one of Outcomes; Waited for each that had to wait in the queue, with its context, how
	// long, and why it got no place, nil where it did; Tried for each trial of a half-open circuit that is over, with one of
	// Verdicts.
	Attempted func(outcome string)
	Waited    func(ctx context.Context, d time.Duration, err error)
	Tried     func(verdict string)
	Logger    *slog.Logger // for what changes; nil for nobody
}

// Guard stands before one backend. It may be used by many goroutines at once.
type Guard struct {
	options Options
	backend Backend
	places  *bulkhead
	circuit *breaker

	ill      atomic.Bool
	found    atomic.Bool        // whether a probe is over, and so ill is known
	entering atomic.Int64       // requests, and parts of them, that have not been let in or refused
	end      context.CancelFunc // ends the probes
	probing  sync.WaitGroup
}

// New returns a guard, and begins to ask the backend whether it is well where o says so. Close ends it.
func New(backend Backend, o Options) *Guard {
	if o.Attempted == nil {
		o.Attempted = func(string) {}
	}
	if o.Waited == nil {
		o.Waited = func(context.Context, time.Duration, error) {}
	}
	if o.Tried == nil {
		o.Tried = func(string) {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	g := &Guard{options: o, backend: backend, places: newBulkhead(o), circuit: newBreaker(o)}
	ctx, cancel := context.WithCancel(context.Background())
	g.end = cancel
	if o.Health.Interval > 0 {
		g.probing.Go(func() { g.probe(ctx) })
	}
	return g
}

// Close ends what runs for the guard itself, and waits for it. Requests go on.
func (g *Guard) Close() {
	g.end()
	g.probing.Wait()
}

// Name is what the backend is called.
func (g *Guard) Name() string { return g.options.Name }

// Known reports whether anything tells how the backend is: a probe that is over, or a circuit.
func (g *Guard) Known() bool {
	if g.options.Health.Interval > 0 {
		return g.found.Load() || g.circuit.wait() > 0
	}
	return g.circuit.circuit != nil
}

// Healthy reports whether the backend is well, as far as is known: asked, it answers, and it has not
// failed too often.
func (g *Guard) Healthy() bool { return !g.ill.Load() && g.circuit.wait() == 0 }

// Wait is how long the backend is still left alone; 0 where it is not.
func (g *Guard) Wait() time.Duration { return g.circuit.wait() }

// Full reports whether a request would have to wait for others.
func (g *Guard) Full() bool { return g.places.full() }

// Circuit is 0 where the circuit is closed, 1 where it is half open, 2 where it is open.
func (g *Guard) Circuit() int { return g.circuit.state() }

// State is what is known of the backend, in a word or two: ok, unhealthy, circuit open, circuit half-open, unknown.
func (g *Guard) State() string {
	switch g.circuit.state() {
	case int(gobreaker.StateOpen):
		return "circuit open"
	case int(gobreaker.StateHalfOpen):
		return "circuit half-open"
	}
	switch {
	case !g.Known():
		return "unknown"
	case g.ill.Load():
		return "unhealthy"
	}
	return "ok"
}

// InFlight is how many requests the backend has, and Queued how many wait for it.
func (g *Guard) InFlight() int { return int(g.places.inFlight.Load()) }

// Queued is how many requests wait for the backend.
func (g *Guard) Queued() int { return int(g.places.queued.Load()) }

// Parts is how many parts of requests that were split wait for a place that others of them have, or wait for.
func (g *Guard) Parts() int { return max(0, int(g.entering.Load()-g.places.queued.Load())) }

// Models lists the models of the backend. Nothing holds it back: it costs the backend little.
func (g *Guard) Models(ctx context.Context) (gen.ModelList, error) { return g.backend.Models(ctx) }

// Complete hands a request on, unless it has to be withheld, which is an *apierror.Error with that
// fate. A stream has its place until it is closed, and its outcome is known at its end. What the backend
// was given is counted in the call's Work.
func (g *Guard) Complete(ctx context.Context, req *completion.Request) (answer *completion.Answer, err error) {
	work := completion.CallOf(ctx).Work
	if work == nil {
		work = &completion.Work{}
	}
	p, err := g.enter(ctx, work)
	if err != nil {
		return nil, err
	}
	err = errUnknown
	defer func() {
		if err != nil || answer.Stream == nil { // a panic too, which must not keep the place
			p.tell(err)
			p.leave()
		}
	}()
	if answer, err = g.ask(ctx, req, work); err == nil && answer.Stream != nil {
		answer.Stream = &stream{Stream: answer.Stream, pass: p}
	}
	return answer, err
}

var errUnknown = errors.New("nobody knows what became of the request")

// ask hands a request to the backend, and counts it.
func (g *Guard) ask(ctx context.Context, req *completion.Request, work *completion.Work) (*completion.Answer, error) {
	work.Sent.Add(1)
	work.Begun.Add(1)
	answer, err := g.backend.Complete(ctx, req)
	if fate := apierror.FateOf(err); fate == apierror.NotSent || fate == apierror.TurnedAway {
		work.Begun.Add(-1)
	}
	return answer, err
}

// enter waits for a place, and asks the circuit last, which may have opened meanwhile. Of a request that was
// split, one part tries a half-open circuit, and the others wait for what it finds.
func (g *Guard) enter(ctx context.Context, work *completion.Work) (*pass, error) {
	g.entering.Add(1)
	defer g.entering.Add(-1)
	work.Entering.Lock()
	defer work.Entering.Unlock()
	if work.Trial != nil {
		select {
		case <-work.Trial:
		case <-ctx.Done():
		}
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("wait for %s: %w", g.options.Name, context.Cause(ctx))
	}
	if wait := g.circuit.wait(); wait > 0 {
		return nil, g.withhold(apierror.CircuitOpen(wait))
	}
	if err := g.places.enter(ctx, work); err != nil {
		return nil, g.withhold(err)
	}
	t, ok := g.circuit.enter()
	if !ok {
		g.places.leave()
		return nil, g.withhold(apierror.CircuitOpen(g.circuit.wait()))
	}
	work.Trial = t.over()
	return &pass{guard: g, ctx: ctx, ticket: t}, nil
}

// withhold counts what never came to the backend.
func (g *Guard) withhold(err error) error {
	if apierror.FateOf(err) == apierror.Withheld {
		g.options.Attempted(OutcomeWithheld)
	}
	return err
}
