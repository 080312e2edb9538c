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
	for i := range s.outcomes {
		o := &s.outcomes[i]
		o.weight = math.Log(o.p)
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
	for i := range s.outcomes {
		s.outcomes[i].weight = math.Exp((s.outcomes[i].weight - most) / s.temperature)
	}
}

// heaviest is the outcome with the greatest weight; of equals, the one with the lowest id.
func (s *sampler) heaviest() outcome {
	best := &s.outcomes[0]
	for i := range s.outcomes {
		o := &s.outcomes[i]
		if o.weight > best.weight || o.weight == best.weight && o.token < best.token {
			best = o
		}
	}
	return *best
}

// keepNucleus keeps the fewest tokens whose probabilities add up to top_p, and at least one.
func (s *sampler) keepNucleus() {
	slices.SortFunc(s.outcomes, heavierFirst)
	want := s.topP * s.sum()
	for i := range s.outcomes {
		o := &s.outcomes[i]
		if all := float64(o.n) * o.weight; all < want {
			want -= all
			continue
		}
		o.n = min(o.n, max(1, int(math.Ceil(want/o.weight))))
		s.outcomes = s.outcomes[:i+1]
		return
	}
}

func heavierFirst(a, b outcome) int {
	if a.weight != b.weight {
		return cmp.Compare(b.weight, a.weight)
	}
	return cmp.Compare(a.token, b.token)
}

func (s *sampler) sum() float64 {
	sum := 0.0
	for _, o := range s.outcomes {
		sum += float64(o.n) * o.weight
	}
	return sum
}

// pick draws an outcome by weight.
func (s *sampler) pick() outcome {
	left := s.random.Float64() * s.sum()
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
