package localmodel

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/specgate/specgate/internal/apierror"
)

// body is what the model reads of a request. It is not the generated type: that one takes 2.0 for no
// integer. A field that is absent or null is nil.
type body struct {
	Prompt           json.RawMessage    `json:"prompt"`
	BestOf           *integer           `json:"best_of"`
	Echo             bool               `json:"echo"`
	FrequencyPenalty float64            `json:"frequency_penalty"`
	LogitBias        map[string]float64 `json:"logit_bias"`
	Logprobs         *integer           `json:"logprobs"`
	MaxTokens        *integer           `json:"max_tokens"`
	N                *integer           `json:"n"`
	PresencePenalty  float64            `json:"presence_penalty"`
	Seed             *integer           `json:"seed"`
	Stop             texts              `json:"stop"`
	Suffix           string             `json:"suffix"`
	Temperature      *float64           `json:"temperature"`
	TopP             *float64           `json:"top_p"`
}

// texts is one text or a list of them; null is none.
type texts []string

// UnmarshalJSON reads either form.
func (t *texts) UnmarshalJSON(raw []byte) error {
	if raw[0] != '"' {
		return json.Unmarshal(raw, (*[]string)(t))
	}
	*t = make(texts, 1)
	return json.Unmarshal(raw, &(*t)[0])
}

// settings is a request with its defaults, as openapi.yaml has them.
type settings struct {
	shape
	n         int
	drafts    int // best_of; at least n
	maxTokens int64
	top       int // logprobs; negative for none
	echo      bool
	stops     []string
	follows   string // suffix
	seed      uint64
}

// newSettings reads a body that keeps the contract. A token id in logit_bias that the model does not
// know is an *apierror.Error.
func newSettings(b body) (settings, error) {
	s := settings{
		shape: shape{
			temperature: value(b.Temperature, 1), topP: value(b.TopP, 1),
			frequency: b.FrequencyPenalty, presence: b.PresencePenalty,
		},
		n:         int(value(b.N, 1)),
		maxTokens: int64(value(b.MaxTokens, 16)),
		top:       int(value(b.Logprobs, -1)),
		echo:      b.Echo,
		stops:     slices.DeleteFunc(b.Stop, func(stop string) bool { return stop == "" }), // would stop all at once
		follows:   b.Suffix,
		seed:      rand.Uint64(), //nolint:gosec // a completion is no secret
	}
	s.drafts = max(s.n, int(value(b.BestOf, 1)))
	if b.Seed != nil {
		s.seed = uint64(*b.Seed)
	}
	var err error
	s.bias, err = biases(b.LogitBias)
	return s, err
}

func value[T any](given *T, otherwise T) T {
	if given == nil {
		return otherwise
	}
	return *given
}

// biases is logit_bias by token. Where two keys are one token (7 and 07), the last in the order of
// their letters counts.
func biases(byKey map[string]float64) ([]touch, error) {
	byToken := map[token]float64{}
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		id, err := strconv.ParseInt(key, 10, 64)
		if err != nil || !known(id) {
			return nil, apierror.InvalidTokenID("logit_bias", knownIDs)
		}
		byToken[token(id)] = byKey[key]
	}
	var all []touch
	for _, t := range slices.Sorted(maps.Keys(byToken)) {
		all = append(all, touch{token: t, bias: byToken[t]})
	}
	return all, nil
}

const knownIDs = "those of specgate-1 are 0 to 100255, and 100257 for the end of a text"

// source of chance for one draft of one choice: of the seed and its place alone, so that a choice does
// not depend on what else is asked for.
func (s settings) random(prompt, choice, draft int) *rand.Rand {
	place := uint64(prompt)<<32 | uint64(choice)<<8 | uint64(draft)
	return rand.New(rand.NewPCG(scramble(s.seed), scramble(place))) //nolint:gosec // repeatable is what it is to be
}

// scramble spreads neighbouring numbers (the finalizer of SplitMix64).
func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// decode reads a body.
func decode(raw []byte) (body, error) {
	var b body
	if err := json.Unmarshal(raw, &b); err != nil {
		return b, fmt.Errorf("read a request that was accepted: %w", err)
	}
	return b, nil
}
