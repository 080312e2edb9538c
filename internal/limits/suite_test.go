package limits

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

// bench is a limiter in a time of its own.
type bench struct {
	*testing.T
	Limiter
	sleep func(time.Duration)
	now   func() time.Time
	beat  func() // has the instance renew its leases; nil where there are none
	scope string // is before every id, so that tests share no count
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
			test(&bench{T: t, Limiter: NewMemory(nil), sleep: time.Sleep, now: time.Now})
		})
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		test(redisBench(t))
	})
}

func redisBench(t *testing.T) *bench {
	t.Helper()
	r := newRedis(t)
	now := begun
	r.now = func() string { return fmt.Sprint(now.UnixMilli()) }
	return &bench{
		T: t, Limiter: r, scope: t.Name() + r.instance,
		sleep: func(d time.Duration) { now = now.Add(d) },
		now:   func() time.Time { return now },
		beat:  func() { r.renewAll(t.Context()) },
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

// From idle the whole limit is granted at once, and nothing more until the time that is told is over.
func TestBurstOfTheWholeLimit(t *testing.T) {
	t.Parallel()
	eachLimiter(t, func(b *bench) {
		s := only(Limits{Requests: 40, Tokens: 1000})
		for range 40 {
			b.must(b.take(25, s), "").Settle(b.Context(), 25)
		}
		wait := b.must(b.take(25, s), "requests of key").Refused.Wait
		if wait < time.Minute || wait > time.Minute+step {
			b.Fatalf("all was taken at once, and it takes %v until there is more", wait)
		}
		b.sleep(wait - time.Millisecond)
		b.must(b.take(25, s), "requests of key")
		b.sleep(time.Millisecond)
		for range 40 {
			b.must(b.take(25, s), "").Settle(b.Context(), 25)
		}
	})
}

// Whatever comes when, no 60 s hold more than the limit; what is refused passes after the time that was told.
func TestAnyMinuteHoldsTheLimit(t *testing.T) {
	t.Parallel()
	eachLimiter(t, func(b *bench) {
		for seed := range uint64(8) {
			random := rand.New(rand.NewPCG(seed, 7))
			s := Scope{fmt.Sprint("key", seed), Limits{Requests: 5 + random.Int64N(60), Tokens: 100 + random.Int64N(2000)}}
			var times []time.Time
			var tokens []int64
			for range 400 {
				b.sleep(time.Duration(random.ExpFloat64() * float64(random.IntN(4)) * float64(300*time.Millisecond)))
				ask := random.Int64N(80)
				g := b.take(ask, s)
				if g.Refused != nil && random.IntN(10) == 0 {
					b.sleep(g.Refused.Wait - time.Millisecond)
					b.must(b.take(ask, s), map[Kind]string{Requests: "requests of ", Tokens: "tokens of "}[g.Refused.Kind]+s.ID)
					b.sleep(time.Millisecond)
					g = b.must(b.take(ask, s), "")
				}
				if g.Refused == nil {
					times, tokens = append(times, b.now()), append(tokens, ask)
				}
			}
			mustHold(b, s.Limits, times, tokens)
		}
	})
}

func mustHold(b *bench, l Limits, times []time.Time, tokens []int64) {
	b.Helper()
	first, sum, most := 0, int64(0), 0
	for i, at := range times {
		sum += tokens[i]
		for at.Sub(times[first]) >= time.Minute {
			sum -= tokens[first]
			first++
		}
		most = max(most, i-first+1)
		if int64(i-first+1) > l.Requests || sum > l.Tokens {
			b.Fatalf("60 s hold %d requests and %d tokens; the limits are %d and %d", i-first+1, sum, l.Requests, l.Tokens)
		}
	}
	if most == 0 {
		b.Fatal("nothing was granted")
	}
}

// A request that one scope refuses has taken nothing from any.
func TestAllOrNone(t *testing.T) {
	t.Parallel()
	for limit, reason := range map[Limits]string{
		{Requests: 2}: "requests of org", {Tokens: 50}: "tokens of org", {Parallel: 2}: "parallel of org",
		{DayTokens: 50}: "day of org", {MonthTokens: 50}: "month of org",
	} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			eachLimiter(t, func(b *bench) {
				wide := Limits{Requests: 4, Tokens: 100, Parallel: 4, DayTokens: 100, MonthTokens: 100}
				scopes := []Scope{{"key", wide}, {"project", wide}, {"org", limit}}
				b.must(b.take(25, scopes...), "")
				b.must(b.take(25, scopes...), "")
				for range 5 {
					b.must(b.take(25, scopes...), reason)
				}
				scopes[2].Limits = Limits{}
				b.must(b.take(25, scopes...), "")
				b.must(b.take(25, scopes...), "")
				if g := b.take(25, scopes...); g.Refused == nil {
					b.Error("the fifth was granted")
				}
			})
		})
	}
}

// What was not used is given back, and what was used beyond the estimate is taken.
func TestSettling(t *testing.T) {
	t.Parallel()
	eachLimiter(t, func(b *bench) {
		s := only(Limits{Tokens: 1000, DayTokens: 5000, MonthTokens: 5000})
		g := b.must(b.take(1000, s), "")
		b.must(b.take(1, s), "tokens of key")
		g.Settle(b.Context(), 10)
		g.Settle(b.Context(), 500) // only the first counts
		if left := b.must(b.take(0, s), "").Status.Tokens; left.Remaining != 990 || left.Limit != 1000 {
			b.Errorf("%+v is left", left)
		}
		b.sleep(30 * time.Second)
		b.must(b.take(1, s), "").Settle(b.Context(), 2000)
		b.must(b.take(1, s), "tokens of key")
		b.sleep(31 * time.Second) // what was taken first has left
		wait := b.must(b.take(1, s), "tokens of key").Refused.Wait
		b.sleep(wait)
		b.must(b.take(990, s), "").Settle(b.Context(), 2991)
		b.sleep(2 * time.Minute)
		b.must(b.take(1, s), "day of key")
	})
}

// A request that outlasts the window gives nothing back that the window does not hold any more.
func TestSettlingLate(t *testing.T) {
	t.Parallel()
	eachLimiter(t, func(b *bench) {
		s := only(Limits{Tokens: 100, Requests: 100})
		g := b.must(b.take(100, s), "")
		b.sleep(90 * time.Second)
		second := b.must(b.take(60, s), "")
		g.Settle(b.Context(), 0)
		if left := b.take(0, s).Status.Tokens; left.Remaining != 40 {
			b.Errorf("%+v is left", left)
		}
		b.sleep(90 * time.Second)
		second.Settle(b.Context(), 80) // 20 more than was reserved
		if left := b.take(0, s).Status.Tokens; left.Remaining != 80 || left.Reset < 59*time.Second {
			b.Errorf("%+v is left", left)
		}
		b.sleep(61 * time.Second)
		if left := b.take(0, s).Status.Tokens; left.Remaining != 100 || left.Reset != 0 {
			b.Errorf("%+v is left", left)
		}
	})
}

// A request that asks for more than the limit never passes, and is told so.
func TestMoreThanTheLimit(t *testing.T) {
	t.Parallel()
	eachLimiter(t, func(b *bench) {
		for _, s := range []Scope{only(Limits{Tokens: 10, DayTokens: 100}), {"other", Limits{MonthTokens: 10, Tokens: 100}}} {
			if g := b.take(11, s); g.Refused == nil || !g.Refused.Never {
				b.Errorf("%+v", g.Refused)
			}
			b.must(b.take(10, s), "")
		}
	})
}

// Days and months are those of the calendar, UTC; here both end in ten minutes, after a 29th of February.
func TestCalendar(t *testing.T) {
	t.Parallel()
	eachLimiter(t, func(b *bench) {
		day, month := Scope{"day", Limits{DayTokens: 100}}, Scope{"month", Limits{MonthTokens: 100}}
		late := b.must(b.take(100, day), "")
		b.must(b.take(100, month), "").Settle(b.Context(), 100)
		const left = 10*time.Minute - 123*time.Millisecond
		for reason, s := range map[string]Scope{"day of day": day, "month of month": month} {
			if wait := b.must(b.take(1, s), reason).Refused.Wait; wait != left {
				b.Errorf("%s: %v until midnight, want %v", reason, wait, left)
			}
		}
		b.sleep(left - time.Millisecond)
		b.must(b.take(1, month), "month of month")
		b.sleep(time.Millisecond)
		b.must(b.take(70, month), "")
		b.must(b.take(70, day), "")
		late.Settle(b.Context(), 0) // is of yesterday
		b.must(b.take(31, day), "day of day")
		if wait := b.must(b.take(31, month), "month of month").Refused.Wait; wait != 31*24*time.Hour {
			b.Errorf("%v until April", wait)
		}
		b.sleep(24 * time.Hour)
		b.must(b.take(100, day), "")
		b.must(b.take(31, month), "month of month")
	})
}

// A place is free again once its request is settled, not before.
func TestParallel(t *testing.T) {
	t.Parallel()
	eachLimiter(t, func(b *bench) {
		s := only(Limits{Parallel: 3, Requests: 1000})
		var running []*Grant
		for range 3 {
			running = append(running, b.must(b.take(0, s), ""))
		}
		for range 20 {
			b.sleep(lease / 3)
			if b.beat != nil {
				b.beat()
			}
			b.must(b.take(0, s), "parallel of key")
		}
		running[1].Settle(b.Context(), 0)
		b.must(b.take(0, s), "")
		b.must(b.take(0, s), "parallel of key")
	})
}

// What is left is told of the limit that is nearest to its end.
func TestStatus(t *testing.T) {
	t.Parallel()
	eachLimiter(t, func(b *bench) {
		scopes := []Scope{{"key", Limits{Requests: 10, Tokens: 500}}, {"project", Limits{}}, {"org", Limits{Requests: 5, Tokens: 1000, DayTokens: 200}}}
		left := b.must(b.take(150, scopes...), "").Status
		day := left.Tokens.Reset
		want := Status{Requests: Left{5, 4, left.Requests.Reset}, Tokens: Left{200, 50, day}}
		if diff := cmp.Diff(want, left); diff != "" {
			b.Errorf("(-want +got):\n%s", diff)
		}
		if left.Requests.Reset < time.Minute || left.Requests.Reset > time.Minute+step || day > 10*time.Minute {
			b.Errorf("%+v", left)
		}
		refused := b.must(b.take(51, scopes...), "day of org").Status
		if refused.Tokens.Remaining != 50 || refused.Requests.Remaining != 4 {
			b.Errorf("%+v", refused)
		}
		if left := b.take(3, scopes[0], Scope{ID: "org"}).Status; left.Requests.Remaining != 8 || left.Tokens.Remaining != 347 {
			b.Errorf("%+v", left)
		}
		if left := b.take(3, scopes[1]).Status; left != (Status{}) {
			b.Errorf("%+v is left of nothing", left)
		}
	})
}

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
