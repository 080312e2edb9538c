package profile

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/specgate/specgate/internal/completion"
)

// split makes single requests of one that asks for several choices: prompt after prompt, and for each
// as many as n says, so that the place of each is the index of its choice. Of those for one prompt
// each has a seed of its own.
func split(req *completion.Request, choices int) []*completion.Request {
	raw := req.Field("prompt")
	list := prompts(raw)
	each := choices / max(1, len(list))
	parts := make([]*completion.Request, 0, choices)
	for i := range max(1, len(list)) {
		one := req
		if len(list) > 0 {
			one = one.With("prompt", raw[list[i].Start:list[i].End])
		}
		one = one.Without("n")
		for choice := range each {
			parts = append(parts, seeded(one, choice))
		}
	}
	return parts
}

// seeded gives a request the seed of one of several choices: the one that was sent for the first, and
// that plus the choice's number for the others, which would be the same text otherwise.
func seeded(req *completion.Request, choice int) *completion.Request {
	raw := req.Field("seed")
	if choice == 0 || unset(raw) {
		return req
	}
	seed := integer(raw)
	if seed > math.MaxInt64-int64(choice) { // stay within the contract, and of one sign
		seed -= int64(choice)
	} else {
		seed += int64(choice)
	}
	return req.With("seed", strconv.AppendInt(nil, seed, 10))
}

// integer reads an integer that keeps the contract. One that is not written in digits alone (1e3) is
// read in the precision of a float64.
func integer(raw json.RawMessage) int64 {
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return n
	}
	f, _ := strconv.ParseFloat(string(raw), 64)
	switch {
	case f >= math.MaxInt64:
		return math.MaxInt64
	case f <= math.MinInt64:
		return math.MinInt64
	}
	return int64(f)
}
