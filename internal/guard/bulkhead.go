package guard

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
)

// afterFull is how long a caller is told to wait where all places are taken: nobody knows when one
// will be free.
const afterFull = time.Second

var errWaited = errors.New("no place became free in time")

// bulkhead holds a backend to so many requests at one time, and lets some wait in their order.
type bulkhead struct {
	name     string
	places   *semaphore.Weighted // nil for no limit
	most     int64
	maxQueue int64
	patience time.Duration
	waited   func(context.Context, time.Duration, error)

	inFlight, queued atomic.Int64
}

func newBulkhead(o Options) *bulkhead {
	b := &bulkhead{name: o.Name, most: int64(o.MaxConcurrent), maxQueue: int64(o.MaxQueue), patience: o.QueueTimeout, waited: o.Waited}
	if b.most > 0 {
		b.places = semaphore.NewWeighted(b.most)
	}
	return b
}

func (b *bulkhead) full() bool { return b.places != nil && b.inFlight.Load() >= b.most }

// enter takes a place, and leave gives it back. A request that was split waits as one: its parts ask for a
// place one after the other, and when one of them has had a place, the others wait for theirs as long as the
// caller does. What they wait for may be nothing but each other. work.Entering is held.
func (b *bulkhead) enter(ctx context.Context, work *completion.Work) error {
	if b.places != nil {
		if err := b.acquire(ctx, work.Entered); err != nil {
			return err
		}
		work.Entered = true
	}
	b.inFlight.Add(1)
	return nil
}

// acquire takes a place, and waits for one where there is none: in the queue, or with those who are in.
func (b *bulkhead) acquire(ctx context.Context, entered bool) error {
	switch {
	case b.places.TryAcquire(1):
		return nil
	case entered:
		return b.wait(ctx)
	default:
		return b.queue(ctx)
	}
}

func (b *bulkhead) leave() {
	b.inFlight.Add(-1)
	if b.places != nil {
		b.places.Release(1)
	}
}

// queue waits for a place.
func (b *bulkhead) queue(ctx context.Context) (err error) {
	if !b.lineUp() {
		return apierror.Busy(afterFull)
	}
	defer b.queued.Add(-1)
	defer func(from time.Time) { b.waited(ctx, time.Since(from), err) }(time.Now())
	waiting := ctx
	if b.patience > 0 {
		var cancel context.CancelFunc
		waiting, cancel = context.WithTimeoutCause(ctx, b.patience, errWaited)
		defer cancel()
	}
	return b.wait(waiting)
}

// lineUp counts one more in the queue, unless that is full: never one too many, not for a moment.
func (b *bulkhead) lineUp() bool {
	for {
		n := b.queued.Load()
		if n >= b.maxQueue {
			return false
		}
		if b.queued.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// wait waits for a place until ctx ends.
func (b *bulkhead) wait(ctx context.Context) error {
	if err := b.places.Acquire(ctx, 1); err == nil {
		return nil
	}
	if cause := context.Cause(ctx); !errors.Is(cause, errWaited) {
		return fmt.Errorf("wait for %s: %w", b.name, cause)
	}
	return apierror.Busy(afterFull)
}
