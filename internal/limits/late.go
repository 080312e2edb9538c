package limits

import (
	"context"
	"slices"
	"sync"
	"time"
)

// late are requests that Redis did not answer about: it may or may not have taken or settled them. What they
// took of a day or a month would be gone until its end.
type late struct {
	settling sync.Mutex // is held while they are settled
	mu       sync.Mutex
	requests []unsettled // the oldest first
}

const (
	// mostLate is how many are remembered. More come together only where Redis stops with so many under way.
	mostLate = 10_000
	// marked is how long Redis keeps the mark of a request that is not settled; as MARKED in window.lua.
	marked = 10 * time.Minute
)

type unsettled struct {
	*taken
	actual int64
	until  time.Time // when its mark may be gone
}

func (l *late) add(t *taken, actual int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.marked() && len(l.requests) < mostLate {
		l.requests = append(l.requests, unsettled{t, actual, time.Now().Add(marked)})
	}
}

func (l *late) all() []unsettled {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.requests)
}

func (l *late) forget(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests = slices.Delete(l.requests, 0, n)
}

// settleLate settles them, as far as Redis answers. Its mark of a request says whether that was taken, and is not
// settled; of one that Redis is yet to see, the mark that is left says that it has been given up.
func (r *Redis) settleLate(ctx context.Context) {
	r.late.settling.Lock()
	defer r.late.settling.Unlock()
	done := 0
	for _, u := range r.late.all() {
		if time.Now().Before(u.until) && u.tell(ctx, u.actual, "") != nil {
			break // Redis is still away
		}
		done++
	}
	r.late.forget(done)
}
