// Package fanout makes one completion of several: it asks for each part of a request side by side, and
// merges the answers, whole or streamed, into the one that the request asked for. It works on the
// bytes of answers that keep the contract, and so loses no digit and no field that it does not know.
// It knows neither who answers nor why a request was split.
package fanout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
)

// Completer answers one request, as handlers.Backend does.
type Completer interface {
	Complete(ctx context.Context, req *completion.Request) (*completion.Answer, error)
}

// Parts are what one request is made of: at least one request, each of which asks for one choice, and
// all of them or none for a stream.
type Parts struct {
	Count  int
	Stream bool
	// Of makes the part with this number, when it is its turn: no more of them are held than run. It is
	// called once for each, in their order, and by one goroutine at a time.
	Of func(i int) *completion.Request
	// Width is how many run at one time; 0 is all.
	Width int
	// MaxBytes bounds the answers that are no streams, all together; 0 is no limit.
	MaxBytes int
}

// Complete asks next for all parts, and makes one answer of theirs. The choice of a part gets the part's
// number for its index.
//
// The first part that fails fails all of them: the others are cancelled, and the error is returned
// or, once the stream has been returned, given by the stream. A stream is returned when all parts
// that run at one time have theirs, or the first chunk is there: a backend that works at fewer of them at
// a time begins with some only when others are over.
func Complete(ctx context.Context, next Completer, parts Parts) (*completion.Answer, error) {
	if parts.Width <= 0 || parts.Width > parts.Count {
		parts.Width = parts.Count
	}
	g := newGroup(ctx, next, parts)
	if parts.Stream {
		return g.stream() //nolint:contextcheck // the group has the caller's context, and its own end
	}
	return g.whole() //nolint:contextcheck // as above
}

// group is the parts of one request while they are asked for.
type group struct {
	next  Completer
	parts Parts
	free  chan struct{} // holds an item for each part that is under way

	calls   []completion.Call // the parts', each its own: two goroutines must not write to one
	ctx     context.Context   // of all parts; its end makes every one of them end soon
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	err     error       // why the first part failed that did
	begun   bool        // whether the backend has begun to answer one
	bytes   int         // of the answers that are no streams
	patient *time.Timer // ends the others some time after one was turned away; nil where none was
}

func newGroup(ctx context.Context, next Completer, parts Parts) *group {
	g := &group{next: next, parts: parts, free: make(chan struct{}, parts.Width)}
	g.calls = slices.Repeat([]completion.Call{*completion.CallOf(ctx)}, parts.Count)
	g.ctx, g.cancel = context.WithCancel(ctx)
	return g
}

// start runs ask for each part, on a goroutine of its own, when it is the part's turn.
func (g *group) start(ask func(ctx context.Context, i int, req *completion.Request) error) {
	g.running.Go(func() {
		defer g.recovered()
		for i := range g.parts.Count {
			select {
			case g.free <- struct{}{}:
			case <-g.ctx.Done():
			}
			if !g.goesOn() {
				return
			}
			req := g.parts.Of(i)
			g.running.Go(func() {
				defer g.recovered()
				g.calls[i].Context = g.ctx
				if err := ask(&g.calls[i], i, req); err != nil {
					g.fail(err)
				}
				<-g.free
			})
		}
	})
}

// goesOn reports whether one more part is to be asked for.
func (g *group) goesOn() bool {
	if g.ctx.Err() != nil {
		g.fail(context.Cause(g.ctx))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err == nil
}

// recovered makes a bug in one part the failure of the request: a goroutine that panics would end the
// process.
func (g *group) recovered() {
	if p := recover(); p != nil {
		g.fail(apierror.Recovered(p))
	}
}

// answered notes that the backend has begun to answer a part.
func (g *group) answered() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.begun = true
	if g.err != nil {
		g.cancel()
	}
}

// hold counts the bytes of an answer, and fails where those of all parts are too many.
func (g *group) hold(bytes int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.bytes += bytes; g.parts.MaxBytes > 0 && g.bytes > g.parts.MaxBytes {
		return apierror.UpstreamSpent(fmt.Sprintf("The backend's answers to the parts of the request are larger than %d bytes.", g.parts.MaxBytes), nil)
	}
	return nil
}

// othersTime is how long the others have where a part was turned away. A backend that takes one of them for
// too many is about to say so of them too, and then no part has run, and all of them may go elsewhere.
const othersTime = time.Second

// fail ends all parts for the failure of one. That they were ended is the failure of the others, and
// no news.
func (g *group) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		g.err = err
	}
	switch fate := apierror.FateOf(err); {
	case g.begun, fate == apierror.Unknown, fate == apierror.NoAnswer:
		g.cancel()
	case g.patient == nil:
		g.patient = time.AfterFunc(othersTime, g.cancel)
	}
}

// wait returns when no part is under way any more, and says why not all of them were answered. What was
// generated by then would be paid for again.
func (g *group) wait() error {
	g.running.Wait()
	g.cancel()
	if g.patient != nil {
		g.patient.Stop()
	}
	if g.err != nil && g.begun {
		return apierror.Spent(g.err)
	}
	return g.err
}

var errNoStream = errors.New("a part of a stream was answered with none")
