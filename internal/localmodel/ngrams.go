package localmodel

import "slices"

// trust is the weight of what was counted for histories of 0, 1, 2 … tokens, where there is such a
// count; the rest goes to the next shorter history, and in the end to all tokens alike. So no token
// is ever impossible, and the probabilities after any history add up to 1. The values are a matter
// of taste: the longest history has enough to hold a sentence together, and not so much that the
// corpus is recited; the even share is so small that most completions are words.
var trust = [order]float64{0.98, 0.9, 0.75, 0.6}

// ngrams is an interpolated n-gram model (Jelinek and Mercer). It never changes once it is trained.
type ngrams struct {
	classes []class
	classOf []int32 // of each token
	total   int32   // tokens that were counted
	tables  [order - 1]table
}

// class is the tokens that were seen equally often. After most histories all but a few of each have
// the same probability, which makes the whole vocabulary a short list.
type class struct {
	tokens []token // sorted
	p      float64 // of each of them, whatever came before
}

// classify groups the tokens by how often they were seen.
func (g *ngrams) classify(seen []int32) {
	byCount := make([]class, slices.Max(seen)+1)
	for id, n := range seen {
		if known(int64(id)) {
			byCount[n].tokens = append(byCount[n].tokens, token(id))
		}
	}
	for n, c := range byCount {
		if len(c.tokens) == 0 {
			continue
		}
		c.p = mix(trust[0], float64(n)/float64(g.total), 1.0/vocabularySize)
		for _, t := range c.tokens {
			g.classOf[t] = int32(len(g.classes))
		}
		g.classes = append(g.classes, c)
	}
}

// mix weighs a with w and b with the rest. The conversions keep some processors from fusing a product
// with the sum: a probability is the same to the last digit whichever way it is come by.
func mix(w, a, b float64) float64 { return float64(w*a) + float64((1-w)*b) }

// rows are what is known of a history, of its last token, its last two and so on, as far as anything
// is. All that is in a row is in those before it too.
func (g *ngrams) rows(h history) []row {
	rows := make([]row, 0, order-1)
	for k := range h.n {
		r, ok := g.tables[k].row(h.key(k + 1))
		if !ok {
			break
		}
		rows = append(rows, r)
	}
	return rows
}

// probability is that of t after h.
func (g *ngrams) probability(h history, t token) float64 { return g.mixed(g.rows(h), t) }

// mixed is the probability of t after the history of rows.
func (g *ngrams) mixed(rows []row, t token) float64 {
	p := g.classes[g.classOf[t]].p
	for k, r := range rows {
		p = mix(trust[k+1], r.share(t), p)
	}
	return p
}
