package profile

import (
	"cmp"
	"encoding/json"
	"math"
	"strconv"

	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/fanout"
)

// maxCopies bounds the bytes of the parts of one request that are held at one time, where each is a copy
// of the request but for its seed.
const maxCopies = 1 << 20

// split makes single requests of one that asks for several choices: prompt after prompt, and for each
// as many as n says, so that the place of each is the index of its choice. Of those for one prompt
// each has a seed of its own.
func (p *profile) split(req *completion.Request, choices int) fanout.Parts {
	raw := req.Field("prompt")
	list := prompts(raw)
	each := choices / max(1, len(list))
	var one *completion.Request // for the prompt whose turn it is
	of := func(i int) *completion.Request {
		if i%each == 0 {
			one = req
			if len(list) > 0 {
				at := list[i/each]
				one = one.With("prompt", raw[at.Start:at.End])
			}
			one = one.Without("n")
		}
		return seeded(one, i%each)
	}
	width := p.options.FanoutWidth
	if each > 1 && !unset(req.Field("seed")) {
		width = min(cmp.Or(width, choices), max(1, maxCopies/len(req.Body)))
	}
	return fanout.Parts{Count: choices, Stream: req.Stream, Of: of, Width: width, MaxBytes: p.options.MaxBytes}
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
