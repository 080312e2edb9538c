package limits

import "time"

// reading is what a scope has used when more is asked of it.
type reading struct {
	requests, tokens use
	running          int64
	day, month       int64
	leaves           time.Duration // until what is taken now has left the windows
}

// use is what was used in the window.
type use struct {
	sum   int64
	wait  time.Duration // until what is asked for fits
	whole time.Duration // until nothing of it counts any more
}

// soon is when a request that is one too many at one time may be made again: nobody knows.
const soon = time.Second

// judge says whether all scopes grant a request with some tokens, and what is left then. now is in UTC.
func judge(scopes []Scope, readings []reading, tokens int64, now time.Time) (g Grant) {
	if tell(&g, scopes, readings, tokens, now) {
		return g
	}
	g.Status = Status{} // it was for one that is granted
	for i := range scopes {
		for kind := Requests; kind <= MonthTokens; kind++ {
			v := verdictOf(kind, &scopes[i].Limits, &readings[i], tokens)
			if v.grants() {
				continue
			}
			if r := v.refusal(scopes[i].ID, now); g.Refused == nil || r.longer(*g.Refused) {
				g.Refused = &r
			}
		}
	}
	tell(&g, scopes, readings, tokens, now)
	return g
}

// tell puts what is left into the status, unless a limit refuses what was not refused before: then it is not ok.
func tell(g *Grant, scopes []Scope, readings []reading, tokens int64, now time.Time) (ok bool) {
	for i := range scopes {
		for kind := Requests; kind <= MonthTokens; kind++ {
			v := verdictOf(kind, &scopes[i].Limits, &readings[i], tokens)
			if g.Refused == nil && !v.grants() {
				return false
			}
			if v.limit > 0 && kind != Parallel {
				v.left(g, now, readings[i].leaves)
			}
		}
	}
	return true
}

// verdict is what one limit says.
type verdict struct {
	kind             Kind
	limit, used, ask int64
	in               *use // the window; nil where it is none
}

func verdictOf(kind Kind, l *Limits, r *reading, tokens int64) verdict {
	switch kind {
	case Requests:
		return verdict{kind, l.Requests, r.requests.sum, 1, &r.requests}
	case Tokens:
		return verdict{kind, l.Tokens, r.tokens.sum, tokens, &r.tokens}
	case Parallel:
		return verdict{kind, l.Parallel, r.running, 1, nil}
	case DayTokens:
		return verdict{kind, l.DayTokens, r.day, tokens, nil}
	default:
		return verdict{kind, l.MonthTokens, r.month, tokens, nil}
	}
}

// grants reports whether there is so much left, or no limit.
func (v *verdict) grants() bool { return v.limit <= 0 || v.ask == 0 || v.used+v.ask <= v.limit }

// refusal is that of a limit which has not so much left.
func (v *verdict) refusal(scope string, now time.Time) Refusal {
	r := Refusal{Kind: v.kind, Scope: scope, Limit: v.limit, Never: v.ask > v.limit}
	switch {
	case v.in != nil:
		r.Wait = v.in.wait
	case v.kind == Parallel:
		r.Wait = soon
	default:
		r.Wait = v.untilWhole(now)
	}
	return r
}

// untilWhole is how long it takes until nothing counts that was used before.
func (v *verdict) untilWhole(now time.Time) time.Duration {
	switch {
	case v.in != nil:
		return v.in.whole
	case v.kind == DayTokens:
		return untilTomorrow(now)
	default:
		return untilNextMonth(now)
	}
}

func (r Refusal) longer(than Refusal) bool {
	if r.Never != than.Never {
		return r.Never
	}
	return r.Wait > than.Wait
}

// left puts what is left of a limit into the status, if it is nearer to its end than what is there. leaves is
// when what is taken now has left a window.
func (v *verdict) left(g *Grant, now time.Time, leaves time.Duration) {
	at := &g.Status.Tokens
	if v.kind == Requests {
		at = &g.Status.Requests
	}
	remaining, taken := v.limit-v.used, g.Refused == nil && v.ask > 0
	if taken {
		remaining -= v.ask
	}
	if remaining = max(0, remaining); at.Limit > 0 && remaining >= at.Remaining {
		return
	}
	*at = Left{Limit: v.limit, Remaining: remaining}
	if at.Reset = leaves; !taken || v.in == nil {
		at.Reset = v.untilWhole(now)
	}
}

// limited leaves out the scopes that limit nothing. The others go into room, should there be any such.
func limited(scopes, room []Scope) []Scope {
	for i, s := range scopes {
		if s.None() {
			return without(scopes, i, room)
		}
	}
	return scopes
}

func without(scopes []Scope, from int, room []Scope) []Scope {
	rest := append(room, scopes[:from]...)
	for _, s := range scopes[from:] {
		if !s.None() {
			rest = append(rest, s)
		}
	}
	return rest
}

// The calendar, UTC: a day and a month by their numbers, and how long they last.

func dayOf(t time.Time) int64 { return t.Unix() / (24 * 60 * 60) }

func monthOf(t time.Time) int64 {
	year, month, _ := t.UTC().Date()
	return int64(year)*12 + int64(month) - 1
}

func untilTomorrow(t time.Time) time.Duration {
	const day = 24 * 60 * 60
	return time.Duration(day-t.Unix()%day)*time.Second - time.Duration(t.Nanosecond())
}

func untilNextMonth(t time.Time) time.Duration {
	year, month, _ := t.UTC().Date()
	return time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC).Sub(t)
}
