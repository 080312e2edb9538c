package routing

import (
	"cmp"
	"context"
	"errors"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
)

// trip is the way of one request from target to target. It belongs to one goroutine.
type trip struct {
	router *Router
	route  *route
	req    *completion.Request
	call   *completion.Call // is told where the request went, and how often

	asked   []bool // by target
	failed  error  // of the last target that was sent the request
	held    error  // of the first that was not sent it, to spare the backend
	refused error  // of the first that was not, since its backend does not do what is asked for
}

// run asks targets until one answers, or nothing is left that may be tried.
func (t *trip) run(ctx context.Context) (*completion.Answer, error) {
	t.router.budget.request()
	t.asked = make([]bool, len(t.route.targets))
	for {
		i := t.route.choose(t.asked)
		if i < 0 {
			return nil, t.nobody()
		}
		work := &completion.Work{}
		answer, err := t.ask(ctx, i, work)
		switch {
		case err == nil:
			return answer, nil
		case ctx.Err() != nil:
			return nil, err
		case work.Sent.Load() > 0:
			if t.failed = err; !t.again(ctx, i, work) {
				return nil, err
			}
		case apierror.FateOf(err) == apierror.Withheld:
			t.held = cmp.Or(t.held, err)
		default:
			t.refused = cmp.Or(t.refused, err)
		}
	}
}

// ask asks one target. work tells whether the backend was sent anything.
func (t *trip) ask(ctx context.Context, i int, work *completion.Work) (*completion.Answer, error) {
	target := t.route.targets[i]
	t.asked[i] = true
	t.call.Work = work
	req, alias := t.req, target.Model != "" && target.Model != t.req.Model
	if alias {
		req = req.With("model", quoted(target.Model))
	}
	answer, err := target.Completer.Complete(ctx, req)
	if work.Sent.Load() > 0 {
		t.call.Upstream = target.Upstream.Name()
		t.call.Attempts++
	}
	switch {
	case !alias:
		return answer, err
	case err != nil:
		return nil, reworded(err, target.Model, t.req.Model)
	}
	return named(answer, target.Model, t.req.Model), nil
}

// nobody is the error where no target is left to be asked: what the last one said that was sent the
// request; or else that it may be sent later; or else why it never can be.
func (t *trip) nobody() error {
	if err := cmp.Or(t.failed, t.held, t.refused); err != nil {
		return err
	}
	return apierror.CircuitOpen(t.route.wait())
}

// again reports whether a request that a target has failed may be sent once more, and waits where it has
// to be the same target. It is no one's turn where the caller has gone.
func (t *trip) again(ctx context.Context, i int, work *completion.Work) bool {
	retry := t.router.retry
	if !retry.may(apierror.FateOf(t.failed), work) || t.call.Attempts >= retry.Attempts {
		return false
	}
	if len(t.route.eligible(t.asked)) > 0 {
		return t.router.budget.retry()
	}
	var e *apierror.Error
	if !errors.As(t.failed, &e) {
		return false
	}
	wait, ok := backoff(e, t.call.Attempts)
	if !ok || !t.router.budget.retry() || !pause(ctx, wait) {
		return false
	}
	t.asked[i] = false
	return true
}
