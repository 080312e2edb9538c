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
	if now.Sub(m.heard) > m.options.Trusted {
		return v, none, errAway
	}
	r, known := from.Get(id)
	switch {
	case !known:
		return v, none, nil
	case r.until.IsZero():
		return v, spoilt, nil
	case now.After(r.until) && !m.away:
		return r.value, old, nil
	default:
		return r.value, present, nil
	}
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
