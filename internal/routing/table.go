package routing

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
)

// table finds the route of a model.
type table struct {
	exact    map[string]*route
	patterns []*route // the first that fits is the one
}

// route is one id or pattern, and its targets.
type route struct {
	name    string
	targets []Target // by priority
	queue   *queue
}

// queue is whose turn it is.
type queue struct {
	mu    sync.Mutex
	turns turns
}

func newTable(models map[string][]Target) table {
	t := table{exact: map[string]*route{}}
	for _, name := range slices.Sorted(maps.Keys(models)) {
		r := &route{name: name, targets: slices.Clone(models[name]), queue: &queue{turns: make(turns, len(models[name]))}}
		slices.SortStableFunc(r.targets, func(a, b Target) int { return cmp.Compare(a.Priority, b.Priority) })
		if strings.Contains(name, "*") {
			t.patterns = append(t.patterns, r)
			continue
		}
		t.exact[name] = r
	}
	// The longest first; of two as long, the one that says more before its first asterisk.
	slices.SortStableFunc(t.patterns, func(a, b *route) int {
		return cmp.Or(cmp.Compare(len(b.name), len(a.name)), cmp.Compare(strings.Index(b.name, "*"), strings.Index(a.name, "*")))
	})
	return t
}

// find gives the route of a model, nil where there is none.
func (t table) find(model string) *route {
	if r := t.exact[model]; r != nil {
		return r
	}
	for _, r := range t.patterns {
		if match(r.name, model) {
			return r
		}
	}
	return nil
}

// match reports whether s fits pattern, in which * stands for any run of characters, slashes too.
func match(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	last := len(parts) - 1
	s, ok := strings.CutPrefix(s, parts[0])
	if !ok || last == 0 {
		return ok && s == ""
	}
	for _, part := range parts[1:last] {
		at := strings.Index(s, part)
		if at < 0 {
			return false
		}
		s = s[at+len(part):]
	}
	return strings.HasSuffix(s, parts[last])
}

// Names are the ids and patterns of models. They may be used by many goroutines at once.
type Names struct{ table table }

// NewNames returns those that are given.
func NewNames(all iter.Seq[string]) Names {
	models := map[string][]Target{}
	for name := range all {
		models[name] = nil
	}
	return Names{newTable(models)}
}

// Of is the id or the pattern that a model goes by; empty where there is none.
func (n Names) Of(model string) string {
	if r := n.table.find(model); r != nil {
		return r.name
	}
	return ""
}
