package limits

import (
	"testing"
	"time"
)

// A clock that is put back again and again does not have more granted: a minute is one that has passed.
func TestClockThatIsPutBack(t *testing.T) {
	t.Parallel()
	eachLimiter(t, func(b *bench) {
		s := only(Limits{Tokens: 1000, Requests: 1000})
		for range 10 {
			b.must(b.take(990, s), "").Settle(b.Context(), 0)
			b.set(-2 * time.Second)
			b.must(b.take(990, s), "").Settle(b.Context(), 0)
			for range 72 {
				b.sleep(time.Second)
				b.must(b.take(0, s), "").Settle(b.Context(), 0)
			}
		}
		b.must(b.take(1000, s), "")
		b.must(b.take(1, s), "tokens of key")
	})
}

// After a clock has been far ahead, a limit is whole again a minute after it was used, not an hour.
func TestClockThatWasAhead(t *testing.T) {
	t.Parallel()
	eachLimiter(t, func(b *bench) {
		s := only(Limits{Requests: 5, Tokens: 50})
		b.set(time.Hour)
		var running []*Grant
		for range 5 {
			running = append(running, b.must(b.take(10, s), ""))
		}
		b.set(-time.Hour)
		wait := b.must(b.take(10, s), "requests of key").Refused.Wait
		if wait > span+step {
			b.Fatalf("%v until a request passes", wait)
		}
		for _, g := range running {
			g.Settle(b.Context(), 0) // to a time that is yet to come
		}
		b.sleep(wait)
		for range 5 {
			b.must(b.take(10, s), "").Settle(b.Context(), 10)
		}
		b.must(b.take(10, s), "requests of key")
	})
}

// What was used of a day and a month while the clock was ahead is of the present ones, once it is put back; and what
// comes then counts.
func TestCalendarThatIsPutBack(t *testing.T) {
	t.Parallel()
	eachLimiter(t, func(b *bench) {
		for _, s := range []Scope{{"day", Limits{DayTokens: 100}}, {"month", Limits{MonthTokens: 100}}} {
			b.set(40 * 24 * time.Hour)
			ahead := b.must(b.take(60, s), "")
			b.set(-40 * 24 * time.Hour)
			b.must(b.take(41, s), s.ID+" of "+s.ID)
			b.must(b.take(40, s), "").Settle(b.Context(), 30)
			ahead.Settle(b.Context(), 50)
			b.must(b.take(21, s), s.ID+" of "+s.ID)
			b.must(b.take(20, s), "")
		}
		b.sleep(24 * time.Hour)
		b.must(b.take(100, Scope{"day", Limits{DayTokens: 100}}), "")
	})
}
