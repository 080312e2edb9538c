package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/pb33f/libopenapi/datamodel/high/base"
)

// reasons is what the contract says of bodies in words that OpenAPI does not have.
type reasons struct {
	schema        *base.Schema
	rules         []rule
	exactKeys     bool
	maxDepth      int
	maxViolations int
	types         map[string]bool // that the gateway gives a violation
}

func newReasons(schemas map[string]*base.Schema) (reasons, error) {
	r := reasons{schema: schemas["CompletionRequest"], types: map[string]bool{}}
	for name, into := range map[string]any{
		"x-rules": &r.rules, "x-exact-keys": &r.exactKeys, "x-max-depth": &r.maxDepth, "x-max-violations": &r.maxViolations,
	} {
		if err := decode(r.schema, name, into); err != nil {
			return r, err
		}
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

// ours are the violations of a body that OpenAPI has no words for. The body that is returned is that which
// the other tool is to look at: it keeps another one of the keys that stand twice.
func (r *reasons) ours(d *document) (all []violation, text []byte, err error) {
	if d.empty || d.broken || d.deep {
		return nil, d.text, nil
	}
	keys := onlyKeys{exact: r.exactKeys}
	first := keys.value(d.value, r.schema, []any{"body"})
	all, text = keys.found, d.text
	if len(all) > 0 {
		text = without(first)
	}
	body, _ := first.(object)
	for i := range r.rules {
		broken, err := r.rules[i].broken(body)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, broken...)
	}
	return all, text, nil
}

// has reports whether a violation is one of those. What is said of a key that stands twice is prose.
func has(all []violation, v *violation) bool {
	return slices.ContainsFunc(all, func(one violation) bool {
		if one.Type == duplicateKey {
			return v.Type == duplicateKey && place(one.Loc) == place(v.Loc)
		}
		return same(&one, v)
	})
}

// unnamed are the broken rules and the keys that a 422 does not speak of. Rules on a field whose value is
// wrong by itself need not hold.
func (r *reasons) unnamed(all []violation, detail []*violation) (missing []violation) {
	for _, one := range all {
		if !slices.ContainsFunc(detail, func(v *violation) bool { return has([]violation{one}, v) }) && !r.isMoot(one, detail) {
			missing = append(missing, one)
		}
	}
	return missing
}

func (r *reasons) isMoot(broken violation, detail []*violation) bool {
	for _, rule := range r.rules {
		if "Value error, "+rule.Msg != broken.Msg {
			continue
		}
		for _, field := range rule.fields() {
			at := place([]any{"body", field})
			if slices.ContainsFunc(detail, func(v *violation) bool { return place(v.Loc) == at && !has([]violation{broken}, v) }) {
				return true
			}
		}
	}
	return false
}

// cannot reports whether a 422 is a backend's limits, known to the gateway beforehand, and true of the body:
// parameters that it would ignore, or more prompts times n than it takes.
func (d *document) cannot(detail []*violation) bool {
	if len(detail) == 1 && detail[0].Type == "value_error" {
		var most int
		_, text, _ := strings.Cut(detail[0].Msg, "must not exceed ")
		_, err := fmt.Sscan(text, &most)
		return err == nil && strings.HasPrefix(detail[0].Msg, "Value error, the number of prompts times n ") && d.choices() > most
	}
	return !slices.ContainsFunc(detail, func(v *violation) bool {
		if v.Type != unsupported || v.Loc[0] != "body" || len(v.Loc) != 2 {
			return true
		}
		return d.at(v.Loc[1:]) == nil
	})
}

// choices is how many a body asks for.
func (d *document) choices() int {
	body, _ := d.value.(object)
	prompts, n := 1, 1
	if value, ok := body.get("prompt"); ok {
		if list, ok := value.([]any); ok && !tokens(list) {
			prompts = len(list)
		}
	}
	if value, ok := body.get("n"); ok {
		_, _ = fmt.Sscan(text(value), &n)
	}
	return prompts * n
}

// tokens reports whether a list is one prompt of token ids.
func tokens(list []any) bool {
	if len(list) == 0 {
		return false
	}
	_, ok := list[0].(json.Number)
	return ok
}
