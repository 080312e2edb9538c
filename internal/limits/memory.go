package limits

import (
	"context"
	"sync"
	"time"
)

// Memory is the limiter of one instance. It may be used by many goroutines at once.
type Memory struct {
	seeds seeds
	start time.Time

	mu       sync.Mutex // one for all: a request takes from all of its scopes or from none
	accounts map[string]*account
	swept    int64 // the step in which accounts were last looked through
}

var _ Limiter = (*Memory)(nil)

// NewMemory returns a limiter that begins with nothing used, or with what seed says; nil says nothing.
func NewMemory(seed Seed) *Memory {
	now := time.Now()
	return &Memory{seeds: seeds{seed: seed, start: now}, start: now, accounts: map[string]*account{}}
}

// account is what a scope has used.
type account struct {
	requests, tokens *window // nil where nothing is limited, or nothing was used of late
	running          int64   // requests that are not settled
	day, month       tally
	seeded           bool // whether these hold what the seed knows
}

// tally is what was used in one day or month.
type tally struct{ period, used int64 }

// in is what was used in a period.
func (t *tally) in(period int64) int64 {
	if period > t.period {
		*t = tally{period: period}
	}
	return t.used
}

// add adds to a period, if it is the present one.
func (t *tally) add(period, n int64) {
	if t.period == period {
		t.used += n
	}
}

// held is a request that is not settled.
type held struct {
	Grant
	memory           *Memory
	scopes           []Scope
	accounts         []*account
	few              [4]*account // room for those
	tokens           int64
	step, day, month int64
}

// Take takes from all scopes, or from none; see Limiter.
func (m *Memory) Take(ctx context.Context, scopes []Scope, tokens int64) (*Grant, error) {
	scopes = limited(scopes)
	m.begin(ctx, scopes)
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	at := now.Sub(m.start)
	h := &held{memory: m, scopes: scopes, tokens: tokens, step: int64(at / step), day: dayOf(now), month: monthOf(now)}
	h.accounts = h.few[:0]
	var few [4]reading
	readings := few[:0]
	for _, s := range scopes {
		a := m.account(s.ID)
		h.accounts = append(h.accounts, a)
		readings = append(readings, h.read(a, s.Limits, at))
	}
	h.Grant = judge(scopes, readings, tokens, moment{now.UTC(), leaves(h.step, at)})
	if h.Refused == nil {
		h.take()
		h.settler = h
	}
	m.sweep(h)
	return &h.Grant, nil
}

func (m *Memory) account(id string) *account {
	a := m.accounts[id]
	if a == nil {
		a = &account{}
		m.accounts[id] = a
	}
	return a
}

// read is what an account has used.
func (h *held) read(a *account, l Limits, at time.Duration) reading {
	r := reading{running: a.running, day: a.day.in(h.day), month: a.month.in(h.month)}
	if l.Requests > 0 {
		r.requests = h.count(&a.requests, l.Requests-1, at)
	}
	if l.Tokens > 0 {
		r.tokens = h.count(&a.tokens, l.Tokens-h.tokens, at)
	}
	return r
}

// count reads a window in which so much may be used already for a request to be granted.
func (h *held) count(w **window, room int64, at time.Duration) use {
	if *w == nil {
		*w = &window{}
	}
	(*w).advance(h.step)
	u := use{sum: (*w).sum, whole: (*w).whole(at)}
	if u.sum > room {
		u.wait = (*w).wait(u.sum-room, at)
	}
	return u
}

func (h *held) take() {
	for i, a := range h.accounts {
		a.running++
		if a.requests != nil {
			a.requests.add(1)
		}
		if a.tokens != nil && h.tokens > 0 {
			a.tokens.add(h.tokens)
		}
		a.calendar(h, h.scopes[i].Limits, h.tokens)
	}
}

// calendar adds to the use of the day and the month in which a request was taken, where either is limited.
func (a *account) calendar(h *held, l Limits, n int64) {
	if l.ofCalendar() {
		a.day.add(h.day, n)
		a.month.add(h.month, n)
	}
}

// settle gives back what was not used to when it was taken, and takes what was used beyond it now.
func (h *held) settle(_ context.Context, actual int64) {
	m := h.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	now := int64(time.Since(m.start) / step)
	more := actual - h.tokens
	for i, a := range h.accounts {
		a.running--
		if a.tokens != nil {
			a.tokens.settle(now, h.step, more)
		}
		a.calendar(h, h.scopes[i].Limits, more)
	}
}

// begin asks what scopes have used before, once for each that it matters for. The seed is asked with nothing
// locked.
func (m *Memory) begin(ctx context.Context, scopes []Scope) {
	if m.seeds.none() {
		return
	}
	for _, s := range scopes {
		if !s.ofCalendar() || m.seeded(s.ID) {
			continue
		}
		now := time.Now().UTC()
		if before, ok := m.seeds.of(ctx, s.ID, now); ok {
			m.open(s.ID, before, now)
		}
	}
}

func (m *Memory) seeded(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.accounts[id]
	return a != nil && a.seeded
}

// open adds what a scope has used before. What was counted here meanwhile is most likely part of it.
func (m *Memory) open(id string, before used, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.account(id)
	if a.seeded {
		return
	}
	day, month := dayOf(now), monthOf(now)
	a.day = tally{day, max(a.day.in(day), before.day)}
	a.month = tally{month, max(a.month.in(month), before.month)}
	a.seeded = true
}

// sweep forgets some of the accounts, if there are any, that say nothing any more.
func (m *Memory) sweep(now *held) {
	const few = 256
	if now.step == m.swept {
		return
	}
	m.swept = now.step
	seen := 0
	for id, a := range m.accounts { // begins at any of them
		if a.idle(now) {
			delete(m.accounts, id)
		}
		if seen++; seen == few {
			return
		}
	}
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

// Close does nothing: there is nothing to end.
func (m *Memory) Close() error { return nil }
