package limits

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
)

// bench is a limiter in a time of its own.
type bench struct {
	*testing.T
	Limiter
	sleep  func(time.Duration)
	now    func() time.Time
	set    func(time.Duration) // puts the clock on or back, while no time passes
	beat   func()              // has the instance renew its leases; nil where there are none
	expire func()              // has all keys of key expire; nil where there are none
	scope  string              // is before every id, so that tests share no count
}

// begun is when the time of every bench begins: near the end of a day and a month, within a step.
var begun = time.Date(2028, 2, 29, 23, 50, 0, 123_000_000, time.UTC)

// eachLimiter runs a test over both limiters.
func eachLimiter(t *testing.T, test func(b *bench)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(begun))
			m := NewMemory(nil)
			test(&bench{T: t, Limiter: m, sleep: time.Sleep, now: time.Now, set: m.set})
		})
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		test(redisBench(t))
	})
}

// set puts the calendar's clock on; the one that windows go by is never set.
func (m *Memory) set(d time.Duration) {
	now := m.now
	m.now, m.start = func() time.Time { return now().Add(d) }, m.start.Add(d)
}

func redisBench(t *testing.T) *bench {
	t.Helper()
	r := newRedis(t)
	now := begun
	ahead := time.Duration(0)
	r.now = func() string { return fmt.Sprint(now.Add(ahead).UnixMilli()) }
	scope := t.Name() + r.instance
	return &bench{
		T: t, Limiter: r, scope: scope,
		sleep: func(d time.Duration) { now = now.Add(d) },
		now:   func() time.Time { return now },
		set:   func(d time.Duration) { ahead += d },
		beat:  func() { r.renewAll(t.Context()) },
		expire: func() {
			key := fmt.Sprintf("%s{key%s}:key%s", r.keyPrefix, scope, scope)
			r.client.Del(t.Context(), key, key+":running")
		},
	}
}

// newRedis is a limiter over the Redis of SPECGATE_TEST_REDIS, without which the test is skipped.
func newRedis(tb testing.TB) *Redis {
	tb.Helper()
	url := os.Getenv("SPECGATE_TEST_REDIS")
	if url == "" {
		tb.Skip("SPECGATE_TEST_REDIS is not set")
	}
	options, err := redis.ParseURL(url)
	if err != nil {
		tb.Fatal(err)
	}
	r := NewRedis(redis.NewClient(options), nil)
	tb.Cleanup(func() { _ = r.Close() })
	return r
}

func (b *bench) id(name string) string { return name + b.scope }

// take takes from the scopes, by their names.
func (b *bench) take(tokens int64, scopes ...Scope) *Grant {
	b.Helper()
	named := make([]Scope, len(scopes))
	for i, s := range scopes {
		named[i] = Scope{b.id(s.ID), s.Limits}
	}
	g, err := b.Take(context.Background(), named, tokens)
	if err != nil {
		b.Fatal(err)
	}
	return g
}

// must take, or be refused for a reason: «requests of key».
func (b *bench) must(g *Grant, reason string) *Grant {
	b.Helper()
	got := ""
	if r := g.Refused; r != nil {
		got = []string{"", "requests", "tokens", "parallel", "day", "month"}[r.Kind] + " of " + strings.TrimSuffix(r.Scope, b.scope)
		if r.Wait <= 0 {
			b.Errorf("%s is refused without a time to wait", got)
		}
	}
	if got != reason {
		b.Fatalf("refused for %q, want %q", got, reason)
	}
	return g
}

func only(l Limits) Scope { return Scope{"key", l} }
