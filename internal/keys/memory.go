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

	unseen *gate // for ids of which nothing is remembered

	mu            sync.Mutex // is held for no question
	keys          *lru.Cache[string, remembered[*known]]
	unknown       *lru.Cache[string, remembered[struct{}]] // apart, so that ids made up drive out no key
	organizations *lru.Cache[string, remembered[*Holdings]]
	revision      Revision  // that it is of
	forgotten     int64     // how often something was; an answer that was asked for before is not kept
	heard         time.Time // when the source answered last
	away          bool      // whether it did not answer last
}

func newMemory(ctx context.Context, o Options) (*memory, error) {
	m := &memory{options: o, unseen: newGate(o.Unknown)}
	var errs [3]error
	m.keys, errs[0] = lru.New[string, remembered[*known]](o.Size)
	m.unknown, errs[1] = lru.New[string, remembered[struct{}]](o.Size)
	m.organizations, errs[2] = lru.New[string, remembered[*Holdings]](o.Size)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("size of the memory of keys: %w", err)
	}
	c, err := o.Source.Changes(ctx, Revision{})
	if err != nil {
		return nil, err
	}
	m.revision, m.heard = c.Revision, time.Now()
	return m, nil
}

var errAway = errors.New("the store has been away for too long to trust what is known of it")

// key finds a key; ErrNotFound where there is none.
func (m *memory) key(ctx context.Context, id string) (*known, error) {
	k, good, err := recall(m, m.keys, id)
	if good == present || err != nil {
		return k, err
	}
	if good == none {
		if _, good, err := recall(m, m.unknown, id); good == present || err != nil {
			return nil, errors.Join(err, ErrNotFound)
		}
	}
	asked, err := ask(ctx, m, "key:"+id, func(ctx context.Context) (*known, error) {
		if good == none { // what was a key's id once was not made up, and does not wait behind what may be
			if err := m.unseen.enter(ctx); err != nil {
				m.options.Looked(Busy)
				return nil, err
			}
			defer m.unseen.leave()
		}
		return m.lookUp(ctx, id)
	})
	if good == old && err != nil && !errors.Is(err, ErrNotFound) {
		return k, nil
	}
	return asked, err
}

func (m *memory) lookUp(ctx context.Context, id string) (*known, error) {
	before := m.era()
	k := &known{}
	var err error
	k.Key, err = m.options.Source.Key(ctx, id)
	switch {
	case err == nil:
		m.options.Looked(Found)
		keep(m, m.keys, before, id, k)
	case errors.Is(err, ErrNotFound):
		m.options.Looked(Unknown)
		m.keys.Remove(id) // another store may have had it
		keep(m, m.unknown, before, id, struct{}{})
	default:
		m.options.Looked(Away)
	}
	return k, err
}

// holdings finds an organization and its projects.
func (m *memory) holdings(ctx context.Context, id string) (*Holdings, error) {
	h, good, err := recall(m, m.organizations, id)
	if good == present || err != nil {
		return h, err
	}
	asked, err := ask(ctx, m, "organization:"+id, func(ctx context.Context) (*Holdings, error) {
		before := m.era()
		h, err := m.options.Source.Holdings(ctx, id)
		if err == nil {
			keep(m, m.organizations, before, id, &h)
		}
		return &h, err
	})
	if good == old && err != nil && !errors.Is(err, ErrNotFound) {
		return h, nil
	}
	return asked, err
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
	if c.Everything || c.Revision != m.revision {
		m.forget(c)
	}
}

// forget is called with the lock.
func (m *memory) forget(c Changes) {
	if c.Everything {
		c.Keys, c.Organizations = m.keys.Keys(), m.organizations.Keys()
		m.unknown.Purge()
	}
	for _, id := range c.Keys {
		spoil(m.keys, id)
		m.unknown.Remove(id)
		m.asking.Forget("key:" + id)
	}
	for _, id := range c.Organizations {
		spoil(m.organizations, id)
		m.asking.Forget("organization:" + id)
	}
	m.revision = c.Revision
	m.forgotten++
}

// report logs once that the source is away, and once that it is back.
func (m *memory) report(ctx context.Context, err error) {
	switch {
	case err != nil && !m.away:
		m.options.Logger.ErrorContext(ctx, "the store of keys is away", "cause", err, "trusted_for_ms", m.options.Trusted.Milliseconds())
	case err == nil && m.away:
		m.options.Logger.WarnContext(ctx, "the store of keys is back")
	}
	m.away = err != nil
}
