package usage

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Keeper deletes what is too old.
type Keeper interface {
	// ForgetUsage deletes records and sums from before two times; the zero time deletes none. Whatever the times, it
	// keeps callers from making as many sums of a day as they like. Of several
	// instances one does it, and none again until the last of the times.
	ForgetUsage(ctx context.Context, records, days, until time.Time) error
}

// Retention is how long records and the sums of days are kept; 0 is for ever.
type Retention struct{ Records, Days time.Duration }

const (
	upkeepEvery = time.Hour        // for all instances together
	upkeepAsks  = 10 * time.Minute // whether it is time
)

// StartUpkeep has what is too old deleted, until stop is called, which waits for it.
func StartUpkeep(k Keeper, r Retention, logger *slog.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(upkeepAsks)
		defer tick.Stop()
		for {
			now := time.Now()
			err := k.ForgetUsage(ctx, before(now, r.Records), before(now, r.Days), now.Add(upkeepEvery))
			if err != nil && ctx.Err() == nil {
				logger.WarnContext(ctx, "old usage not deleted", "cause", err)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}

func before(now time.Time, kept time.Duration) time.Time {
	if kept <= 0 {
		return time.Time{}
	}
	return now.Add(-kept)
}
