package limits

import "time"

// reading is what a scope has used when more is asked of it.
type reading struct {
	requests, tokens use
	running          int64
	day, month       int64
}

// use is what was used in the window.
type use struct {
	sum   int64
	wait  time.Duration // until what is asked for fits
	whole time.Duration // until nothing of it counts any more
}

// moment is when something is asked.
type moment struct {
	time.Time               // UTC
	whole     time.Duration // until what is taken now has left the window
}

// soon is when a request that is one too many at one time may be made again: nobody knows.
const soon = time.Second

// judge says whether all scopes grant a request with some tokens, and what is left then.
func judge(scopes []Scope, readings []reading, tokens int64, now moment) Grant {
	var g Grant
	for i, s := range scopes {
		for _, v := range verdicts(s.Limits, readings[i], tokens, now) {
			v.refusal.Scope = s.ID
			if v.refused() && (g.Refused == nil || v.refusal.longer(*g.Refused)) {
				refusal := v.refusal
				g.Refused = &refusal
			}
		}
	}
	for i, s := range scopes {
		for _, v := range verdicts(s.Limits, readings[i], tokens, now) {
			v.left(&g, now)
		}
	}
	return g
}

// verdict is what one limit says.
type verdict struct {
	refusal   Refusal // as it is where the limit refuses
	used, ask int64
	whole     time.Duration // until it is whole again, where nothing is taken
}

func (v verdict) refused() bool {
	return v.refusal.Limit > 0 && v.ask > 0 && v.used+v.ask > v.refusal.Limit
}

func (r Refusal) longer(than Refusal) bool {
	if r.Never != than.Never {
		return r.Never
	}
	return r.Wait > than.Wait
}

func verdicts(l Limits, r reading, tokens int64, now moment) [5]verdict {
	var day, month time.Duration
	if l.DayTokens > 0 {
		day = untilTomorrow(now.Time)
	}
	if l.MonthTokens > 0 {
		month = untilNextMonth(now.Time)
	}
	return [5]verdict{
		{Refusal{Kind: Requests, Limit: l.Requests, Wait: r.requests.wait}, r.requests.sum, 1, r.requests.whole},
		{Refusal{Kind: Tokens, Limit: l.Tokens, Wait: r.tokens.wait, Never: tokens > l.Tokens}, r.tokens.sum, tokens, r.tokens.whole},
		{Refusal{Kind: Parallel, Limit: l.Parallel, Wait: soon}, r.running, 1, 0},
		{Refusal{Kind: DayTokens, Limit: l.DayTokens, Wait: day, Never: tokens > l.DayTokens}, r.day, tokens, day},
		{Refusal{Kind: MonthTokens, Limit: l.MonthTokens, Wait: month, Never: tokens > l.MonthTokens}, r.month, tokens, month},
	}
}

// left puts what is left of a limit into the status, if it is nearer to its end than what is there.
func (v verdict) left(g *Grant, now moment) {
	at := &g.Status.Tokens
	switch {
	case v.refusal.Limit <= 0 || v.refusal.Kind == Parallel:
		return
	case v.refusal.Kind == Requests:
		at = &g.Status.Requests
	}
	used, whole := v.used, v.whole
	if g.Refused == nil && v.ask > 0 {
		used += v.ask
		if v.refusal.Kind == Requests || v.refusal.Kind == Tokens {
			whole = now.whole
		}
	}
	remaining := max(0, v.refusal.Limit-used)
	if at.Limit == 0 || remaining < at.Remaining {
		*at = Left{Limit: v.refusal.Limit, Remaining: remaining, Reset: whole}
	}
}

// limited leaves out the scopes that limit nothing.
func limited(scopes []Scope) []Scope {
	for i, s := range scopes {
		if s.None() {
			return without(scopes, i)
		}
	}
	return scopes
}

func without(scopes []Scope, from int) []Scope {
	rest := append([]Scope(nil), scopes[:from]...)
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
	year, month, day := t.UTC().Date()
	return time.Date(year, month, day+1, 0, 0, 0, 0, time.UTC).Sub(t)
}

func untilNextMonth(t time.Time) time.Duration {
	year, month, _ := t.UTC().Date()
	return time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC).Sub(t)
}
