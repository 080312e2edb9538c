package routing

import "slices"

// follow takes over what another router knows. Both may be in use meanwhile.
func (r *Router) follow(before *Router) {
	r.budget = before.budget
	r.catalog.born = before.catalog.born
	for name, old := range before.table.exact {
		r.table.exact[name].follow(old)
	}
	for _, now := range r.table.patterns {
		for _, old := range before.table.patterns {
			now.follow(old)
		}
	}
	for _, now := range r.catalog.shelves {
		for _, old := range before.catalog.shelves {
			if now.upstream == old.upstream {
				now.follow(old)
			}
		}
	}
}

// follow shares the queue of a route with the same targets. Either may be nil.
func (r *route) follow(old *route) {
	if r != nil && old != nil && r.name == old.name && slices.EqualFunc(r.targets, old.targets, same) {
		r.queue = old.queue
	}
}

// same leaves out how a target is asked, which is for its upstream to say.
func same(a, b Target) bool {
	return a.Upstream == b.Upstream && a.Model == b.Model && a.Weight == b.Weight && a.Priority == b.Priority
}

// follow takes over the last list. A question that is under way is the other shelf's alone.
func (s *shelf) follow(old *shelf) {
	old.mu.Lock()
	defer old.mu.Unlock()
	s.models, s.at, s.asked, s.why = old.models, old.at, old.asked, old.why
}
