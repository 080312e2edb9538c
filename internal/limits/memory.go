package limits

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Seed knows what scopes have used of a day and a month before this process began to count.
type Seed interface {
	// Used is the use of a scope in the day and the month of at.
	Used(ctx context.Context, scope string, at time.Time) (day, month int64, err error)
}

// Memory is the limiter of one instance. It may be used by many goroutines at once.
type Memory struct {
	seed  Seed
	start time.Time

	mu       sync.Mutex // one for all: a request takes from all of its scopes or from none
	accounts map[string]*account
	swept    int64 // the step in which accounts were last looked through
}

var _ Limiter = (*Memory)(nil)

// NewMemory returns a limiter that begins with nothing used, or with what seed says; nil says nothing.
func NewMemory(seed Seed) *Memory {
	return &Memory{seed: seed, start: time.Now(), accounts: map[string]*account{}}
}

// account is what a scope has used.
type account struct {
	requests, tokens window
	running          int64 // requests that are not settled
	day, month       tally
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
	accounts         []*account
	few              [4]*account // room for those
	tokens           int64
	step, day, month int64
}

// Take takes from all scopes, or from none; see Limiter.
func (m *Memory) Take(ctx context.Context, scopes []Scope, tokens int64) (*Grant, error) {
	scopes = limited(scopes)
	if m.seed != nil {
		if err := m.begin(ctx, scopes); err != nil {
			return nil, err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	at := now.Sub(m.start)
	h := &held{memory: m, tokens: tokens, step: int64(at / step), day: dayOf(now), month: monthOf(now)}
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
	a.requests.advance(h.step)
	a.tokens.advance(h.step)
	r := reading{
		requests: a.requests.sum, tokens: a.tokens.sum, running: a.running,
		day: a.day.in(h.day), month: a.month.in(h.month),
		requestsWhole: a.requests.whole(at), tokensWhole: a.tokens.whole(at),
	}
	if over := r.requests + 1 - l.Requests; over > 0 && l.Requests > 0 {
		r.requestsWait = a.requests.wait(over, at)
	}
	if over := r.tokens + h.tokens - l.Tokens; over > 0 && l.Tokens > 0 {
		r.tokensWait = a.tokens.wait(over, at)
	}
	return r
}

func (h *held) take() {
	for _, a := range h.accounts {
		a.requests.add(1)
		a.running++
		if h.tokens > 0 {
			a.tokens.add(h.tokens)
			a.day.add(h.day, h.tokens)
			a.month.add(h.month, h.tokens)
		}
	}
}

// settle gives back what was not used to when it was taken, and takes what was used beyond it now.
func (h *held) settle(_ context.Context, actual int64) {
	m := h.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	now := int64(time.Since(m.start) / step)
	more := actual - h.tokens
	for _, a := range h.accounts {
		a.running--
		a.tokens.advance(now)
		switch {
		case more < 0:
			a.tokens.giveBack(h.step, -more)
		case more > 0:
			a.tokens.add(more)
		}
		a.day.add(h.day, more)
		a.month.add(h.month, more)
	}
}

// begin opens the accounts of scopes with the use that the seed knows. It is asked with nothing locked.
func (m *Memory) begin(ctx context.Context, scopes []Scope) error {
	for _, s := range scopes {
		if s.DayTokens <= 0 && s.MonthTokens <= 0 || m.known(s.ID) {
			continue
		}
		now := time.Now().UTC()
		day, month, err := m.seed.Used(ctx, s.ID, now)
		if err != nil {
			return fmt.Errorf("use of %s so far: %w", s.ID, err)
		}
		m.open(s.ID, &account{day: tally{dayOf(now), day}, month: tally{monthOf(now), month}})
	}
	return nil
}

func (m *Memory) known(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.accounts[id] != nil
}

func (m *Memory) open(id string, a *account) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.accounts[id] == nil {
		m.accounts[id] = a
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

func (a *account) idle(now *held) bool {
	a.requests.advance(now.step)
	a.tokens.advance(now.step)
	return a.running == 0 && a.requests.sum == 0 && a.tokens.sum == 0 && a.day.in(now.day) == 0 && a.month.in(now.month) == 0
}

// Close does nothing: there is nothing to end.
func (m *Memory) Close() error { return nil }
