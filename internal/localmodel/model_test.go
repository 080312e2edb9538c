package localmodel

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// trained is the model that all tests ask.
var trained = sync.OnceValues(func() (*Model, error) { return New("test") })

func model(tb testing.TB) *Model {
	tb.Helper()
	m, err := trained()
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func (m *Model) encode(t *testing.T, text string) []token {
	t.Helper()
	tokens, err := m.vocabulary.encode(text)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// eachToken calls f with every token of the vocabulary.
func eachToken(f func(token)) {
	for id := range token(plainTokens) {
		f(id)
	}
	f(endOfText)
}

// histories are of every kind: none, known ones of each length, one that never was, half of one.
func histories(t *testing.T) map[string]history {
	t.Helper()
	m := model(t)
	all := map[string]history{
		"beginning": beginning(),
		"unseen":    after([]token{99999, 88888, 77777}),
		"ended":     after([]token{1, endOfText, m.encode(t, "The")[0]}),
	}
	for _, text := range []string{"Once", " the", " the town", "In the morning the", "xyzzy the", "😀 is", "."} {
		all[text] = after(m.encode(t, text))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		h := beginning()
		for range 3 {
			h = h.with(token(random.IntN(plainTokens)))
		}
		all[string(rune(h.tokens[0]))] = h
	}
	return all
}

// However long or strange a history is, something comes next, and nothing is impossible.
func TestProbabilitiesSumToOne(t *testing.T) {
	m := model(t)
	for name, h := range histories(t) {
		sum, lowest := 0.0, 1.0
		rows := m.ngrams.rows(h)
		eachToken(func(id token) {
			p := m.ngrams.mixed(rows, id)
			sum += p
			lowest = min(lowest, p)
		})
		if math.Abs(sum-1) > 1e-6 || lowest <= 0 {
			t.Errorf("after %q the probabilities add up to %v, the lowest is %v", name, sum, lowest)
		}
	}
}

// The short list is the whole vocabulary, to the last digit, whichever tokens stand apart in it.
func TestDistributionIsThatOfEveryToken(t *testing.T) {
	m := model(t)
	apart := []touch{{token: 0}, {token: 279}, {token: 280}, {token: 99999}, {token: endOfText}}
	for name, h := range histories(t) {
		rows := m.ngrams.rows(h)
		for _, touched := range [][]touch{nil, apart} {
			d := newDistribution(m.ngrams)
			d.fill(h, touched)
			seen, n := make([]bool, tokenBound), 0
			for _, o := range d.outcomes {
				for i := range o.n {
					id := d.member(o, i)
					if seen[id] {
						t.Fatalf("after %q token %d is there twice", name, id)
					}
					seen[id] = true
					n++
					if want := m.ngrams.mixed(rows, id); o.p != want {
						t.Fatalf("after %q token %d has %v, want %v", name, id, o.p, want)
					}
				}
			}
			if n != vocabularySize {
				t.Errorf("after %q there are %d tokens", name, n)
			}
		}
	}
}

func TestTopIsTheLikeliest(t *testing.T) {
	m := model(t)
	for name, h := range histories(t) {
		var all []likely
		rows := m.ngrams.rows(h)
		eachToken(func(id token) { all = append(all, likely{id, math.Log(m.ngrams.mixed(rows, id))}) })
		slices.SortStableFunc(all, func(a, b likely) int {
			switch {
			case a.logprob > b.logprob:
				return -1
			case a.logprob < b.logprob:
				return 1
			}
			return 0
		})
		d := newDistribution(m.ngrams)
		d.fill(h, nil)
		if got := d.top(5); !slices.Equal(got, all[:5]) {
			t.Errorf("after %q the top is %v, want %v", name, got, all[:5])
		}
		if got := d.top(0); len(got) != 0 {
			t.Errorf("after %q no top has %v", name, got)
		}
	}
}

// Greedy takes the likeliest of the whole vocabulary, and of equals the one with the lowest id.
func TestGreedyIsTheArgmaxChain(t *testing.T) {
	m := model(t)
	for _, prompt := range []string{"", "Once upon a time", "xyzzy", "The capital of France is"} {
		s := newSampler(m.ngrams, shape{temperature: 0, topP: 1}, nil)
		h := after(m.encode(t, prompt))
		for range 12 {
			best, most := token(-1), 0.0
			rows := m.ngrams.rows(h)
			eachToken(func(id token) {
				if p := m.ngrams.mixed(rows, id); p > most {
					best, most = id, p
				}
			})
			s.look(h)
			got, logprob := s.draw()
			if got != best || logprob != math.Log(most) {
				t.Fatalf("%q goes on with %d (%v), want %d (%v)", prompt, got, logprob, best, math.Log(most))
			}
			h = h.with(got)
		}
	}
}

// A text that was generated is scored as it was generated.
func TestScoresAreThoseOfTheGeneration(t *testing.T) {
	m := model(t)
	for seed := range uint64(20) {
		s := newSampler(m.ngrams, shape{temperature: 1.5, topP: 0.99, frequency: 1, presence: -1, bias: []touch{{token: 279, bias: 2}}}, rand.New(rand.NewPCG(seed, 0)))
		prompt := m.encode(t, "In the evening")
		h := after(prompt)
		text, logprobs := slices.Clone(prompt), make([]float64, len(prompt))
		for range 40 {
			s.look(h)
			id, logprob := s.draw()
			text, logprobs = append(text, id), append(logprobs, logprob)
			h = h.with(id)
		}
		h = beginning()
		for i, id := range text {
			if got := math.Log(m.ngrams.probability(h, id)); i >= len(prompt) && got != logprobs[i] {
				t.Fatalf("seed %d: token %d scores %v, and was generated with %v", seed, i, got, logprobs[i])
			}
			h = h.with(id)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New("test"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDraw(b *testing.B) {
	m := model(b)
	for name, s := range map[string]shape{
		"plain":     {temperature: 1, topP: 1},
		"greedy":    {temperature: 0, topP: 1},
		"nucleus":   {temperature: 0.7, topP: 0.9},
		"penalties": {temperature: 1, topP: 1, frequency: 1, presence: 1},
		"wild":      {temperature: 1.7, topP: 0.9, frequency: 2},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			sampler := newSampler(m.ngrams, s, rand.New(rand.NewPCG(1, 2)))
			h := beginning()
			for n := 0; b.Loop(); n++ {
				if n%2000 == 0 { // as many as a long completion has
					sampler.touched = nil
				}
				sampler.look(h)
				id, _ := sampler.draw()
				h = h.with(id)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}
