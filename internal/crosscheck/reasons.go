package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/pb33f/libopenapi/datamodel/high/base"
)

// violation is an item of a 422.
type violation struct {
	Loc       []any
	Msg, Type string
}

// reasons tells from a 422 whether the contract refuses by words that OpenAPI does not have.
type reasons struct {
	rules map[string]bool // messages of x-rules
	types map[string]bool // that the gateway gives a violation
}

// ownTypes are violations of JSON itself, of x-exact-keys, x-max-depth and x-max-violations, and of what a
// backend can do.
var ownTypes = map[string]bool{"json_invalid": true, "duplicate_key": true, "too_many_violations": true, "unsupported_parameter": true}

func newReasons(schemas map[string]*base.Schema) (reasons, error) {
	r := reasons{rules: map[string]bool{}, types: map[string]bool{}}
	var rules []struct{ Msg string }
	if err := decode(schemas["CompletionRequest"], "x-rules", &rules); err != nil {
		return r, err
	}
	for _, rule := range rules {
		r.rules[rule.Msg] = true
	}
	var types []string
	err := decode(schemas["Violation"].Properties.GetOrZero("type").Schema(), "x-extensible-enum", &types)
	for _, t := range types {
		r.types[t] = true
	}
	return r, err
}

func decode(schema *base.Schema, extension string, into any) error {
	node := schema.Extensions.GetOrZero(extension)
	if node == nil {
		return fmt.Errorf("the contract has no %s", extension)
	}
	return node.Decode(into)
}

// visible are the violations of a 422 that OpenAPI has words for. There are none where the backend refused:
// the gateway repeats the type of the first as the code, and a backend has codes of its own.
func (r reasons) visible(body []byte) ([]*violation, error) {
	var invalid struct {
		Detail []*violation
		Error  struct{ Code *string }
	}
	if err := json.Unmarshal(body, &invalid); err != nil {
		return nil, err
	}
	if len(invalid.Detail) == 0 {
		return nil, errors.New("no detail")
	}
	if code := invalid.Error.Code; code == nil || *code != invalid.Detail[0].Type || !r.types[*code] {
		return nil, nil
	}
	var visible []*violation
	for _, v := range invalid.Detail {
		if !r.rules[strings.TrimPrefix(v.Msg, "Value error, ")] && !ownTypes[v.Type] {
			visible = append(visible, v)
		}
	}
	return visible, nil
}
