package limits

import (
	"context"
	"sync"
	"time"
)

// Memory is the limiter of one instance. It may be used by many goroutines at once.
type Memory struct {
	seeds seeds
	now   func() time.Time // also by a clock that is never set, which the windows go by
	start time.Time

	mu       sync.Mutex // one for all: a request takes from all of its scopes or from none
	accounts map[string]*account
	swept    int64 // the step in which accounts were last looked through
	calendar calendar
}

var _ Limiter = (*Memory)(nil)

// NewMemory returns a limiter that begins with nothing used, or with what seed says; nil says nothing.
func NewMemory(seed Seed) *Memory {
	now := time.Now()
	return &Memory{seeds: seeds{seed: seed}, now: time.Now, start: now, accounts: map[string]*account{}}
}

// held is a request that is not settled.
type held struct {
	Grant
	memory           *Memory
	tokens           int64
	step, day, month int64
	shares           []share
	few              [3]share // room for those
}

// share is what a request took from one scope: what it did not take is not given back, though the scope may
// be limited otherwise by then.
type share struct {
	*account
	place, tokens, quota bool // whether it took one, any of a minute, and of a day or a month
}

// Take takes from all scopes, or from none; see Limiter.
func (m *Memory) Take(ctx context.Context, scopes []Scope, tokens int64) (*Grant, error) {
	var room [3]Scope
	scopes = limited(scopes, room[:0])
	var few [3]reading
	readings := few[:0]
	h := &held{memory: m, tokens: tokens}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.find(ctx, h, scopes)
	now := m.now()
	at := now.Sub(m.start)
	h.step = int64(at / step)
	h.day, h.month = m.calendar.at(now)
	for i := range scopes {
		readings = append(readings, h.read(h.shares[i].account, &scopes[i].Limits, at))
	}
	h.Grant = judge(scopes, readings, tokens, now.UTC())
	if h.Refused == nil {
		h.take(scopes)
		h.settler = h
	}
	m.sweep(h)
	return &h.Grant, nil
}

// find finds the accounts of scopes, once it is known what they have used before. It is called with the lock, and leaves
// it while it asks.
func (m *Memory) find(ctx context.Context, h *held, scopes []Scope) {
	if m.look(h, scopes) || m.seeds.seed == nil {
		return
	}
	m.mu.Unlock()
	m.begin(ctx, scopes)
	m.mu.Lock()
	m.look(h, scopes) // what was not used may have been forgotten meanwhile
}

// look reports whether all that matters is known of what scopes have used before.
func (m *Memory) look(h *held, scopes []Scope) (seeded bool) {
	h.shares, seeded = h.few[:0], true
	for i := range scopes {
		s := &scopes[i]
		a := m.account(s.ID)
		h.shares = append(h.shares, share{a, s.Parallel > 0, s.Tokens > 0, s.ofQuota()})
		seeded = seeded && (!s.ofQuota() || a.seededFor(s))
	}
	return seeded
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
func (h *held) read(a *account, l *Limits, at time.Duration) reading {
	r := reading{running: a.places, day: a.day.in(h.day), month: a.month.in(h.month), leaves: leaves(h.step, at)}
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

func (h *held) take(scopes []Scope) {
	for i, s := range h.shares {
		s.running++
		if s.place {
			s.places++
		}
		if scopes[i].Requests > 0 {
			s.requests.add(1)
		}
		if s.tokens && h.tokens > 0 {
			s.account.tokens.add(h.tokens)
		}
		if s.quota {
			s.day.take(h.tokens)
			s.month.take(h.tokens)
		}
	}
}

// settle gives back what was not used to when it was taken, and takes what was used beyond it now.
func (h *held) settle(_ context.Context, actual int64) {
	m := h.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	now := int64(m.now().Sub(m.start) / step)
	more := actual - h.tokens
	for _, s := range h.shares {
		s.running--
		if s.place {
			s.places--
		}
		if s.tokens && more != 0 {
			s.account.tokens.settle(now, h.step, more)
		}
		if s.quota {
			s.day.settle(h.day, h.tokens, actual)
			s.month.settle(h.month, h.tokens, actual)
		}
	}
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

// Close does nothing: there is nothing to end.
func (m *Memory) Close() error { return nil }
