package limits

import "time"

// account is what a scope has used.
type account struct {
	requests, tokens *window // nil where nothing is limited, or nothing was used of late
	running          int64   // requests that are not settled,
	places           int64   // and those of them that began while they were limited
	day, month       tally
	seeded           bool  // whether these hold what was used before this process began,
	since            int64 // and before the limits were those since then
}

// tally is what was used in one day or month; some of it is held by requests that are not settled.
type tally struct{ period, used, held int64 }

// in is what was used in a period, the present one. A clock that went back takes along what was used.
func (t *tally) in(period int64) int64 {
	if period > t.period {
		t.used, t.held = 0, 0
	}
	t.period = period
	return t.used
}

// take holds so much of the present period.
func (t *tally) take(n int64) {
	t.used, t.held = t.used+n, t.held+n
}

// settle has what was taken in a period be what was used, if that is the present one, or a clock that went back has
// taken it to an earlier one.
func (t *tally) settle(period, taken, actual int64) {
	if t.period <= period {
		t.used, t.held = max(0, t.used+actual-taken), max(0, t.held-taken)
	}
}

// open begins a period with what was used before. What was counted meanwhile is most likely part of it; what is held
// is not.
func (t *tally) open(period, before int64) {
	t.in(period)
	t.used = max(t.used-t.held, before) + t.held
}

// calendar knows the present day and its month, for neither changes often.
type calendar struct{ day, month int64 }

func (c *calendar) at(now time.Time) (day, month int64) {
	if day := dayOf(now); day != c.day {
		c.day, c.month = day, monthOf(now)
	}
	return c.day, c.month
}

func (a *account) idle(now *held) bool {
	if a.running > 0 || a.seeded && a.day.period == now.day { // or it would be asked for again
		return false
	}
	for _, w := range []**window{&a.requests, &a.tokens} {
		if *w != nil && now.step-(*w).used >= steps {
			*w = nil
		}
	}
	return a.requests == nil && a.tokens == nil && a.day.in(now.day) == 0 && a.month.in(now.month) == 0
}
