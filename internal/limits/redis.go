package limits

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

//go:embed window.lua
var windowLua string

//go:embed take.lua
var takeLua string

//go:embed settle.lua
var settleLua string

const (
	// lease is how long a place is held for an instance that says nothing more: one that has died.
	lease = 30 * time.Second
	// patience is how long Redis may take.
	patience = time.Second
)

// Redis is the limiter of several instances that have one Redis, or one cluster. It may be used by many
// goroutines at once.
type Redis struct {
	client       redis.UniversalClient
	seeds        seeds
	taking       *redis.Script
	settling     *redis.Script
	now          func() string // the time that scripts are told; empty for the server's
	instance     string
	requests     atomic.Uint64 // that were taken, for their leases
	leases       leases
	stop         context.CancelFunc
	renewing     sync.WaitGroup
	keyPrefix    string
	leaseInMilli string
}

var _ Limiter = (*Redis)(nil)

// NewRedis returns a limiter over client, which it closes at its end. Scopes that Redis does not know begin with
// what seed says; nil says nothing.
func NewRedis(client redis.UniversalClient, seed Seed) *Redis {
	ctx, stop := context.WithCancel(context.Background())
	r := &Redis{
		client:       client,
		seeds:        seeds{seed: seed, start: time.Now()},
		taking:       redis.NewScript(windowLua + takeLua),
		settling:     redis.NewScript(windowLua + settleLua),
		now:          func() string { return "" },
		instance:     rand.Text(),
		leases:       leases{held: map[string]map[string]struct{}{}},
		stop:         stop,
		keyPrefix:    "specgate:limits:",
		leaseInMilli: strconv.FormatInt(lease.Milliseconds(), 10),
	}
	r.renewing.Go(func() { r.renew(ctx, lease/3) })
	return r
}

// Take takes from all scopes, or from none; see Limiter. It asks Redis once, and once more where that does not
// know what a scope has used of its day and its month.
func (r *Redis) Take(ctx context.Context, scopes []Scope, tokens int64) (*Grant, error) {
	if len(scopes) == 0 {
		return &Grant{}, nil
	}
	t := &taken{redis: r, tokens: tokens, lease: r.instance + strconv.FormatUint(r.requests.Add(1), 36)}
	t.keys(r.keyPrefix, scopes[len(scopes)-1].ID, limited(scopes))
	before := used{unasked, unasked}
	if r.seeds.none() {
		before = used{unknown, unknown}
	}
	reply, err := r.ask(ctx, t, func(Scope) used { return before })
	if err == nil && len(reply) == 2 && reply[0] == unseeded {
		at := time.UnixMilli(reply[1]).UTC()
		reply, err = r.ask(ctx, t, func(s Scope) used {
			if u, ok := r.seeds.of(ctx, s.ID, at); ok {
				return u
			}
			return used{unknown, unknown}
		})
	}
	if err != nil {
		return nil, fmt.Errorf("ask Redis for limits: %w", err)
	}
	if want := headFields + readingFields*len(t.scopes); len(reply) != want {
		return nil, fmt.Errorf("ask Redis for limits: %d numbers for an answer, not %d", len(reply), want)
	}
	g := t.grant(reply)
	if granted := reply[0] == 1; granted != (g.Refused == nil) {
		return nil, errors.New("ask Redis for limits: its answer contradicts itself")
	}
	return g, nil
}

// What take.lua is told of a scope's use before, where that is no number of tokens; and what it answers where it
// has to be told.
const (
	unasked  = -1
	unknown  = -2
	unseeded = 2
)

// ask runs take.lua, with what each scope has used before.
func (r *Redis) ask(ctx context.Context, t *taken, before func(Scope) used) ([]int64, error) {
	args := append(make([]any, 0, 4+7*len(t.scopes)), r.now(), t.tokens, t.lease, r.leaseInMilli)
	for _, s := range t.scopes {
		u := used{unknown, unknown}
		if s.ofCalendar() {
			u = before(s)
		}
		args = append(args, max(0, s.Requests), max(0, s.Tokens), max(0, s.Parallel), max(0, s.DayTokens), max(0, s.MonthTokens), u.day, u.month)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return r.taking.Run(ctx, r.client, t.names, args...).Int64Slice()
}

// Close ends the renewal of leases, and the client. Leases that are held are left to run out.
func (r *Redis) Close() error {
	r.stop()
	r.renewing.Wait()
	return r.client.Close()
}

// taken is a request that is not settled.
type taken struct {
	Grant
	redis            *Redis
	scopes           []Scope
	names            []string // of keys, two for each scope
	lease            string
	tokens           int64
	step, day, month int64
}

// keys names the keys of scopes. What is in braces tells a cluster where they are kept, all of them at one
// place.
func (t *taken) keys(prefix, widest string, scopes []Scope) {
	t.scopes = scopes
	for _, s := range scopes {
		name := prefix + "{" + widest + "}:" + s.ID
		t.names = append(t.names, name, name+":running")
	}
}

// What take.lua returns: numbers of the whole, then of each scope.
const (
	headFields    = 5
	readingFields = 9
)

func (t *taken) grant(reply []int64) *Grant {
	now := reply[1]
	t.step, t.day, t.month = reply[2], reply[3], reply[4]
	var readings []reading
	for rest := reply[headFields:]; len(rest) > 0; rest = rest[readingFields:] {
		readings = append(readings, reading{
			requests: use{rest[0], millis(rest[1]), millis(rest[2])},
			tokens:   use{rest[3], millis(rest[4]), millis(rest[5])},
			running:  rest[6], day: rest[7], month: rest[8],
		})
	}
	whole := leaves(t.step, time.Duration(now)*time.Millisecond)
	t.Grant = judge(t.scopes, readings, t.tokens, moment{time.UnixMilli(now).UTC(), whole})
	if t.Refused == nil {
		t.settler = t
		t.redis.leases.hold(t)
	}
	return &t.Grant
}

func millis(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// settle tells Redis before it returns, so that the caller's next request finds the place free. Where it
// cannot, the lease runs out, and what was reserved counts.
func (t *taken) settle(ctx context.Context, actual int64) {
	t.redis.leases.drop(t)
	args := append(make([]any, 0, 6+len(t.scopes)), t.redis.now(), actual-t.tokens, t.lease, t.step, t.day, t.month)
	places := false
	for _, s := range t.scopes {
		args = append(args, s.Tokens > 0)
		places = places || s.Parallel > 0
	}
	if actual == t.tokens && !places {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	_ = t.redis.settling.Run(ctx, t.redis.client, t.names, args...).Err() // see above; the next Take tells of it
}
