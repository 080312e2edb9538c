package routing

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/specgate/specgate/gen"
)

const (
	listFresh   = 10 * time.Second // how long a backend's list is good for
	listTimeout = 3 * time.Second  // how long a backend may take over it
	owner       = "specgate"       // of the models that the gateway's own settings name
)

// Models lists the ids of the settings, and what the upstreams of patterns have that fits them. An
// upstream that does not answer in time has nothing; it hides nobody else's.
func (r *Router) Models(ctx context.Context) (gen.ModelList, error) {
	out := gen.ModelList{Object: gen.List, Data: []gen.Model{}}
	seen := map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(r.table.exact)) {
		seen[id] = true
		out.Data = append(out.Data, gen.Model{Id: id, Object: gen.ModelObjectModel, Created: r.catalog.born, OwnedBy: owner})
	}
	lists := r.catalog.lists(ctx)
	if errors.Is(ctx.Err(), context.Canceled) { // where only the time is over, what is there will do
		return gen.ModelList{}, context.Cause(ctx)
	}
	for i, shelf := range r.catalog.shelves {
		for _, m := range lists[i] {
			if route := r.table.find(m.Id); !seen[m.Id] && route != nil && shelf.serves(route) {
				seen[m.Id] = true
				out.Data = append(out.Data, m)
			}
		}
	}
	return out, nil
}

// catalog keeps what the upstreams of patterns have.
type catalog struct {
	born    int64 // when the router was made, in seconds
	shelves []*shelf
	end     context.CancelFunc
	asking  *sync.WaitGroup
}

func newCatalog(t table) catalog {
	ctx, cancel := context.WithCancel(context.Background())
	c := catalog{born: time.Now().Unix(), end: cancel, asking: &sync.WaitGroup{}}
	known := map[string]bool{}
	for _, r := range t.patterns {
		for _, target := range r.targets {
			if name := target.Upstream.Name(); target.Model == "" && !known[name] {
				known[name] = true
				c.shelves = append(c.shelves, &shelf{upstream: target.Upstream, ctx: ctx, asking: c.asking})
			}
		}
	}
	slices.SortFunc(c.shelves, func(a, b *shelf) int {
		if a.upstream.Name() < b.upstream.Name() {
			return -1
		}
		return 1
	})
	return c
}

func (c catalog) close() {
	c.end()
	c.asking.Wait()
}

// lists are the models on each shelf, asked for at one time.
func (c catalog) lists(ctx context.Context) [][]gen.Model {
	pending := make([]*listing, len(c.shelves))
	for i, s := range c.shelves {
		pending[i] = s.present()
	}
	out := make([][]gen.Model, len(c.shelves))
	for i, l := range pending {
		select {
		case <-l.done:
			out[i] = l.models
		case <-ctx.Done():
			return out
		}
	}
	return out
}

// shelf keeps the list of one upstream for a while. However many ask for it, the upstream is asked once.
type shelf struct {
	upstream Upstream
	ctx      context.Context // of the router: a caller who leaves takes nothing from the others
	asking   *sync.WaitGroup

	mu   sync.Mutex
	list *listing
}

// listing is one answer of an upstream, or the wait for it.
type listing struct {
	done   chan struct{} // closed when the rest is there
	models []gen.Model
	at     time.Time
}

// present is the list that is fresh, or on its way.
func (s *shelf) present() *listing {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.list != nil && !s.list.stale() {
		return s.list
	}
	l := &listing{done: make(chan struct{})}
	s.list = l
	s.asking.Go(func() { l.fill(s.ctx, s.upstream) })
	return l
}

func (l *listing) stale() bool {
	select {
	case <-l.done:
		return time.Since(l.at) >= listFresh
	default:
		return false
	}
}

func (l *listing) fill(ctx context.Context, from Lister) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	list, err := from.Models(ctx)
	if err == nil {
		l.models = list.Data
	}
	l.at = time.Now()
	close(l.done)
}

// serves reports whether a model of this upstream's is reached by a route as it is called there.
func (s *shelf) serves(r *route) bool {
	return slices.ContainsFunc(r.targets, func(t Target) bool {
		return t.Model == "" && t.Upstream.Name() == s.upstream.Name()
	})
}
