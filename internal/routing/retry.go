package routing

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
)

// Retry says when a request is sent again.
type Retry struct {
	Attempts int     // at most, the first included; 0 is one for each upstream of the model, and two at least
	Budget   float64 // retries as a share of the requests
	OnReset  bool    // also where the connection broke before an answer, though the backend may have worked
}

const (
	leastAttempts, mostAttempts = 2, 10 // where nobody says how many

	firstPause = 50 * time.Millisecond // before the same target is asked a second time, doubled for each further one
	maxPause   = 2 * time.Second       // longer, and the caller does better to wait
)

// attempts is how often a request that takes a route may be sent.
func (r Retry) attempts(on *route) int {
	if r.Attempts > 0 {
		return r.Attempts
	}
	upstreams := map[string]bool{}
	for _, t := range on.targets {
		upstreams[t.Upstream.Name()] = true
	}
	return min(max(leastAttempts, len(upstreams)), mostAttempts)
}

// may reports whether a request cannot have run, no part of it, or is one that may be run twice: the part
// whose connection broke, and no other.
func (r Retry) may(fate apierror.Fate, work *completion.Work) bool {
	switch fate {
	case apierror.Withheld, apierror.NotSent, apierror.TurnedAway:
		return work.Begun.Load() == 0
	case apierror.NoAnswer:
		return r.OnReset && work.Begun.Load() <= 1
	default:
		return false
	}
}

// backoff is how long to wait before the target that failed is asked again, and whether it is to be at
// all. One that says that it has had too many requests is to have no more, and one that is busy says when
// it will not be.
func backoff(e *apierror.Error, attempts int) (wait time.Duration, ok bool) {
	switch {
	case e.Status == http.StatusTooManyRequests:
		return 0, false
	case e.Fate == apierror.TurnedAway:
		wait, ok = retryAfter(e.Header)
		return wait + jitter(firstPause), ok && wait <= maxPause
	default:
		most := min(firstPause<<min(attempts-1, 10), maxPause)
		return most/2 + jitter(most/2), true
	}
}

// jitter is a time up to most, so that those who failed together do not come back together.
func jitter(most time.Duration) time.Duration {
	return time.Duration(rand.Int64N(int64(most) + 1)) //nolint:gosec // nothing is secret about it
}

// retryAfter is the time to wait that a backend names, to the millisecond where it can.
func retryAfter(h http.Header) (time.Duration, bool) {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms >= 0 && ms < 1e9 {
		return time.Duration(ms * float64(time.Millisecond)), true
	}
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds >= 0 && seconds < 1e6 {
		return time.Duration(seconds * float64(time.Second)), true
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(at)), true
	}
	return 0, false
}

// pause waits, and reports whether it could: not where the caller leaves, or could not have an answer
// after it any more.
func pause(ctx context.Context, wait time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
