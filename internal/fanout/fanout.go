// Package fanout makes one completion of several: it asks for each part of a request side by side, and
// merges the answers, whole or streamed, into the one that the request asked for. It works on the
// bytes of answers that keep the contract, and so loses no digit and no field that it does not know.
// It knows neither who answers nor why a request was split.
package fanout

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
)

// Completer answers one request, as handlers.Backend does.
type Completer interface {
	Complete(ctx context.Context, req *completion.Request) (*completion.Answer, error)
}

// Complete asks next for each of the parts, of which there is at least one, width of them at a time; a
// width of 0 is all at once. Each part asks for one choice, and all of them or none for a stream. The
// choice of a part gets the part's place for its index.
//
// The first part that fails fails all of them: the others are cancelled, and the error is returned
// or, once the stream has been returned, given by the stream. A stream is returned when all parts
// have theirs, or the first chunk is there: a backend that works at fewer of them at a time begins
// with some only when others are over.
func Complete(ctx context.Context, next Completer, parts []*completion.Request, width int) (*completion.Answer, error) {
	if width <= 0 || width > len(parts) {
		width = len(parts)
	}
	g := newGroup(ctx, next, parts, width)
	if parts[0].Stream {
		return g.stream() //nolint:contextcheck // the group has the caller's context, and its own end
	}
	return g.whole() //nolint:contextcheck // as above
}

// group is the parts of one request while they are asked for.
type group struct {
	next  Completer
	parts []*completion.Request
	free  chan struct{} // holds an item for each part that is under way

	calls   []completion.Call // the parts', each its own: two goroutines must not write to one
	ctx     context.Context   // of all parts; its end makes every one of them end soon
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	err      error // why the first part failed that did
	answered int   // parts that are over, and did not fail
}

func newGroup(ctx context.Context, next Completer, parts []*completion.Request, width int) *group {
	g := &group{next: next, parts: parts, free: make(chan struct{}, width)}
	g.calls = slices.Repeat([]completion.Call{*completion.CallOf(ctx)}, len(parts))
	g.ctx, g.cancel = context.WithCancel(ctx)
	return g
}

// start runs ask for each part, on a goroutine of its own, when it is the part's turn.
func (g *group) start(ask func(ctx context.Context, i int) error) {
	g.running.Go(func() {
		for i := range g.parts {
			select {
			case g.free <- struct{}{}:
			case <-g.ctx.Done():
			}
			if g.ctx.Err() != nil {
				g.fail(context.Cause(g.ctx))
				return
			}
			g.running.Go(func() {
				g.calls[i].Context = g.ctx
				g.end(ask(&g.calls[i], i))
				<-g.free
			})
		}
	})
}

// end notes what became of a part.
func (g *group) end(err error) {
	if err != nil {
		g.fail(err)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answered++
}

// fail ends all parts for the failure of one. That they were ended is the failure of the others, and
// no news.
func (g *group) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err == nil {
		g.err = err
		if g.answered > 0 { // some of it was generated, and would be paid for again
			g.err = apierror.Spent(err)
		}
	}
	g.cancel()
}

// wait returns when no part is under way any more, and says why not all of them were answered.
func (g *group) wait() error {
	g.running.Wait()
	g.cancel()
	return g.err
}

var errNoStream = errors.New("a part of a stream was answered with none")
