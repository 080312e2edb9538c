package routing

import (
	"sync"
	"time"
)

const (
	budgetSeconds = 10 // the window, in seconds
	budgetLeast   = 3  // retries that are always allowed within it: a share of few requests is none
)

// budget bounds retries to a share of the requests, so that they never multiply the load on backends
// that fail because of it.
type budget struct {
	mu      sync.Mutex
	seconds [budgetSeconds]struct {
		second            int64
		requests, retries int
	}
}

// request counts a request.
func (b *budget) request() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seconds[b.present()].requests++
}

// retry reports whether one more retry is allowed within a share of the requests, and counts it. undo, which is nil where it is not, is for
// one that is not sent after all.
func (b *budget) retry(share float64) (undo func(), ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := b.present()
	requests, retries := 0, 0
	for _, s := range b.seconds {
		if s.second > b.seconds[at].second-budgetSeconds {
			requests += s.requests
			retries += s.retries
		}
	}
	if retries >= budgetLeast && float64(retries+1) > share*float64(requests) {
		return nil, false
	}
	b.seconds[at].retries++
	second := b.seconds[at].second
	return func() { b.undo(second) }, true
}

// undo takes a retry back that was counted in a second, if that is not forgotten already.
func (b *budget) undo(second int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := &b.seconds[second%budgetSeconds]; s.second == second {
		s.retries--
	}
}

// present is the place of this second, emptied where it held an older one; mu is held.
func (b *budget) present() int {
	now := time.Now().Unix()
	at := int(now % budgetSeconds)
	if s := &b.seconds[at]; s.second != now {
		s.second, s.requests, s.retries = now, 0, 0
	}
	return at
}
