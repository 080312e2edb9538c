package main

import (
	"encoding/json"
	"math/big"
	"net/http"
	"net/textproto"
	"strings"
)

// difference is a place in which the other tool reads a request otherwise than the contract means it. One
// that does not come up any more fails the check, so that the table stays short.
type difference struct {
	name, why string
	mend      func(*http.Request) bool      // takes it out of a request, and reports whether it was there
	unseen    func(*trial, *violation) bool // reports whether the other tool cannot see what was refused
}

var differences = []difference{
	{
		name: "a slash in a path parameter",
		why:  "OpenAPI has none; the description of {model} has, and a slash as it is means what %2F does",
		mend: slashInModel,
	},
	{
		name:   "a header that comes twice",
		why:    "it looks at the first of them alone",
		unseen: headerTwice,
	},
	{
		name:   "a number that float64 does not hold",
		why:    "it reads numbers as float64, and so takes 2.00000000000000000000000001 for 2, and 2^63 for 2^63-1",
		unseen: numberPastFloat,
	},
}

func slashInModel(r *http.Request) bool {
	model, ok := strings.CutPrefix(r.URL.Path, "/v1/models/")
	if !ok || !strings.Contains(model, "/") {
		return false
	}
	r.URL.Path = "/v1/models/" + strings.ReplaceAll(model, "/", "~") // of the same length, and as free
	r.URL.RawPath = ""
	return true
}

func headerTwice(t *trial, v *violation) bool {
	if len(v.Loc) != 2 || v.Loc[0] != "header" || v.Type != "value_error" {
		return false
	}
	name, _ := v.Loc[1].(string)
	return len(t.e.Header[textproto.CanonicalMIMEHeaderKey(name)]) > 1
}

// numberPastFloat looks for the number at the place of a violation, and whether it is what is said of it.
func numberPastFloat(t *trial, v *violation) bool {
	if v.Loc[0] != "body" {
		return false
	}
	number, ok := t.body.at(v.Loc[1:]).(json.Number)
	return ok && !aloneInFloat(number.String()) && breaks(number, v)
}

// breaks reckons a number exactly. The limit that it is past stands in the message.
func breaks(number json.Number, v *violation) bool {
	limit := json.Number(v.Msg[strings.LastIndexByte(v.Msg, ' ')+1:])
	_, err := limit.Float64()
	switch v.Type {
	case "less_than_equal":
		return err == nil && compare(number, limit) > 0
	case "greater_than_equal":
		return err == nil && compare(number, limit) < 0
	case "int_parsing_size":
		return compare(number, "9223372036854775807") > 0 || compare(number, "-9223372036854775808") < 0
	case "int_from_float":
		exact, ok := new(big.Rat).SetString(number.String())
		return !ok || !exact.IsInt()
	}
	return false
}

// aloneInFloat reports whether a number is a float64, and none of its neighbours that are not is nearest to
// the same.
func aloneInFloat(text string) bool {
	exact, ok := new(big.Rat).SetString(text)
	if !ok {
		return false
	}
	float, same := exact.Float64()
	const integers = 1 << 53
	return same && -integers < float && float < integers
}
