// Package limits holds callers to what they may use. It knows no HTTP and no store.
package limits

// Limits are what one scope may use; 0 is no limit.
type Limits struct {
	Requests, Tokens       int64 // in any 60 s
	Parallel               int64 // at one time
	DayTokens, MonthTokens int64 // in a day and a month of UTC
}

// Scope is what limits are counted for: a key, a project or an organization.
type Scope struct {
	ID string // "key:…", "project:…" or "organization:…"
	Limits
}
