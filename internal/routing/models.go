package routing

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/apierror"
)

const owner = "specgate" // of the models that the gateway's own settings name

// Models lists the ids of the settings, and what the upstreams of patterns have that fits them. An
// upstream whose list is not known has nothing; it hides nobody else's.
func (r *Router) Models(ctx context.Context) (gen.ModelList, error) {
	out := gen.ModelList{Object: gen.List, Data: []gen.Model{}}
	seen := map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(r.table.exact)) {
		seen[id] = true
		out.Data = append(out.Data, r.catalog.own(id))
	}
	await(ctx, r.catalog.shelves, listKept)
	if errors.Is(ctx.Err(), context.Canceled) { // where only the time is over, what is there will do
		return gen.ModelList{}, context.Cause(ctx)
	}
	for _, shelf := range r.catalog.shelves {
		list, _ := shelf.list()
		for _, m := range list {
			if route := r.table.find(m.Id); !seen[m.Id] && route != nil && shelf.serves(route) {
				seen[m.Id] = true
				out.Data = append(out.Data, m)
			}
		}
	}
	return out, nil
}

// Model gives the entry of the list of models that has an id. Where that is on no list that is known, and
// an upstream that may have it has not told its own, nobody can say that there is no such model.
func (r *Router) Model(ctx context.Context, id string) (gen.Model, error) {
	route := r.table.find(id)
	switch {
	case route == nil:
		return gen.Model{}, apierror.ModelNotFound()
	case r.table.exact[id] != nil:
		return r.catalog.own(id), nil
	}
	shelves := slices.DeleteFunc(slices.Clone(r.catalog.shelves), func(s *shelf) bool { return !s.serves(route) })
	var missing error
	for _, age := range []time.Duration{listKept, listFresh} { // what an old list lacks may be there by now
		await(ctx, shelves, age)
		m, err := find(shelves, id)
		if err == nil {
			return m, nil
		}
		missing = err
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return gen.Model{}, context.Cause(ctx)
	}
	return gen.Model{}, missing
}

// find gives the entry of some lists that has an id, or why there is none.
func find(shelves []*shelf, id string) (gen.Model, error) {
	var unknown error
	for _, s := range shelves {
		list, err := s.list()
		unknown = cmp.Or(unknown, err)
		if i := slices.IndexFunc(list, func(m gen.Model) bool { return m.Id == id }); i >= 0 {
			return list[i], nil
		}
	}
	if unknown != nil {
		return gen.Model{}, apierror.Upstream("A backend that may have the model does not list its models at present.", unknown)
	}
	return gen.Model{}, apierror.ModelNotFound()
}

// catalog keeps what the upstreams of patterns have.
type catalog struct {
	born    int64 // when the router was made, in seconds
	shelves []*shelf
	end     context.CancelFunc
	asking  *sync.WaitGroup
}

func newCatalog(t table, logger *slog.Logger) catalog {
	ctx, cancel := context.WithCancel(context.Background())
	c := catalog{born: time.Now().Unix(), end: cancel, asking: &sync.WaitGroup{}}
	known := map[string]bool{}
	for _, r := range t.patterns {
		for _, target := range r.targets {
			if name := target.Upstream.Name(); target.Model == "" && !known[name] {
				known[name] = true
				c.shelves = append(c.shelves, &shelf{upstream: target.Upstream, ctx: ctx, asking: c.asking, logger: logger})
			}
		}
	}
	slices.SortFunc(c.shelves, func(a, b *shelf) int { return cmp.Compare(a.upstream.Name(), b.upstream.Name()) })
	return c
}

// own is the entry of an id that the settings name.
func (c catalog) own(id string) gen.Model {
	return gen.Model{Id: id, Object: gen.ModelObjectModel, Created: c.born, OwnedBy: owner}
}

func (c catalog) close() {
	c.end()
	c.asking.Wait()
}
