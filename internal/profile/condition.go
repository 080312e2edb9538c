package profile

import (
	"encoding/json"
	"strconv"

	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/rawjson"
)

// condition is what a deviation is about. holds is given the field's JSON, nil where it is absent, and
// the default that the contract publishes, nil where there is none. beside, where there is one, has to
// hold of the whole request too.
type condition struct {
	name   string // as docs/backends.md has it
	holds  func(raw, published json.RawMessage) bool
	beside func(req *completion.Request) bool
}

var (
	isNull      = condition{name: "null", holds: func(raw, _ json.RawMessage) bool { return string(raw) == "null" }}
	isUnset     = condition{name: "absent or null", holds: func(raw, _ json.RawMessage) bool { return unset(raw) }}
	isAsked     = condition{name: "asks for something", holds: asks}
	isIdle      = condition{name: "there, and asks for nothing", holds: func(raw, published json.RawMessage) bool { return raw != nil && !asks(raw, published) }}
	isText      = condition{name: "a text", holds: func(raw, _ json.RawMessage) bool { return raw != nil && raw[0] == '"' }}
	isZero      = condition{name: "0", holds: func(raw, _ json.RawMessage) bool { return equals(raw, 0) }}
	isOne       = condition{name: "1", holds: func(raw, _ json.RawMessage) bool { return equals(raw, 1) }}
	isTokens    = condition{name: "token ids", holds: func(raw, _ json.RawMessage) bool { return ofTokens(raw) }}
	isSeveral   = condition{name: "several prompts", holds: func(raw, _ json.RawMessage) bool { return len(prompts(raw)) > 1 }}
	isNothing   = condition{name: "null, or an empty list", holds: func(raw, _ json.RawMessage) bool { return raw != nil && raw[0] != '"' && (unset(raw) || isEmpty(raw)) }}
	isListOfOne = condition{name: "a list of one prompt", holds: func(raw, _ json.RawMessage) bool { return len(prompts(raw)) == 1 }}
)

// Of one prompt, the likeliest tokens alone make one text: there is no second choice to make.
var (
	isAskedGreedy   = condition{"above 1, at `temperature` 0", isAsked.holds, isGreedy}
	isSeveralGreedy = condition{"several prompts, `n` above 1, at `temperature` 0", isSeveral.holds, func(req *completion.Request) bool {
		return integer(req.Field("n")) > 1 && isGreedy(req)
	}}
)

// isZeroAlone is a max_tokens of 0 that does not score a prompt.
var isZeroAlone = condition{"0, without `echo`", isZero.holds, func(req *completion.Request) bool {
	return string(req.Field("echo")) != "true"
}}

// isGreedy reports whether vLLM takes the temperature for 0: its bound, in SamplingParams.
func isGreedy(req *completion.Request) bool {
	f, err := strconv.ParseFloat(string(req.Field("temperature")), 64)
	return err == nil && f < 1e-5
}

func unset(raw json.RawMessage) bool { return raw == nil || string(raw) == "null" }

// asks reports whether a field asks for something: null, the default, and what is empty do not.
func asks(raw, published json.RawMessage) bool {
	if unset(raw) || string(raw) == string(published) || isEmpty(raw) {
		return false
	}
	if usual, err := strconv.ParseFloat(string(published), 64); err == nil {
		return !equals(raw, usual)
	}
	return true
}

// isEmpty reports whether a value is a text, a list or an object with nothing in it.
func isEmpty(raw json.RawMessage) bool {
	switch raw[0] {
	case '"':
		return len(raw) == len(`""`)
	case '[':
		_, some := firstItem(raw)
		return !some
	case '{':
		for range rawjson.Members(raw) {
			return false
		}
		return true
	}
	return false
}

func equals(raw json.RawMessage, number float64) bool {
	f, err := strconv.ParseFloat(string(raw), 64)
	return err == nil && f == number
}

// ofTokens reports whether a prompt is given in token ids, as one list of them or several.
func ofTokens(raw json.RawMessage) bool {
	item, some := firstItem(raw)
	return some && item[0] != '"'
}

// prompts returns the prompts of a list of them, nil where the prompt is no such list.
func prompts(raw json.RawMessage) []rawjson.Span {
	if item, some := firstItem(raw); !some || item[0] != '"' && item[0] != '[' {
		return nil
	}
	var list []rawjson.Span
	for at := range rawjson.Items(raw) {
		list = append(list, at)
	}
	return list
}

func firstItem(raw json.RawMessage) (item json.RawMessage, some bool) {
	for at := range rawjson.Items(raw) {
		return raw[at.Start:at.End], true
	}
	return nil, false
}
