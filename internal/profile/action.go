package profile

import (
	"encoding/json"
	"slices"

	"github.com/specgate/specgate/internal/completion"
)

// action is what is done about a deviation. Those without adapt leave the request as it is: refuse ends
// it there, and splitUp makes several of it.
type action struct {
	name  string // as docs/backends.md has it
	adapt func(req *completion.Request, field string, published json.RawMessage) *completion.Request
}

var (
	refuse  = action{name: "refuse"}
	splitUp = action{name: "split"}
	cut     = action{"cut", func(req *completion.Request, field string, _ json.RawMessage) *completion.Request {
		return req.Without(field)
	}}
	theDefault = action{"the default", withDefault}
	itsItem    = action{"its item", withItem}
	noText     = action{"an empty text", withNoText}
	aList      = action{"a list of it", withList}
	one        = action{"1", withOne}
	nearZero   = action{"0.000001", withNearZero}
)

func withDefault(req *completion.Request, field string, published json.RawMessage) *completion.Request {
	if published == nil {
		return req
	}
	return req.With(field, published)
}

func withItem(req *completion.Request, field string, _ json.RawMessage) *completion.Request {
	item, _ := firstItem(req.Field(field))
	return req.With(field, item)
}

func withNoText(req *completion.Request, field string, _ json.RawMessage) *completion.Request {
	return req.With(field, []byte(`""`))
}

func withList(req *completion.Request, field string, _ json.RawMessage) *completion.Request {
	return req.With(field, slices.Concat([]byte{'['}, req.Field(field), []byte{']'}))
}

// withOne asks for one more than was asked for, where 0 is taken for none at all, or for no limit.
func withOne(req *completion.Request, field string, _ json.RawMessage) *completion.Request {
	return req.With(field, []byte("1"))
}

// withNearZero puts the smallest share of the probability that every backend tells from 0, in the
// precision of a float32 too. The likeliest token alone has as much in all but the flattest of
// distributions, which is what 0 means.
func withNearZero(req *completion.Request, field string, _ json.RawMessage) *completion.Request {
	return req.With(field, []byte("0.000001"))
}
