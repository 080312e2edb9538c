package limits

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

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
