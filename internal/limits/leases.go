package limits

import (
	"context"
	"slices"
	"sync"

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

// batch is how many leases are renewed by one script, and how many scripts are sent together.
const batch = 250

// renewals are the leases that are held, as the arguments of scripts.
func (r *Redis) renewals() (all []renewalOf) {
	r.leases.mu.Lock()
	defer r.leases.mu.Unlock()
	for key, set := range r.leases.held {
		args := r.renewalArgs()
		for id := range set {
			if args = append(args, id); len(args) == batch {
				all, args = append(all, renewalOf{key, args}), r.renewalArgs()
			}
		}
		if len(args) > 2 {
			all = append(all, renewalOf{key, args})
		}
	}
	return all
}

type renewalOf struct {
	key  string
	args []any
}

func (r *Redis) renewalArgs() []any { return []any{r.now(), r.leaseInMilli} }

// still are those of some leases that are held.
func (l *leases) still(key string, ids []string) (held map[string]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	held = map[string]bool{}
	for _, id := range ids {
		if _, ok := l.held[key][id]; ok {
			held[id] = true
		}
	}
	return held
}

// renewal has leases hold longer. It returns those that were not there, and are again: Redis has lost them, or they
// were given up since they were listed.
const renewal = `
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local anew = {}
for i = 3, #ARGV do
  if redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[i]) == 1 then anew[#anew + 1] = ARGV[i] end
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return anew
`

// renewAll renews all leases: those of thousands of scopes have to be renewed well before they run out.
func (r *Redis) renewAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lease/3)
	defer cancel()
	for some := range slices.Chunk(r.renewals(), batch) {
		answers, _ := r.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for _, one := range some {
				p.Eval(ctx, renewal, []string{one.key}, one.args...)
			}
			return nil
		}) // two more are tried before a lease runs out
		for i, answer := range answers {
			if anew, err := answer.(*redis.Cmd).StringSlice(); err == nil && len(anew) > 0 {
				r.giveUp(ctx, some[i].key, anew)
			}
		}
	}
}

// giveUp gives those places back that nobody holds any more. Who gives one up while this runs gives it back after it.
func (r *Redis) giveUp(ctx context.Context, key string, ids []string) {
	held := r.leases.still(key, ids)
	var over []any
	for _, id := range ids {
		if !held[id] {
			over = append(over, id)
		}
	}
	if len(over) > 0 {
		_ = r.client.ZRem(ctx, key, over...).Err() // else they run out
	}
}
