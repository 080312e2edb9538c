package limits

import (
	"context"
	"time"
)

// begin asks what scopes have used before, once for each that it matters for, and again once their limits have changed.
// The seed is asked with nothing locked.
func (m *Memory) begin(ctx context.Context, scopes []Scope) {
	for _, s := range scopes {
		if m.seeded(&s) || m.seeds.silent(s.ID) {
			continue
		}
		now := m.now().UTC()
		before, ok := m.seeds.of(ctx, s.ID, now)
		if !ok {
			return // a request waits for one that is late, not for all
		}
		m.open(s, before, now)
	}
}

// seeded reports whether all that matters is known of what a scope has used before.
func (m *Memory) seeded(s *Scope) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.accounts[s.ID]
	return !s.ofQuota() || a != nil && a.seededFor(s)
}

func (a *account) seededFor(s *Scope) bool { return a.seeded && a.since >= s.Since }

// open begins a scope with what it has used before.
func (m *Memory) open(s Scope, before used, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.account(s.ID)
	if a.seededFor(&s) {
		return
	}
	a.day.open(dayOf(now), before.day)
	a.month.open(monthOf(now), before.month)
	a.seeded, a.since = true, s.Since
}
