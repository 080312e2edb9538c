package localmodel

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// shape is how a request wants the model's probabilities changed before a token is drawn.
type shape struct {
	temperature float64 // 0 takes the likeliest token
	topP        float64
	frequency   float64
	presence    float64
	bias        []touch // sorted by token
}

// touch is a token that a request treats apart.
type touch struct {
	token token
	bias  float64
	count int // how often it was generated
}

// sampler draws the tokens of one completion.
type sampler struct {
	shape
	random  *rand.Rand
	touched []touch // sorted by token
	distribution
}

func newSampler(model *ngrams, s shape, random *rand.Rand) *sampler {
	return &sampler{shape: s, random: random, touched: slices.Clone(s.bias), distribution: newDistribution(model)}
}

// look makes the distribution that of what follows on h.
func (s *sampler) look(h history) { s.fill(h, s.touched) }

// draw takes a token of the distribution that look has made, and leaves it spoilt. It returns the
// token's log probability as the model has it, whatever the request made of it.
func (s *sampler) draw() (token, float64) {
	s.weigh()
	o := s.heaviest() // which is all of it at a temperature of 0
	t := o.token
	if s.temperature > 0 {
		if s.topP < 1 {
			s.keepNucleus()
		}
		o = s.pick()
		t = s.member(o, int(s.random.Uint64N(uint64(o.n))))
	}
	s.note(t)
	return t, math.Log(o.p)
}

// weigh gives each outcome what its tokens' probabilities are to be in proportion to. As it is, that
// is the model's; logarithms are taken only where something is to be done to it.
func (s *sampler) weigh() {
	if len(s.touched) == 0 && (s.temperature == 0 || s.temperature == 1) {
		for i := range s.outcomes {
			s.outcomes[i].weight = s.outcomes[i].p
		}
		return
	}
	s.toLogits()
	if s.temperature > 0 {
		s.toWeights()
	}
}

// toLogits makes logits of the weights, with the biases and penalties of OpenAI's formula:
// https://platform.openai.com/docs/advanced-usage#frequency-and-presence-penalties
func (s *sampler) toLogits() {
	touched := s.touched
	p, logit := 1.0, 0.0 // the last one: under penalties, thousands in a row may be the same
	for i := range s.outcomes {
		o := &s.outcomes[i]
		if o.p != p {
			p, logit = o.p, math.Log(o.p)
		}
		o.weight = logit
		if o.class != single || len(touched) == 0 || touched[0].token != o.token {
			continue
		}
		o.weight += touched[0].bias
		if n := touched[0].count; n > 0 {
			o.weight -= float64(float64(n)*s.frequency) + s.presence
		}
		touched = touched[1:]
	}
}

// toWeights makes weights of the logits, at the request's temperature; the greatest is 1.
func (s *sampler) toWeights() {
	most := s.heaviest().weight
	logit, weight := most, 1.0 // the last one, as in toLogits
	for i := range s.outcomes {
		o := &s.outcomes[i]
		if o.weight != logit {
			logit, weight = o.weight, math.Exp((o.weight-most)/s.temperature)
		}
		o.weight = weight
	}
}

// heaviest is the outcome with the greatest weight; of equals, the one with the lowest id.
func (s *sampler) heaviest() outcome {
	best := &s.outcomes[0]
	for i := range s.outcomes {
		if o := &s.outcomes[i]; heavier(o, best) {
			best = o
		}
	}
	return *best
}

// keepNucleus keeps the fewest tokens whose probabilities add up to top_p, and at least one. It looks
// for the outcome at which they do as quickselect does: with penalties there may be thousands, and
// to sort them all for each token would take longer than all else.
func (s *sampler) keepNucleus() {
	want := s.topP * sum(s.outcomes)
	from, to := 0, len(s.outcomes)
	for to-from > 1 {
		middle := from + split(s.outcomes[from:to])
		mass := sum(s.outcomes[from:middle])
		if mass >= want {
			to = middle
			continue
		}
		want -= mass
		from = middle
	}
	o := &s.outcomes[from]
	o.n = min(o.n, max(1, int(math.Ceil(want/o.weight))))
	s.outcomes = s.outcomes[:to]
}

// split puts the heavier of at least two outcomes before the others, and returns how many they are:
// one at least, and not all.
func split(all []outcome) int {
	last := len(all) - 1
	all[len(all)/2], all[last] = all[last], all[len(all)/2]
	n := 0
	for i := range last {
		if heavier(&all[i], &all[last]) {
			all[i], all[n] = all[n], all[i]
			n++
		}
	}
	all[n], all[last] = all[last], all[n]
	return max(n, 1) // where nothing is heavier than the one in the middle, it stands alone
}

// heavier is the order of outcomes: by weight, and of equals the one with the lowest id first.
func heavier(a, b *outcome) bool {
	return a.weight > b.weight || a.weight == b.weight && a.token < b.token
}

// sum is the weight of all tokens of some outcomes.
func sum(outcomes []outcome) float64 {
	total := 0.0
	for i := range outcomes {
		total += float64(outcomes[i].n) * outcomes[i].weight
	}
	return total
}

// pick draws an outcome by weight.
func (s *sampler) pick() outcome {
	left := s.random.Float64() * sum(s.outcomes)
	last := s.outcomes[0]
	for _, o := range s.outcomes {
		if o.weight == 0 {
			continue
		}
		last = o
		if left -= float64(o.n) * o.weight; left < 0 {
			break
		}
	}
	return last
}

// note counts a generated token, where a penalty depends on it.
func (s *sampler) note(t token) {
	if s.frequency == 0 && s.presence == 0 {
		return
	}
	i, ok := slices.BinarySearchFunc(s.touched, t, func(a touch, t token) int { return cmp.Compare(a.token, t) })
	if !ok {
		s.touched = slices.Insert(s.touched, i, touch{token: t})
	}
	s.touched[i].count++
}
