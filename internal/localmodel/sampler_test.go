package localmodel

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// formula is the distribution that a shape makes of the model's, worked out over every token of the
// vocabulary as the definitions have it.
func formula(m *Model, h history, s shape, generated map[token]int) map[token]float64 {
	bias := map[token]float64{}
	for _, b := range s.bias {
		bias[b.token] = b.bias
	}
	type weighed struct {
		token  token
		weight float64
	}
	var all []weighed
	most := math.Inf(-1)
	rows := m.ngrams.rows(h)
	eachToken(func(id token) {
		logit := math.Log(m.ngrams.mixed(rows, id)) + bias[id]
		if c := generated[id]; c > 0 {
			logit -= float64(c)*s.frequency + s.presence
		}
		all = append(all, weighed{id, logit})
		most = max(most, logit)
	})
	sum := 0.0
	for i := range all {
		all[i].weight = math.Exp((all[i].weight - most) / s.temperature)
		sum += all[i].weight
	}
	slices.SortFunc(all, func(a, b weighed) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.token, b.token))
	})
	out, kept := make(map[token]float64, vocabularySize), 0.0
	for _, w := range all {
		if s.topP < 1 && kept >= s.topP && len(out) > 0 {
			break
		}
		kept += w.weight / sum
		out[w.token] = w.weight / sum
	}
	for id := range out {
		out[id] /= kept
	}
	return out
}

// mustFollow draws tokens after h and has them follow the formula, by Pearson's test at a
// level of one in a thousand; the seed is fixed, so that it never fails by chance.
func mustFollow(t *testing.T, h history, s shape, generated map[token]int) {
	t.Helper()
	m := model(t)
	want := formula(m, h, s, generated)
	sampler := newSampler(m.ngrams, s, rand.New(rand.NewPCG(7, 11)))
	for id, n := range generated {
		for range n {
			sampler.note(id)
		}
	}
	got := map[token]int{}
	touched := slices.Clone(sampler.touched)
	for range draws {
		sampler.touched = slices.Clone(touched)
		sampler.look(h)
		id, _ := sampler.draw()
		got[id]++
	}
	chi2, bins := 0.0, 0
	rareWant, rareGot := 0.0, 0
	for id, p := range want {
		if p*draws < 5 { // too few to be a bin of its own
			rareWant, rareGot = rareWant+p*draws, rareGot+got[id]
			continue
		}
		chi2 += square(float64(got[id])-p*draws) / (p * draws)
		bins++
	}
	if rareWant >= 5 {
		chi2 += square(float64(rareGot)-rareWant) / rareWant
		bins++
	} else if float64(rareGot) > rareWant+20 {
		t.Errorf("%d of the rare tokens came, want about %v", rareGot, rareWant)
	}
	for id := range got {
		if want[id] == 0 {
			t.Errorf("token %d came, which the formula leaves out", id)
		}
	}
	if limit := chiSquareLimit(bins - 1); chi2 > limit {
		t.Errorf("chi-square is %.1f over %d bins, want at most %.1f", chi2, bins, limit)
	}
}

func square(x float64) float64 { return x * x }

// chiSquareLimit is the 0.999 quantile (Wilson and Hilferty).
func chiSquareLimit(freedom int) float64 {
	if freedom == 0 {
		return 1e-9
	}
	const z = 3.0902
	f := 2 / (9 * float64(freedom))
	return float64(freedom) * math.Pow(1-f+z*math.Sqrt(f), 3)
}

func TestSamplesFollowTheFormula(t *testing.T) {
	m := model(t)
	the, sea, zwei := m.encode(t, " the")[0], m.encode(t, " sea")[0], m.encode(t, " zwei")[0]
	for name, s := range map[string]shape{
		"as it is":          {temperature: 1, topP: 1},
		"cold":              {temperature: 0.3, topP: 1},
		"cool":              {temperature: 0.7, topP: 1},
		"hot":               {temperature: 1.5, topP: 1},
		"hottest":           {temperature: 2, topP: 1},
		"hardly any":        {temperature: 1, topP: 0.05},
		"half":              {temperature: 1, topP: 0.5},
		"nearly all":        {temperature: 1, topP: 0.95},
		"into the unseen":   {temperature: 2, topP: 0.9},
		"hot and cut":       {temperature: 1.7, topP: 0.6},
		"none":              {temperature: 1, topP: 0},
		"biased":            {temperature: 1, topP: 1, bias: []touch{{token: the, bias: -1.5}, {token: sea, bias: 4}, {token: zwei, bias: 14}}},
		"biased, hot, cut":  {temperature: 1.3, topP: 0.8, bias: []touch{{token: the, bias: 2}, {token: zwei, bias: 15}}},
		"penalties":         {temperature: 1, topP: 1, frequency: 0.5, presence: 0.7},
		"negative":          {temperature: 0.8, topP: 0.9, frequency: -1, presence: -2},
		"penalties, biased": {temperature: 1, topP: 1, frequency: 1, presence: 0.5, bias: []touch{{token: sea, bias: 3}}},
	} {
		slices.SortFunc(s.bias, func(a, b touch) int { return cmp.Compare(a.token, b.token) })
		for _, prompt := range []string{" in the", "xyzzy"} {
			t.Run(name+prompt, func(t *testing.T) {
				t.Parallel()
				mustFollow(t, after(m.encode(t, prompt)), s, map[token]int{the: 3, sea: 1, 99999: 2})
			})
		}
	}
}

// -100 bans and 100 forces, also against the likeliest token, and at any temperature.
func TestBiasBansAndForces(t *testing.T) {
	m := model(t)
	h := after(m.encode(t, "Once upon a"))
	time, odd := m.encode(t, " time")[0], token(99999)
	for _, temperature := range []float64{0, 0.5, 1, 2} {
		for range 200 {
			s := newSampler(m.ngrams, shape{temperature: temperature, topP: 1, bias: []touch{{token: time, bias: -100}}}, rand.New(rand.NewPCG(1, 1)))
			s.look(h)
			if id, _ := s.draw(); id == time {
				t.Errorf("at %v a banned token came", temperature)
			}
			s = newSampler(m.ngrams, shape{temperature: temperature, topP: 1, bias: []touch{{token: odd, bias: 100}}}, rand.New(rand.NewPCG(1, 1)))
			s.look(h)
			if id, _ := s.draw(); id != odd {
				t.Errorf("at %v %d came instead of what was forced", temperature, id)
			}
		}
	}
}
