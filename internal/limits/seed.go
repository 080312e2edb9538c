package limits

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// Seed knows what scopes have used of a day and a month before this limiter began to count.
type Seed interface {
	// Used is the use of a scope in the day and the month of at.
	Used(ctx context.Context, scope string, at time.Time) (day, month int64, err error)
}

// seeds asks a seed, once for all who want the same. While it cannot say of a scope, nobody waits for it: limits then
// count from what is known here.
type seeds struct {
	seed   Seed // nil says nothing
	asking singleflight.Group

	mu    sync.Mutex
	rests map[string]time.Time // until when a scope is not asked for
}

// mostResting is how many scopes are remembered that are not asked for. Should there be more, some are asked for sooner.
const mostResting = 10_000

type used struct{ day, month int64 }

// of is what a scope has used; ok is false where nobody can say.
func (s *seeds) of(ctx context.Context, scope string, at time.Time) (u used, ok bool) {
	if s.silent(scope) {
		return u, false
	}
	answer := s.asking.DoChan(scope, func() (any, error) {
		asked, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		day, month, err := s.seed.Used(asked, scope, at)
		if err != nil {
			s.leave(scope)
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

// silent reports whether there is nobody to ask about a scope at present.
func (s *seeds) silent(scope string) bool {
	if s.seed == nil {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	until, rests := s.rests[scope]
	if rests && !time.Now().Before(until) {
		delete(s.rests, scope)
		return false
	}
	return rests
}

// leave has a scope not be asked for, for a while.
func (s *seeds) leave(scope string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rests == nil {
		s.rests = map[string]time.Time{}
	}
	if len(s.rests) >= mostResting {
		s.tidy()
	}
	s.rests[scope] = time.Now().Add(rest)
}

// tidy makes room for one more.
func (s *seeds) tidy() {
	now := time.Now()
	for scope, until := range s.rests {
		if !now.Before(until) {
			delete(s.rests, scope)
		}
	}
	for scope := range s.rests { // begins at any of them
		if len(s.rests) < mostResting {
			return
		}
		delete(s.rests, scope)
	}
}
