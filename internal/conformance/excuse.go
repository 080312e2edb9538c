package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/specgate/specgate/gen"
)

// unsupportedType is the type of a violation by which an endpoint says what it cannot do.
const unsupportedType = "unsupported_parameter"

// riding are the fields that most cases send beside what they are about, to get little, and the likeliest.
// Without them they would be about the same.
var riding = []string{"max_tokens", "temperature", "user"}

// needed are the cases that cannot do without one of those, though what they look for is said elsewhere.
var needed = map[string]string{
	"choices/belong":         "temperature", // or the choices of a prompt are not alike
	"echo/consistent":        "temperature",
	"logprobs/streamed":      "temperature",
	"prompts/own-choice":     "temperature",
	"robustness/large":       "user", // which is large
	"sampling/finish-length": "max_tokens",
	"sampling/top-p":         "temperature", // with which it is compared
	"streaming/text":         "temperature",
}

// excuse is the field for which a request was refused as one that the endpoint cannot do, where the case is
// about that field; "" for none.
func (c *Case) excuse(x *Exchange) string {
	field := x.unsupported()
	var sent map[string]json.RawMessage
	if field == "" || json.Unmarshal(x.Body, &sent) != nil || !c.isAbout(field, string(sent[field])) {
		return ""
	}
	return field
}

// isAbout reports whether a case has no other way to see what it is for than to send a value of a field; ""
// is for none. No completion does without a model and a prompt.
func (c *Case) isAbout(field, value string) bool {
	switch {
	case value == "" || field == "model":
		return false
	case field == "prompt":
		return value[0] != '"'
	case field == "max_tokens" && value == "0": // nothing else scores a prompt
		return true
	}
	return !slices.Contains(riding, field) || strings.HasPrefix(c.Pointer+"/", askedField+field+"/") || needed[c.ID] == field
}

// unsupported is the field that a refusal says the endpoint does not support, and nothing else; "" for none.
func (x *Exchange) unsupported() string {
	if x.Status != http.StatusUnprocessableEntity && x.Status != http.StatusBadRequest {
		return ""
	}
	var refusal struct {
		Detail []gen.Violation
		Error  struct{ Code, Param string }
	}
	if json.Unmarshal(x.Got, &refusal) != nil {
		return ""
	}
	field := ""
	if refusal.Error.Code == unsupportedType {
		field = refusal.Error.Param
	}
	for _, v := range refusal.Detail {
		if v.Type != unsupportedType {
			return "" // something else is wrong with it too
		}
		if len(v.Loc) > 1 {
			field = fmt.Sprint(v.Loc[1])
		}
	}
	return field
}
