package limits

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

// Many at once take no more than the limit, and leave no place taken.
func TestTakingConcurrently(t *testing.T) {
	t.Parallel()
	test := func(t *testing.T, limiters ...Limiter) {
		t.Helper()
		const limit = 50
		id := fmt.Sprint("key", rand.Uint64())
		scopes := []Scope{{id, Limits{Requests: limit, Tokens: 10 * limit, Parallel: limit}}, {id + "org", Limits{Requests: 10 * limit}}}
		var granted atomic.Int64
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				for range 10 {
					g, err := limiters[i%len(limiters)].Take(context.Background(), scopes, 7)
					if err != nil {
						t.Error(err)
					} else if g.Refused == nil {
						granted.Add(1)
						g.Settle(context.Background(), 3)
					}
				}
			})
		}
		all.Wait()
		if n := granted.Load(); n != limit {
			t.Errorf("%d were granted, want %d", n, limit)
		}
		g, err := limiters[0].Take(context.Background(), []Scope{{id, Limits{Tokens: 10 * limit, Parallel: 1}}, scopes[1]}, 0)
		if err != nil || g.Refused != nil || g.Status.Tokens.Remaining != 10*limit-3*limit {
			t.Errorf("%+v, %v", g, err)
		}
	}
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(t, NewMemory(nil))
	})
	t.Run("two instances on one Redis", func(t *testing.T) {
		t.Parallel()
		test(t, newRedis(t), newRedis(t))
	})
}
