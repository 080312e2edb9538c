// Package limits holds callers to what they may use: requests and tokens in any minute, requests at one
// time, tokens of a day and of a month. It counts in memory, or in Redis for several instances together,
// and both count alike. It knows no HTTP, no keys and no store.
package limits

import (
	"context"
	"strings"
	"time"
)

// Limits are what one scope may use. 0, or less, is no limit.
type Limits struct {
	Requests    int64 // in any 60 s
	Tokens      int64 // in any 60 s
	Parallel    int64 // requests at one time
	DayTokens   int64 // of a day, UTC
	MonthTokens int64 // of a calendar month, UTC

	// Since is a number that grows whenever they are changed. What was used of a day or a month while they were others,
	// or none, was not counted: it is asked for again.
	Since int64
}

// None reports whether nothing is limited.
func (l Limits) None() bool {
	return l.Requests <= 0 && l.Parallel <= 0 && !l.OfTokens()
}

// OfTokens reports whether any limit is on tokens.
func (l Limits) OfTokens() bool { return l.Tokens > 0 || l.ofQuota() }

// ofQuota reports whether the tokens of a day or a month are limited.
func (l Limits) ofQuota() bool { return l.DayTokens > 0 || l.MonthTokens > 0 }

// Scope is whose use is counted together: that of a key, a project, an organization.
type Scope struct {
	ID string // "key:…", "project:…", "organization:…"
	Limits
}

// Limiter counts.
type Limiter interface {
	// Take takes one request and some tokens from all scopes, or nothing from any. Scopes go from the
	// narrowest to the widest; the widest is always among them, though nothing of it may be limited: in
	// a Redis Cluster it says where the others are kept. An error is a limiter that cannot tell.
	Take(ctx context.Context, scopes []Scope, tokens int64) (*Grant, error)
	// Close ends what the limiter does for itself.
	Close() error
}

// Kind is which of the Limits was reached.
type Kind int

// The kinds.
const (
	Requests Kind = iota + 1
	Tokens
	Parallel
	DayTokens
	MonthTokens
)

// String is what a kind of limit is called in settings, flags (with dashes), JSON, metrics and spans alike.
func (k Kind) String() string {
	switch k {
	case Requests:
		return "requests_per_minute"
	case Tokens:
		return "tokens_per_minute"
	case Parallel:
		return "parallel"
	case DayTokens:
		return "tokens_per_day"
	default:
		return "tokens_per_month"
	}
}

// Refusal is why nothing was taken: of several limits the one that takes longest to give way.
type Refusal struct {
	Kind  Kind
	Scope string
	Limit int64
	Wait  time.Duration // after which the same would be granted, as far as this limit goes
	Never bool          // more was asked for than the limit itself: no waiting helps
}

// Of is whose the limit is: that of a key, project, organization, or token.
func (r Refusal) Of() string {
	of, _, _ := strings.Cut(r.Scope, ":")
	return of
}

// Left is what is left of the limit that is nearest to its end.
type Left struct {
	Limit     int64 // 0 where there is none
	Remaining int64
	Reset     time.Duration // until the limit is whole again
}

// Status is what is left, once a request has been granted or refused.
type Status struct {
	Requests Left
	Tokens   Left // of a minute, a day or a month
}

// Grant is the answer to Take.
type Grant struct {
	Refused *Refusal // nil where the request may go on, and has to be settled
	Status  Status

	settler settler
}

type settler interface {
	settle(ctx context.Context, actual int64)
}

// Settle ends a request that was granted: it says how many tokens were used after all, and frees its
// place. It is called exactly once; ctx may have ended by then.
func (g *Grant) Settle(ctx context.Context, actual int64) {
	if s := g.settler; s != nil {
		g.settler = nil
		s.settle(ctx, max(0, actual))
	}
}
