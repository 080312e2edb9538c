package main

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"

	"github.com/pb33f/go-yaml"
)

// rule is one of x-rules, as its descriptions in the contract say it: where all of When holds, one of
// Require has to hold.
type rule struct {
	Loc     []any
	When    tests
	Require requirement
	Msg     string
}

// tests hold together.
type tests struct {
	Set        []string
	Equals     map[string]any
	In         map[string][]any
	Greater    []string
	KeyPattern map[string]string `yaml:"keyPattern"`
}

// requirement is tests, or a list of them of which one has to hold.
type requirement []tests

func (r *requirement) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.SequenceNode {
		return node.Decode((*[]tests)(r))
	}
	*r = make(requirement, 1)
	return node.Decode(&(*r)[0])
}

// broken are the violations of a rule in a body, each key of an object with free keys for itself.
func (r *rule) broken(body object) ([]violation, error) {
	if len(r.Require) == 1 && r.Require[0].KeyPattern != nil {
		return r.brokenKeys(body)
	}
	if !r.When.hold(body) || slices.ContainsFunc(r.Require, func(t tests) bool { return t.hold(body) }) {
		return nil, nil
	}
	return []violation{{Loc: r.Loc, Type: "value_error", Msg: "Value error, " + r.Msg}}, nil
}

func (r *rule) brokenKeys(body object) (all []violation, err error) {
	for field, text := range r.Require[0].KeyPattern {
		pattern, err := regexp.Compile(text)
		if err != nil {
			return nil, err
		}
		value, _ := body.get(field)
		keyed, _ := value.(object)
		for _, m := range keyed {
			if !pattern.MatchString(m.key) {
				all = append(all, violation{Loc: join(r.Loc, m.key), Type: "string_pattern_mismatch", Msg: r.Msg})
			}
		}
	}
	return all, nil
}

// fields are those that a rule speaks of.
func (r *rule) fields() (all []string) {
	for _, t := range append([]tests{r.When}, r.Require...) {
		all = append(append(all, t.Set...), t.Greater...)
		for field := range t.Equals {
			all = append(all, field)
		}
		for field := range t.In {
			all = append(all, field)
		}
	}
	return all
}

func (t *tests) hold(body object) bool {
	for _, field := range t.Set {
		if value, _ := body.get(field); value == nil {
			return false
		}
	}
	for field, want := range t.Equals {
		if !body.isOne(field, []any{want}) {
			return false
		}
	}
	for field, want := range t.In {
		if !body.isOne(field, want) {
			return false
		}
	}
	return len(t.Greater) < 2 || body.greater(t.Greater[0], t.Greater[1])
}

func (o object) get(field string) (any, bool) {
	for _, m := range o {
		if m.key == field {
			return m.value, true
		}
	}
	return nil, false
}

func (o object) isOne(field string, listed []any) bool {
	value, ok := o.get(field)
	return ok && slices.ContainsFunc(listed, func(one any) bool {
		if n, is := value.(json.Number); is {
			m, isToo := numberOf(one)
			return isToo && compare(n, m) == 0
		}
		return value == one
	})
}

// numberOf is a number of the contract.
func numberOf(v any) (json.Number, bool) {
	switch v.(type) {
	case int, int64, uint64, float64:
		return json.Number(fmt.Sprint(v)), true
	}
	return "", false
}

func (o object) greater(a, b string) bool {
	one, _ := o.get(a)
	other, _ := o.get(b)
	n, isNumber := one.(json.Number)
	m, isToo := other.(json.Number)
	return isNumber && isToo && compare(n, m) > 0
}

// compare compares exactly. Numbers whose exponents are too great to be written out it has as float64.
func compare(a, b json.Number) int {
	x, isExact := new(big.Rat).SetString(a.String())
	y, isToo := new(big.Rat).SetString(b.String())
	if isExact && isToo {
		return x.Cmp(y)
	}
	f, _ := strconv.ParseFloat(a.String(), 64) // what is past its range is an infinity
	g, _ := strconv.ParseFloat(b.String(), 64)
	return big.NewFloat(f).Cmp(big.NewFloat(g))
}
