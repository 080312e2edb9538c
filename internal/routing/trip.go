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

	asked   []bool // by target: whether its upstream was
	resort  bool   // whether no target was healthy, and the others may be asked
	unspent func() // gives a retry back that was allowed, and not yet sent; nil where there is none

	failed  error  // of the last target that was sent the request; see fail
	by      string // the upstream that it comes from
	held    error  // of the first that was not sent it, to spare the backend
	refused error  // of the first that was not, since its backend does not do what is asked for
}

// run asks targets until one answers, or nothing is left that may be tried.
func (t *trip) run(ctx context.Context) (*completion.Answer, error) {
	t.router.budget.request()
	t.asked = make([]bool, len(t.route.targets))
	defer t.giveBack()
	for i := t.next(); i >= 0; {
		work := &completion.Work{}
		answer, err := t.ask(ctx, i, work)
		switch {
		case err == nil:
			return answer, nil
		case ctx.Err() != nil:
			return nil, err
		case work.Sent.Load() > 0:
			t.fail(err)
			i = t.again(ctx, i, err, work)
		case apierror.FateOf(err) == apierror.Withheld:
			t.held = cmp.Or(t.held, err)
			i = t.next()
		default:
			t.refused = cmp.Or(t.refused, err)
			i = t.next()
		}
	}
	return nil, t.nobody()
}

// next picks the target that is asked next; -1 where there is none. Where none is healthy, one that is not
// is better than nothing, but for those that must be left alone. It is not better than what a healthy one
// has said.
func (t *trip) next() int {
	i := t.route.choose(t.asked, Upstream.Healthy)
	if i >= 0 || t.failed != nil && !t.resort {
		return i
	}
	t.resort = true
	return t.route.choose(t.asked, func(u Upstream) bool { return u.Wait() == 0 })
}

// ask asks one target. work tells whether the backend was sent anything.
func (t *trip) ask(ctx context.Context, i int, work *completion.Work) (*completion.Answer, error) {
	target := t.route.targets[i]
	for j, other := range t.route.targets { // a target of the same upstream is no other
		t.asked[j] = t.asked[j] || other.Upstream.Name() == target.Upstream.Name()
	}
	t.call.Work = work
	req, alias := t.req, target.Model != "" && target.Model != t.req.Model
	if alias {
		req = req.With("model", quoted(target.Model))
	}
	answer, err := target.Completer.Complete(ctx, req)
	if work.Sent.Load() > 0 {
		t.call.Upstream = target.Upstream.Name()
		if t.call.Attempts++; t.call.Attempts > 1 {
			t.router.retried(RetrySent)
		}
		t.unspent = nil
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

// fail keeps what the caller is told where nothing comes after it. That a backend was not even sent the
// request says less than the 429 or 503 of another, which may know when to come again.
func (t *trip) fail(err error) {
	fate := apierror.FateOf(err)
	if apierror.FateOf(t.failed) == apierror.TurnedAway && (fate == apierror.NotSent || fate == apierror.Withheld) {
		t.call.Upstream = t.by
		return
	}
	t.failed, t.by = err, t.call.Upstream
}

// again picks the target that a request is sent to once more that one has failed; -1 where it may not be.
// It waits where it has to be the same one. It is no one's turn where the caller has gone.
func (t *trip) again(ctx context.Context, i int, err error, work *completion.Work) int {
	retry := t.router.retry
	if !retry.may(apierror.FateOf(err), work) || t.call.Attempts >= retry.attempts(t.route) {
		return -1
	}
	other := t.next()
	if other >= 0 && apierror.FateOf(err) == apierror.NotSent {
		return other // it is its first request, and the one that is not there had none
	}
	var ok bool
	if t.unspent, ok = t.router.budget.retry(t.router.retry.Budget); !ok {
		t.router.retried(RetryWithheld)
		return -1
	}
	if other >= 0 {
		return other
	}
	var e *apierror.Error
	if !errors.As(err, &e) {
		return -1
	}
	if wait, ok := backoff(e, t.call.Attempts); !ok || !pause(ctx, wait) {
		return -1
	}
	return i
}

// giveBack leaves a retry to others that was allowed and never sent.
func (t *trip) giveBack() {
	if t.unspent != nil {
		t.unspent()
	}
}
