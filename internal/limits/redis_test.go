package limits

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// spy notes the commands that Redis gets.
type spy struct {
	mu       sync.Mutex
	commands []string
	batches  int // of commands that were sent together
	keys     []string
}

func (s *spy) DialHook(next redis.DialHook) redis.DialHook { return next }

func (s *spy) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, all []redis.Cmder) error {
		s.mu.Lock()
		s.batches++
		s.mu.Unlock()
		return next(ctx, all)
	}
}

func (s *spy) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		s.mu.Lock()
		s.commands = append(s.commands, cmd.Name())
		if args := cmd.Args(); strings.HasPrefix(cmd.Name(), "eval") {
			for _, key := range args[3 : 3+args[2].(int)] {
				s.keys = append(s.keys, fmt.Sprint(key))
			}
		}
		s.mu.Unlock()
		return next(ctx, cmd)
	}
}

// However many scopes and limits there are, Redis is asked once; a cluster has all keys at one place, and none
// outlives its use.
func TestOneQuestion(t *testing.T) {
	t.Parallel()
	b := redisBench(t)
	r := b.Limiter.(*Redis)
	b.must(b.take(1, only(Limits{Requests: 1})), "").Settle(b.Context(), 1) // Redis has the script from here on
	watch := &spy{}
	r.client.AddHook(watch)
	all := Limits{Requests: 10, Tokens: 10, Parallel: 10, DayTokens: 10, MonthTokens: 10}
	g := b.must(b.take(1, Scope{"key", all}, Scope{"project", all}, Scope{"org", all}), "")
	if got := strings.Join(watch.commands, " "); got != "evalsha" {
		t.Errorf("Redis was asked %s", got)
	}
	if len(watch.keys) != 7 { // two a scope, and the mark
		t.Errorf("%d keys", len(watch.keys))
	}
	for _, key := range watch.keys {
		if !strings.Contains(key, "{"+b.id("org")+"}") {
			t.Errorf("%s is kept elsewhere than the others", key)
		}
		if ttl := r.client.PTTL(b.Context(), key).Val(); ttl <= 0 {
			t.Errorf("%s has %v to live", key, ttl)
		}
	}
	g.Settle(b.Context(), 1)
}

// Where only requests are limited, Redis is not told what was used.
func TestRequestsAloneAreNotSettled(t *testing.T) {
	t.Parallel()
	b := redisBench(t)
	use := func() { b.must(b.take(0, only(Limits{Requests: 9})), "").Settle(b.Context(), 25) }
	use() // Redis has the script from here on
	watch := &spy{}
	b.Limiter.(*Redis).client.AddHook(watch)
	use()
	use()
	if got := strings.Join(watch.commands, " "); got != "evalsha evalsha" {
		t.Errorf("Redis was asked %s", got)
	}
}

// The places of an instance that is gone are free after the lease; those of one that lives are not.
func TestPlacesOfTheDead(t *testing.T) {
	t.Parallel()
	b := redisBench(t)
	s := only(Limits{Parallel: 2})
	dead := newRedis(t)
	dead.now = b.Limiter.(*Redis).now
	if g, err := dead.Take(b.Context(), []Scope{{b.id("key"), s.Limits}}, 0); err != nil || g.Refused != nil {
		t.Fatal(g, err)
	}
	b.must(b.take(0, s), "")
	b.must(b.take(0, s), "parallel of key")
	b.sleep(lease / 3)
	b.beat()
	b.sleep(lease - lease/3)
	b.must(b.take(0, s), "")
	b.must(b.take(0, s), "parallel of key")
}

// A Redis that has lost everything knows the places of those who run once they are renewed.
func TestPlacesThatRedisLost(t *testing.T) {
	t.Parallel()
	b := redisBench(t)
	s := only(Limits{Parallel: 2})
	running := []*Grant{b.must(b.take(0, s), ""), b.must(b.take(0, s), "")}
	b.expire()
	b.must(b.take(0, s), "").Settle(b.Context(), 0)
	b.beat()
	b.must(b.take(0, s), "parallel of key")
	for _, g := range running {
		g.Settle(b.Context(), 0)
	}
	b.must(b.take(0, s), "")
	b.must(b.take(0, s), "")
	b.must(b.take(0, s), "parallel of key")
}

// between calls a function before commands are sent that are sent together.
type between struct {
	spy
	before func()
}

func (h *between) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, all []redis.Cmder) error {
		h.before()
		return next(ctx, all)
	}
}

// A place that is given up while it is renewed is free.
func TestPlaceThatIsGivenUpWhileItIsRenewed(t *testing.T) {
	t.Parallel()
	b := redisBench(t)
	s := only(Limits{Parallel: 1})
	g := b.must(b.take(0, s), "")
	b.Limiter.(*Redis).client.AddHook(&between{before: func() { g.Settle(b.Context(), 0) }})
	b.beat()
	b.must(b.take(0, s), "")
}

// However many places are held, in one scope or in many, Redis is asked a few times for all of them.
func TestManyPlacesAreRenewed(t *testing.T) {
	t.Parallel()
	b := redisBench(t)
	r := b.Limiter.(*Redis)
	const scopes, each = 3 * batch, 2 * batch
	many, one := Limits{Parallel: 1}, Scope{"one", Limits{Parallel: each}}
	for i := range scopes {
		b.must(b.take(0, Scope{fmt.Sprint("key", i), many}), "")
	}
	for range each {
		b.must(b.take(0, one), "")
	}
	watch := &spy{}
	r.client.AddHook(watch)
	b.sleep(lease / 3)
	b.beat()
	if got := watch.batches + len(watch.commands); got > 10 {
		t.Errorf("Redis was asked %d times", got)
	}
	b.sleep(lease - 1)
	b.must(b.take(0, one), "parallel of one")
	for i := range scopes {
		b.must(b.take(0, Scope{fmt.Sprint("key", i), many}), fmt.Sprint("parallel of key", i))
	}
}

// In production the time is the server's.
func TestTimeOfTheServer(t *testing.T) {
	t.Parallel()
	r := newRedis(t)
	scopes := []Scope{{t.Name() + r.instance, Limits{Requests: 1, DayTokens: 5}}}
	g, err := r.Take(t.Context(), scopes, 5)
	if err != nil || g.Refused != nil {
		t.Fatal(g, err)
	}
	reset, day := g.Status.Requests.Reset, g.Status.Tokens.Reset
	if reset < time.Minute || reset > time.Minute+step || day <= 0 || day > 24*time.Hour {
		t.Errorf("%+v", g.Status)
	}
	if g, err = r.Take(t.Context(), scopes, 0); err != nil || g.Refused == nil || g.Refused.Kind != Requests {
		t.Error(g, err)
	}
}

func TestMonthsOfTheScript(t *testing.T) {
	t.Parallel()
	b := redisBench(t)
	s := only(Limits{MonthTokens: 1})
	for range 60 { // five years
		b.must(b.take(1, s), "")
		b.sleep(b.must(b.take(1, s), "month of key").Refused.Wait - time.Millisecond)
		b.must(b.take(1, s), "month of key")
		b.sleep(time.Millisecond)
	}
}

// relay stands between an instance and Redis, and can be cut.
type relay struct {
	Limiter
	cut   bool
	asked int
}

var errCut = errors.New("cut")

func (r *relay) Take(ctx context.Context, scopes []Scope, tokens int64) (*Grant, error) {
	r.asked++
	if r.cut {
		return nil, errCut
	}
	return r.Limiter.Take(ctx, scopes, tokens)
}

// A Redis that does not answer costs its callers no more than one of them, once a while, has to wait.
func TestRedisOutOfReach(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	r := NewRedis(redis.NewClient(&redis.Options{Addr: address, MaxRetries: -1}), nil)
	defer func() { _ = r.Close() }()
	if g, err := r.Take(t.Context(), []Scope{only(Limits{Requests: 1})}, 0); err == nil {
		t.Errorf("%+v", g)
	}
}
