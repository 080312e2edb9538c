package keys

import (
	"math/rand/v2"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// remembered is an answer of the source. The zero is one that is known to be good no more.
type remembered[V any] struct {
	value V
	until time.Time // when it is asked for again, if the source can be
}

// freshness is how good a memory is.
type freshness int

const (
	none    freshness = iota // there is no memory
	spoilt                   // it has changed: that it was there is all that is left
	old                      // it is good, unless a newer one can be had
	present                  // it is good
)

// recall gives what is remembered. It is an error where that is too old to be trusted.
func recall[V any](m *memory, from *lru.Cache[string, remembered[V]], id string) (v V, f freshness, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if !m.trusted(now) {
		return v, none, errAway
	}
	v, f = look(m, from, id, now)
	return v, f, nil
}

// trusted and look are called with the lock.
func (m *memory) trusted(now time.Time) bool { return now.Sub(m.heard) <= m.options.Trusted }

func look[V any](m *memory, from *lru.Cache[string, remembered[V]], id string, now time.Time) (v V, f freshness) {
	r, known := from.Get(id)
	switch {
	case !known:
		return v, none
	case r.until.IsZero():
		return v, spoilt
	case now.After(r.until) && !m.away:
		return r.value, old
	default:
		return r.value, present
	}
}

// both gives a key and its organization where nothing has to be asked of either: what nearly every request finds. Else
// it gives neither.
func (m *memory) both(id string, now time.Time) (*known, *Holdings) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.trusted(now) {
		return nil, nil
	}
	k, good := look(m, m.keys, id, now)
	if good != present {
		return nil, nil
	}
	h, good := look(m, m.organizations, k.Organization, now)
	if good != present {
		return nil, nil
	}
	return k, h
}

// keep remembers an answer, unless something was forgotten since it was asked for: the answer may be
// from before the change. Not all that came at one time is asked for again at one time.
func keep[V any](m *memory, in *lru.Cache[string, remembered[V]], before int64, id string, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.forgotten == before {
		lasts := m.options.Kept - rand.N(m.options.Kept/4+1) //nolint:gosec // nothing depends on what it is
		in.Add(id, remembered[V]{v, time.Now().Add(lasts)})
	}
}

// spoil forgets what an id had, but not that there was something.
func spoil[V any](in *lru.Cache[string, remembered[V]], id string) {
	if in.Contains(id) {
		in.Add(id, remembered[V]{})
	}
}
