package localmodel

import (
	"cmp"
	"slices"
)

// train counts what follows on what in some texts, each of which ends with the end of a text.
func train(texts [][]token) *ngrams {
	g := &ngrams{classOf: make([]int32, tokenBound)}
	alone := make([]int32, tokenBound)
	var grams [order - 1][]gram
	for _, text := range texts {
		h := beginning()
		for _, t := range append(slices.Clip(text), endOfText) {
			alone[t]++
			g.total++
			for k := range h.n {
				grams[k] = append(grams[k], gram{h.key(k + 1), t})
			}
			h = h.with(t)
		}
	}
	g.classify(alone)
	for k := range grams {
		g.tables[k] = newTable(grams[k])
	}
	return g
}

// gram is a token that stood after a history.
type gram struct {
	key  uint64
	next token
}

// table is what followed on the histories of one length, in arrays that are sorted by key, and for
// each key by token.
type table struct {
	keys   []uint64
	starts []int32 // of each key in next and counts; one more at the end
	next   []token
	counts []int32
	totals []int32 // by key
}

func newTable(grams []gram) table {
	slices.SortFunc(grams, func(a, b gram) int {
		if a.key != b.key {
			return cmp.Compare(a.key, b.key)
		}
		return cmp.Compare(a.next, b.next)
	})
	var t table
	for i, g := range grams {
		newKey := i == 0 || g.key != grams[i-1].key
		if newKey {
			t.keys = append(t.keys, g.key)
			t.starts = append(t.starts, int32(len(t.next)))
			t.totals = append(t.totals, 0)
		}
		if newKey || g.next != grams[i-1].next {
			t.next = append(t.next, g.next)
			t.counts = append(t.counts, 0)
		}
		t.counts[len(t.counts)-1]++
		t.totals[len(t.totals)-1]++
	}
	t.starts = append(t.starts, int32(len(t.next)))
	return t
}

// row is what followed on one history, sorted by token.
type row struct {
	next   []token
	counts []int32
	total  int32
}

// row finds a history, and reports whether anything was seen after it.
func (t *table) row(key uint64) (row, bool) {
	i, ok := slices.BinarySearch(t.keys, key)
	if !ok {
		return row{}, false
	}
	from, to := t.starts[i], t.starts[i+1]
	return row{t.next[from:to], t.counts[from:to], t.totals[i]}, true
}

// share is the part of what followed that was t.
func (r row) share(t token) float64 {
	i, ok := slices.BinarySearch(r.next, t)
	if !ok {
		return 0
	}
	return r.shareAt(i)
}

func (r row) shareAt(i int) float64 { return float64(r.counts[i]) / float64(r.total) }
