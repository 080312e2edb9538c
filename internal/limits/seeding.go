package limits

import (
	"context"
	"time"
)

// begin asks what scopes have used before, once for each that it matters for. The seed is asked with nothing
// locked.
func (m *Memory) begin(ctx context.Context, scopes []Scope) {
	if m.seeds.seed == nil {
		return
	}
	for _, s := range scopes {
		if !s.ofQuota() || m.seeded(s.ID) || m.seeds.silent(s.ID) {
			continue
		}
		now := m.now().UTC()
		before, ok := m.seeds.of(ctx, s.ID, now)
		if !ok {
			return // a request waits for one that is late, not for all
		}
		m.open(s.ID, before, now)
	}
}

// unseed has the use of scopes without a quota be asked for again, once one is given: until then nothing counts it.
func (m *Memory) unseed(scopes []Scope) {
	if m.seeds.seed == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range scopes {
		if a := m.accounts[scopes[i].ID]; a != nil && !scopes[i].ofQuota() {
			a.seeded = false
		}
	}
}

func (m *Memory) seeded(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.accounts[id]
	return a != nil && a.seeded
}

// open begins a scope with what it has used before.
func (m *Memory) open(id string, before used, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.account(id)
	if a.seeded {
		return
	}
	a.day.open(dayOf(now), before.day)
	a.month.open(monthOf(now), before.month)
	a.seeded = true
}
