package keys

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"
)

// memory is what is remembered of a source. What is remembered holds until the source says that it has
// changed.
type memory struct {
	options Options
	asking  singleflight.Group // by what is asked for; however many wait, the source is asked once

	mu            sync.Mutex // is held for no question
	keys          *lru.Cache[string, Key]
	unknown       *lru.Cache[string, struct{}] // apart, so that ids made up drive out no key
	organizations *lru.Cache[string, Holdings]
	revision      int64     // that it is of
	forgotten     int64     // how often something was; an answer that was asked for before is not kept
	heard         time.Time // when the source answered last
	away          bool      // whether that has been logged
}

func newMemory(ctx context.Context, o Options) (*memory, error) {
	m := &memory{options: o}
	var errs [3]error
	m.keys, errs[0] = lru.New[string, Key](o.Size)
	m.unknown, errs[1] = lru.New[string, struct{}](o.Size)
	m.organizations, errs[2] = lru.New[string, Holdings](o.Size)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("size of the memory of keys: %w", err)
	}
	c, err := o.Source.Changes(ctx, 0)
	if err != nil {
		return nil, err
	}
	m.revision, m.heard = c.Revision, time.Now()
	return m, nil
}

var errAway = errors.New("the store has been away for too long to trust what is known of it")

// key finds a key; ErrNotFound where there is none.
func (m *memory) key(ctx context.Context, id string) (Key, error) {
	k, known, err := recall(m, m.keys, id)
	if known || err != nil {
		return k, err
	}
	if _, known, err := recall(m, m.unknown, id); known || err != nil {
		return Key{}, errors.Join(err, ErrNotFound)
	}
	return ask(ctx, m, "key:"+id, func(ctx context.Context) (Key, error) {
		before := m.era()
		k, err := m.options.Source.Key(ctx, id)
		if errors.Is(err, ErrNotFound) {
			keep(m, m.unknown, before, id, struct{}{})
		} else if err == nil {
			keep(m, m.keys, before, id, k)
		}
		return k, err
	})
}

// holdings finds an organization and its projects.
func (m *memory) holdings(ctx context.Context, id string) (Holdings, error) {
	h, known, err := recall(m, m.organizations, id)
	if known || err != nil {
		return h, err
	}
	return ask(ctx, m, "organization:"+id, func(ctx context.Context) (Holdings, error) {
		before := m.era()
		h, err := m.options.Source.Holdings(ctx, id)
		if err == nil {
			keep(m, m.organizations, before, id, h)
		}
		return h, err
	})
}

// recall gives what is remembered. It is an error where that is too old to be trusted.
func recall[V any](m *memory, from *lru.Cache[string, V], id string) (v V, known bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Since(m.heard) > m.options.Trusted {
		return v, false, errAway
	}
	v, known = from.Get(id)
	return v, known, nil
}

// keep remembers an answer, unless something was forgotten since it was asked for: the answer may be
// from before the change.
func keep[V any](m *memory, in *lru.Cache[string, V], before int64, id string, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.forgotten == before {
		in.Add(id, v)
	}
}

// ask asks the source once for all who want the same, none of whom ends it for the others.
func ask[V any](ctx context.Context, m *memory, what string, question func(context.Context) (V, error)) (v V, err error) {
	answer := m.asking.DoChan(what, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.options.Lookup)
		defer cancel()
		return question(ctx)
	})
	select {
	case <-ctx.Done():
		return v, context.Cause(ctx)
	case got := <-answer:
		v, _ = got.Val.(V)
		return v, got.Err
	}
}

func (m *memory) era() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.forgotten
}

// follow forgets what has changed, until ctx ends.
func (m *memory) follow(ctx context.Context, poke <-chan struct{}) {
	tick := time.NewTicker(m.options.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-poke:
		}
		m.catchUp(ctx)
	}
}

func (m *memory) catchUp(ctx context.Context) {
	asked, cancel := context.WithTimeout(ctx, m.options.Lookup)
	defer cancel()
	began := time.Now()
	c, err := m.options.Source.Changes(asked, m.revision)
	if ctx.Err() != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.report(ctx, err)
	if err != nil {
		return
	}
	m.heard = began
	if c.Revision != m.revision {
		m.forget(c)
	}
}

// forget is called with the lock. A revision that went back is that of another database, or of a copy
// that was put in its place.
func (m *memory) forget(c Changes) {
	if c.Revision < m.revision {
		m.keys.Purge()
		m.unknown.Purge()
		m.organizations.Purge()
	}
	for _, id := range c.Keys {
		m.keys.Remove(id)
		m.unknown.Remove(id)
		m.asking.Forget("key:" + id)
	}
	for _, id := range c.Organizations {
		m.organizations.Remove(id)
		m.asking.Forget("organization:" + id)
	}
	m.revision = c.Revision
	m.forgotten++
}

// report logs once that the source is away, and once that it is back.
func (m *memory) report(ctx context.Context, err error) {
	switch {
	case err != nil && !m.away:
		m.options.Logger.ErrorContext(ctx, "the store of keys is away", "cause", err, "trusted_for", m.options.Trusted)
	case err == nil && m.away:
		m.options.Logger.WarnContext(ctx, "the store of keys is back")
	}
	m.away = err != nil
}
