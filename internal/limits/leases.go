package limits

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// leases are the places that this instance holds, by the key of the set that they are in.
type leases struct {
	mu   sync.Mutex
	held map[string]map[string]struct{}
}

func (l *leases) hold(t *taken) {
	for i, s := range t.scopes {
		if s.Parallel > 0 {
			l.change(t.names[2*i+1], func(set map[string]struct{}) { set[t.lease] = struct{}{} })
		}
	}
}

func (l *leases) drop(t *taken) {
	for i, s := range t.scopes {
		if s.Parallel > 0 {
			l.change(t.names[2*i+1], func(set map[string]struct{}) { delete(set, t.lease) })
		}
	}
}

func (l *leases) change(key string, how func(set map[string]struct{})) {
	l.mu.Lock()
	defer l.mu.Unlock()
	set := l.held[key]
	if set == nil {
		set = map[string]struct{}{}
		l.held[key] = set
	}
	if how(set); len(set) == 0 {
		delete(l.held, key)
	}
}

// all are the leases that are held, as the arguments of renewals.
func (l *leases) all() map[string][]any {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[string][]any{}
	for key, set := range l.held {
		for id := range set {
			all[key] = append(all[key], id)
		}
	}
	return all
}

// renewal has leases hold longer. One that was given up in the meantime is not taken anew.
var renewal = redis.NewScript(`
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
for i = 3, #ARGV do redis.call('ZADD', KEYS[1], 'XX', now + ARGV[2], ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
`)

// renew renews all leases time and again, until ctx ends.
func (r *Redis) renew(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			r.renewAll(ctx)
		case <-ctx.Done():
			return
		}
	}
}

func (r *Redis) renewAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lease/3)
	defer cancel()
	for key, ids := range r.leases.all() {
		args := append([]any{r.now(), strconv.FormatInt(lease.Milliseconds(), 10)}, ids...)
		_ = renewal.Run(ctx, r.client, []string{key}, args...).Err() // two more are tried before it runs out
	}
}
