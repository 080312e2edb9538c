package localmodel

import (
	"cmp"
	"math"
	"slices"
)

// outcome is a token that may come next, or a number of them that are equally likely.
type outcome struct {
	token  token   // the one, or the lowest of them
	class  int32   // that of several; single where it is one
	n      int     // how many they are
	p      float64 // of each of them, as the model has it
	weight float64 // of each of them, as it is sampled
}

const single = -1

// distribution is what may come next, the whole vocabulary as a few hundred outcomes: those that are
// known to follow on the history, those that a request singles out, and the rest of each class.
// It is used over and over by one goroutine.
type distribution struct {
	model    *ngrams
	outcomes []outcome
	singles  []token // those that are outcomes of their own, sorted
	taken    []int   // by class, how many of it are among the singles
	lowest   []int   // by class, where in it the first one stands that is not
}

func newDistribution(model *ngrams) distribution {
	n := len(model.classes)
	return distribution{model: model, taken: make([]int, n), lowest: make([]int, n)}
}

// fill makes it the distribution after h. Each of apart, which is sorted, becomes a single outcome.
func (d *distribution) fill(h history, apart []touch) {
	rows := d.model.rows(h)
	d.outcomes, d.singles = d.outcomes[:0], d.singles[:0]
	clear(d.taken)
	clear(d.lowest)
	var at [order - 1]int // in each row
	for {
		t := next(rows, at[0], apart)
		if t == tokenBound {
			break
		}
		if len(apart) > 0 && apart[0].token == t {
			apart = apart[1:]
		}
		d.addSingle(t, rows, &at)
	}
	d.addClasses(rows)
}

// next is the lowest token that is left in the widest row or in apart; tokenBound where none is.
func next(rows []row, at int, apart []touch) token {
	t := tokenBound
	if len(rows) > 0 && at < len(rows[0].next) {
		t = rows[0].next[at]
	}
	if len(apart) > 0 {
		t = min(t, apart[0].token)
	}
	return t
}

func (d *distribution) addSingle(t token, rows []row, at *[order - 1]int) {
	c := d.model.classOf[t]
	p := d.model.classes[c].p
	for k, r := range rows {
		share := 0.0
		if i := at[k]; i < len(r.next) && r.next[i] == t {
			share = r.shareAt(i)
			at[k]++
		}
		p = mix(trust[k+1], share, p)
	}
	d.outcomes = append(d.outcomes, outcome{token: t, class: single, n: 1, p: p})
	d.singles = append(d.singles, t)
	d.taken[c]++
	if d.model.classes[c].tokens[d.lowest[c]] == t && d.lowest[c]+1 < len(d.model.classes[c].tokens) {
		d.lowest[c]++
	}
}

func (d *distribution) addClasses(rows []row) {
	for i := range d.model.classes {
		c := &d.model.classes[i]
		n := len(c.tokens) - d.taken[i]
		if n == 0 {
			continue
		}
		p := c.p
		for k := range rows {
			p = mix(trust[k+1], 0, p)
		}
		d.outcomes = append(d.outcomes, outcome{token: c.tokens[d.lowest[i]], class: int32(i), n: n, p: p})
	}
}

// member is the i-th token of an outcome, counted from 0 in the order of their ids.
func (d *distribution) member(o outcome, i int) token {
	if o.class == single || i == 0 {
		return o.token
	}
	all := d.model.classes[o.class].tokens
	for _, t := range d.singles {
		if d.model.classOf[t] != o.class {
			continue
		}
		if at, _ := slices.BinarySearch(all, t); at > i {
			break
		}
		i++
	}
	return all[i]
}

// likely is a token with its log probability.
type likely struct {
	token   token
	logprob float64
}

// top is the n likeliest tokens, the likeliest first; of equals, those with the lowest ids.
func (d *distribution) top(n int) []likely {
	best := make([]outcome, 0, n+1)
	for _, o := range d.outcomes {
		for i := range min(o.n, n) {
			one := outcome{token: d.member(o, i), p: o.p}
			at, _ := slices.BinarySearchFunc(best, one, likelierFirst)
			if at == n {
				break
			}
			best = slices.Insert(best, at, one)
			best = best[:min(len(best), n)]
		}
	}
	out := make([]likely, len(best))
	for i, o := range best {
		out[i] = likely{o.token, math.Log(o.p)}
	}
	return out
}

func likelierFirst(a, b outcome) int {
	return cmp.Or(cmp.Compare(b.p, a.p), cmp.Compare(a.token, b.token))
}
