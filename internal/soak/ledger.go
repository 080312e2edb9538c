package main

import (
	"slices"
	"sync"
)

// ledger is what the backends did, by the id of the request, so that whoever gets an error can look up
// whether it is a true one.
type ledger struct {
	mu   sync.Mutex
	byID map[string][]*entry
	told map[string]int // how often each behaviour was shown
	left map[string]int // how often each backend has gone away
}

// entry is one request as one backend had it.
type entry struct {
	backend string
	behaviour
	cut bool // whether the backend went away meanwhile
}

func newLedger() *ledger {
	return &ledger{byID: map[string][]*entry{}, told: map[string]int{}, left: map[string]int{}}
}

// note is called before anything of an answer is sent. stay is how often the backend had gone away when
// the request came to it: it may have done so once more.
func (l *ledger) note(id, backend string, b behaviour, stay int) *entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := &entry{backend: backend, behaviour: b, cut: stay != l.left[backend]}
	l.byID[id] = append(l.byID[id], e)
	l.told[backend+": "+b.name]++
	return e
}

// cutAll marks what a backend has that goes away, and what it had of which the client may not have heard
// yet.
func (l *ledger) cutAll(backend string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left[backend]++
	for _, all := range l.byID {
		for _, e := range all {
			if e.backend == backend {
				e.cut = true
			}
		}
	}
}

// stay is how often a backend has gone away so far.
func (l *ledger) stay(backend string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.left[backend]
}

// settle takes what is known of a request out of the books.
func (l *ledger) settle(id string) []entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []entry
	for _, e := range l.byID[id] {
		out = append(out, *e)
	}
	delete(l.byID, id)
	return out
}

// spoil marks a request that broke off before it was there.
func (l *ledger) spoil(e *entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.cut = true
}

// explained reports whether a request may have ended as it did, by what the backends did with it.
func explained(e errand, how ending, known []entry) bool {
	untouched := true
	for _, k := range known {
		if slices.Contains(k.endings(e), how) || k.cut && slices.Contains(brokenOff, how) {
			return true
		}
		untouched = untouched && k.turnsAway
	}
	flaps := e.model == modelAll || e.model == modelFlap
	if split := e.kind == "batch" && slices.ContainsFunc(known, func(k entry) bool { return k.backend == slow }); split {
		return explainedByPart(how, known)
	}
	switch how {
	case ending{status: 503, code: "unavailable"}: // nobody took it
		return untouched
	case ending{status: 502, code: "upstream_error"}: // nobody was there
		return untouched && flaps
	default:
		return false
	}
}

// explainedByPart is explained for a request that was split: a part of it may have found the backend full
// or its circuit open, and what a part was refused for comes as an event where the others stream already.
func explainedByPart(how ending, known []entry) bool {
	if how.code == "unavailable" {
		return true
	}
	return slices.ContainsFunc(known, func(k entry) bool {
		return how.event && slices.ContainsFunc(k.plain, func(refused ending) bool { return refused.code == how.code })
	})
}
