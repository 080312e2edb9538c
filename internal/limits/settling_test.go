package limits

import (
	"testing"
	"time"
)

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

// A quota that was lifted while requests ran is given back nothing that they did not take of it.
func TestQuotaThatIsLifted(t *testing.T) {
	t.Parallel()
	eachLimiter(t, func(b *bench) {
		wide := Scope{"org", Limits{DayTokens: 1_000_000, Tokens: 1_000_000}}
		for _, s := range []Scope{{"day", Limits{DayTokens: 1000}}, {"month", Limits{MonthTokens: 1000}}} {
			b.must(b.take(100, s, wide), "").Settle(b.Context(), 100)
			var running []*Grant
			for range 10 {
				running = append(running, b.must(b.take(5000, Scope{s.ID, Limits{Requests: 1000}}, wide), ""))
			}
			for _, g := range running {
				g.Settle(b.Context(), 20)
			}
			b.must(b.take(901, s, wide), s.ID+" of "+s.ID)
			b.must(b.take(900, s, wide), "")
		}
	})
}

// Nor is a limit of a minute that was given, or lifted, while they ran.
func TestLimitThatIsGiven(t *testing.T) {
	t.Parallel()
	eachLimiter(t, func(b *bench) {
		s, wide := only(Limits{Tokens: 1000}), Scope{"org", Limits{Tokens: 1_000_000}}
		for range 2 {
			var running []*Grant
			for range 10 {
				running = append(running, b.must(b.take(5000, only(Limits{Requests: 1000}), wide), ""))
			}
			b.must(b.take(100, s, wide), "").Settle(b.Context(), 100)
			for i, g := range running {
				g.Settle(b.Context(), int64(i)*2000) // less, or more
			}
			b.must(b.take(901, s, wide), "tokens of key")
			b.must(b.take(900, s, wide), "").Settle(b.Context(), 900)
			b.sleep(span + step)
		}
	})
}

// A limit of places that is given is of the requests from then on: those that ran already have taken none, and free none.
// One that is lifted, and given again, finds those that took theirs.
func TestPlacesThatAreGiven(t *testing.T) {
	t.Parallel()
	eachLimiter(t, func(b *bench) {
		s, free := only(Limits{Parallel: 2, Requests: 1000}), only(Limits{Requests: 1000})
		var before []*Grant
		for range 5 {
			before = append(before, b.must(b.take(1, free), ""))
		}
		held := b.must(b.take(1, s), "")
		b.must(b.take(1, s), "")
		b.must(b.take(1, s), "parallel of key")
		for _, g := range before {
			g.Settle(b.Context(), 1)
		}
		b.must(b.take(1, s), "parallel of key")
		b.must(b.take(1, free), "").Settle(b.Context(), 1)
		b.must(b.take(1, s), "parallel of key")
		held.Settle(b.Context(), 1)
		b.must(b.take(1, s), "")
		b.must(b.take(1, s), "parallel of key")
	})
}

// What was used beyond the estimate counts, however long nothing else was asked.
func TestMoreAfterALongWhile(t *testing.T) {
	t.Parallel()
	eachLimiter(t, func(b *bench) {
		s := only(Limits{Tokens: 1000})
		g := b.must(b.take(100, s), "")
		b.sleep(5 * time.Minute)
		if b.expire != nil {
			b.expire()
		}
		g.Settle(b.Context(), 1600)
		if left := b.must(b.take(1, s), "tokens of key").Status.Tokens; left.Remaining != 0 {
			b.Errorf("%+v is left", left)
		}
		b.sleep(span + step)
		b.must(b.take(1000, s), "")
	})
}

// A step that has left the window is given nothing back, though another has its place by now.
func TestSettlingAfterTheWindow(t *testing.T) {
	t.Parallel()
	for name, back := range map[string]time.Duration{"clock goes on": 0, "clock is put back": span + step} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachLimiter(t, func(b *bench) {
				s := only(Limits{Tokens: 1000})
				g := b.must(b.take(100, s), "")
				b.sleep(span / 2)
				b.must(b.take(10, s), "")
				b.sleep(span/2 + step)
				b.must(b.take(200, s), "")
				if back > 0 {
					b.sleep(step)
				}
				b.left(790, s)
				b.set(-back)
				b.left(790, s)
				g.Settle(b.Context(), 0)
				b.left(790, s)
			})
		})
	}
}

// A window that Redis has lost gives back no more than it holds.
func TestSettlingAWindowThatIsLost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		later time.Duration
		left  int64
	}{"same step": {0, 1000}, "another step": {step, 980}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := redisBench(t)
			s := only(Limits{Tokens: 1000})
			g := b.must(b.take(100, s), "")
			b.expire()
			b.must(b.take(10, s), "")
			b.sleep(c.later)
			b.must(b.take(20, s), "")
			g.Settle(b.Context(), 0)
			b.left(c.left, s)
		})
	}
}

// What is settled once Redis has lost it leaves nothing behind.
func TestSettlingWhatIsLost(t *testing.T) {
	t.Parallel()
	b := redisBench(t)
	r := b.Limiter.(*Redis)
	g := b.must(b.take(100, only(Limits{Tokens: 1000, DayTokens: 1000})), "")
	b.expire()
	g.Settle(b.Context(), 10)
	if keys := r.client.Keys(b.Context(), r.keyPrefix+"{"+b.id("key")+"}*").Val(); len(keys) > 0 {
		t.Errorf("%q are left", keys)
	}
}
