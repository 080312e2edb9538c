package limits

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// Seed knows what scopes have used of a day and a month before this limiter began to count.
type Seed interface {
	// Used is the use of a scope in the day and the month of at.
	Used(ctx context.Context, scope string, at time.Time) (day, month int64, err error)
}

// seeds asks a seed, once for all who want the same. While it cannot say, nobody waits for it: limits then count
// from what is known here.
type seeds struct {
	seed   Seed // nil says nothing
	asking singleflight.Group
	until  atomic.Int64 // when it may be asked again, in ns since start
	start  time.Time
}

// none reports whether there is nobody to ask at present.
func (s *seeds) none() bool { return s.seed == nil || int64(time.Since(s.start)) < s.until.Load() }

type used struct{ day, month int64 }

// of is what a scope has used; ok is false where nobody can say.
func (s *seeds) of(ctx context.Context, scope string, at time.Time) (u used, ok bool) {
	if s.none() {
		return u, false
	}
	answer := s.asking.DoChan(scope, func() (any, error) {
		asked, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		day, month, err := s.seed.Used(asked, scope, at)
		if err != nil {
			s.until.Store(int64(time.Since(s.start) + rest))
		}
		return used{day, month}, err
	})
	select {
	case <-ctx.Done():
		return u, false
	case got := <-answer:
		u, _ = got.Val.(used)
		return u, got.Err == nil
	}
}
