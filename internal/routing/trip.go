package routing

import (
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

	asked []bool // by target
	err   error  // of the last target that was asked
}

// run asks targets until one answers, or nothing is left that may be tried. What is told in the end is
// what the last backend said; what the gateway itself withheld is told where nobody was asked.
func (t *trip) run(ctx context.Context) (*completion.Answer, error) {
	t.router.budget.request()
	t.asked = make([]bool, len(t.route.targets))
	for {
		i := t.route.choose(t.asked)
		if i < 0 {
			return nil, t.nobody()
		}
		answer, err := t.ask(ctx, i)
		if err == nil {
			return answer, nil
		}
		if apierror.FateOf(err) == apierror.Withheld {
			if t.err == nil || apierror.FateOf(t.err) == apierror.Withheld {
				t.err = err
			}
			continue
		}
		t.err = err
		if !t.again(ctx, i) {
			return nil, err
		}
	}
}

// ask asks one target.
func (t *trip) ask(ctx context.Context, i int) (*completion.Answer, error) {
	target := t.route.targets[i]
	t.asked[i] = true
	req, alias := t.req, target.Model != "" && target.Model != t.req.Model
	if alias {
		req = req.With("model", quoted(target.Model))
	}
	answer, err := target.Completer.Complete(ctx, req)
	if apierror.FateOf(err) == apierror.Withheld {
		return nil, err
	}
	t.call.Upstream = target.Upstream.Name()
	t.call.Attempts++
	if err == nil && alias {
		answer = named(answer, t.req.Model)
	}
	return answer, err
}

// nobody is the error where no target is left to be asked.
func (t *trip) nobody() error {
	if t.err != nil {
		return t.err
	}
	return apierror.CircuitOpen(t.route.wait())
}

// again reports whether a request that a target has failed may be sent once more, and waits where it has
// to be the same target. It is no one's turn where the caller has gone.
func (t *trip) again(ctx context.Context, i int) bool {
	fate := apierror.FateOf(t.err)
	if !t.router.retry.may(fate) || t.call.Attempts >= t.router.retry.Attempts || ctx.Err() != nil {
		return false
	}
	if len(t.route.eligible(t.asked)) > 0 {
		return t.router.budget.retry()
	}
	var e *apierror.Error
	if !errors.As(t.err, &e) {
		return false
	}
	wait, ok := backoff(e, t.call.Attempts)
	if !ok || !t.router.budget.retry() || !pause(ctx, wait) {
		return false
	}
	t.asked[i] = false
	return true
}
