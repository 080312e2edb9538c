package limits

import (
	"context"
	"sync/atomic"
	"time"
)

// remind is how often at most it is told that a seed cannot say.
const remind = time.Minute

// Watched is a seed of which it shows where it cannot say what was used.
type Watched struct {
	Seed
	Counted func()          // is called each time
	Told    func(err error) // is called at first, and once in a while

	until atomic.Int64 // when it is told again, in ns since 1970
}

var _ Seed = (*Watched)(nil)

// Used asks the seed.
func (w *Watched) Used(ctx context.Context, scope string, at time.Time) (day, month int64, err error) {
	day, month, err = w.Seed.Used(ctx, scope, at)
	if err != nil {
		w.Counted()
		if until, now := w.until.Load(), time.Now(); now.UnixNano() >= until && w.until.CompareAndSwap(until, now.Add(remind).UnixNano()) {
			w.Told(err)
		}
	}
	return day, month, err
}
