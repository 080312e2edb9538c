package routing

import (
	"slices"
	"time"
)

// turns is, for each target of a route, how much it is owed. Taking the one that is owed most, as nginx
// does, keeps the shares to the request and spreads the turns of each evenly; a die would keep them on
// average alone.
type turns []int

// choose picks the target that is to be asked next, of those that were not asked yet and whose upstream
// may be; -1 where there is none. They are those of the best priority that has any, share the requests by
// their weights, and are passed over where they are full and others are not.
func (r *route) choose(asked []bool, may func(Upstream) bool) int {
	among := r.candidates(asked, may)
	if len(among) == 0 {
		return -1
	}
	full := func(i int) bool { return r.targets[i].Upstream.Full() }
	if free := slices.DeleteFunc(slices.Clone(among), full); len(free) > 0 {
		among = free
	}
	r.queue.mu.Lock()
	defer r.queue.mu.Unlock()
	return r.queue.turns.next(r.targets, among)
}

// candidates are the targets of the best priority that has one that may be chosen.
func (r *route) candidates(asked []bool, may func(Upstream) bool) []int {
	var found []int
	for i, t := range r.targets {
		if len(found) > 0 && t.Priority != r.targets[found[0]].Priority {
			break
		}
		if !asked[i] && may(t.Upstream) {
			found = append(found, i)
		}
	}
	return found
}

// next gives the turn to one of some targets.
func (t turns) next(targets []Target, among []int) int {
	best, total := among[0], 0
	for _, i := range among {
		t[i] += targets[i].Weight
		total += targets[i].Weight
		if t[i] > t[best] {
			best = i
		}
	}
	t[best] -= total
	return best
}

// wait is the shortest time after which a target may be asked again.
func (r *route) wait() time.Duration {
	shortest := r.targets[0].Upstream.Wait()
	for _, t := range r.targets[1:] {
		shortest = min(shortest, t.Upstream.Wait())
	}
	return shortest
}
