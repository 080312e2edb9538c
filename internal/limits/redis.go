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
	late         late
	stop         context.CancelFunc
	running      sync.WaitGroup
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
		seeds:        seeds{seed: seed},
		taking:       redis.NewScript(windowLua + takeLua),
		settling:     redis.NewScript(windowLua + settleLua),
		now:          func() string { return "" },
		instance:     rand.Text(),
		leases:       leases{held: map[string]map[string]struct{}{}},
		stop:         stop,
		keyPrefix:    "specgate:limits:2:", // the number is of the layout that window.lua has: versions of two share no key
		leaseInMilli: strconv.FormatInt(lease.Milliseconds(), 10),
	}
	r.running.Go(func() { r.every(ctx, lease/3, r.renewAll) })
	r.running.Go(func() { r.every(ctx, rest, r.settleLate) })
	return r
}

// Take takes from all scopes, or from none; see Limiter. It asks Redis once, and once more where that does not
// know what a scope has used of its day and its month.
func (r *Redis) Take(ctx context.Context, scopes []Scope, tokens int64) (*Grant, error) {
	if len(scopes) == 0 {
		return &Grant{}, nil
	}
	t := &taken{redis: r, tokens: tokens, lease: r.instance + strconv.FormatUint(r.requests.Add(1), 36)}
	t.keys(scopes)
	reply, err := r.ask(ctx, t, func(s Scope) used {
		if r.seeds.silent(s.ID) {
			return used{unknown, unknown}
		}
		return used{unasked, unasked}
	})
	if err == nil && len(reply) == 2 && reply[0] == unseeded {
		reply, err = r.ask(ctx, t, r.before(ctx, time.UnixMilli(reply[1]).UTC()))
	}
	if err != nil {
		if !isAnswer(err) {
			r.late.add(t, 0) // nobody knows whether it was taken
		}
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

// before is what each scope of a request has used before. Once one cannot be told, no other is asked for: a request
// waits for one that is late, not for all.
func (r *Redis) before(ctx context.Context, at time.Time) func(Scope) used {
	ok := true
	return func(s Scope) (u used) {
		if !ok || r.seeds.silent(s.ID) {
			return used{unknown, unknown}
		}
		if u, ok = r.seeds.of(ctx, s.ID, at); !ok {
			return used{unknown, unknown}
		}
		return u
	}
}

// ask runs take.lua, with what each scope has used before.
func (r *Redis) ask(ctx context.Context, t *taken, before func(Scope) used) ([]int64, error) {
	args := append(make([]any, 0, 4+len(t.scopes)), r.now(), t.tokens, t.lease, r.leaseInMilli)
	for _, s := range t.scopes {
		u := used{unknown, unknown}
		if s.ofQuota() {
			u = before(s)
		}
		args = append(args, packed(nil, max(0, s.Requests), max(0, s.Tokens), max(0, s.Parallel), max(0, s.DayTokens), max(0, s.MonthTokens), u.day, u.month, s.Since))
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return r.taking.Run(ctx, r.client, t.names, args...).Int64Slice()
}

// every calls f time and again, until ctx ends.
func (r *Redis) every(ctx context.Context, d time.Duration, f func(ctx context.Context)) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			f(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// isAnswer reports whether an error is Redis' own: nothing was taken then.
func isAnswer(err error) bool {
	var answer redis.Error
	return errors.As(err, &answer)
}

// Close ends the renewal of leases, and the client. Leases that are held are left to run out.
func (r *Redis) Close() error {
	r.stop()
	r.running.Wait()
	return r.client.Close()
}
