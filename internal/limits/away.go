package limits

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// ErrAway is a limiter that cannot be asked at present.
var ErrAway = errors.New("the limiter is away")

// rest is how long a limiter that is away is left alone, before one request asks it again.
const rest = time.Second

// Away stands in front of a limiter that may be out of reach. While it is, requests do not wait for it, and
// count elsewhere or fail.
type Away struct {
	asked   Limiter
	instead Limiter
	told    func(err error)
	until   atomic.Int64 // in ns since start, when it may be asked again; 0 while it is there
	start   time.Time
}

var _ Limiter = (*Away)(nil)

// NewAway returns a limiter that asks one, and while that is away another; nil for none: requests then fail
// with ErrAway. told hears of it once when it goes, and with nil once when it is back. Both are closed at
// the end.
func NewAway(asked, instead Limiter, told func(err error)) *Away {
	return &Away{asked: asked, instead: instead, told: told, start: time.Now()}
}

// Take asks the limiter, or what is there instead; see Limiter.
func (a *Away) Take(ctx context.Context, scopes []Scope, tokens int64) (*Grant, error) {
	if !a.mayAsk() {
		return a.without(ctx, scopes, tokens)
	}
	g, err := a.asked.Take(ctx, scopes, tokens)
	if err == nil {
		if a.until.Swap(0) != 0 {
			a.told(nil)
		}
		return g, nil
	}
	if ctx.Err() != nil { // that says nothing of the limiter
		return nil, context.Cause(ctx)
	}
	if a.until.Swap(int64(time.Since(a.start)+rest)) == 0 {
		a.told(err)
	}
	return a.without(ctx, scopes, tokens)
}

// mayAsk reports whether the limiter is there, or it is this request's turn to see.
func (a *Away) mayAsk() bool {
	until, now := a.until.Load(), time.Since(a.start)
	return until == 0 || int64(now) >= until && a.until.CompareAndSwap(until, int64(now+rest))
}

func (a *Away) without(ctx context.Context, scopes []Scope, tokens int64) (*Grant, error) {
	if a.instead == nil {
		return nil, ErrAway
	}
	return a.instead.Take(ctx, scopes, tokens)
}

// Gone reports whether the limiter is away.
func (a *Away) Gone() bool { return a.until.Load() != 0 }

// Close closes both.
func (a *Away) Close() error {
	err := a.asked.Close()
	if a.instead != nil {
		err = errors.Join(err, a.instead.Close())
	}
	return err
}
