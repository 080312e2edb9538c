package contract

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json/jsontext"
)

// spot is a place that a loc may mean: keys that stand twice and keys that are cut may mean several.
type spot struct {
	at      *tree
	schemas []*openapi3.Schema // that may hold there, unions and their branches alike
}

// spots returns what loc may mean, without its "body".
func (o *oracle) spots(root *tree, loc []any) []spot {
	all := []spot{{root, withBranches(o.schema)}}
	for _, part := range loc {
		var next []spot
		for _, s := range all {
			for p, child := range s.at.children {
				if p == part {
					next = append(next, spot{child, s.under(part)})
				}
			}
		}
		all = next
	}
	return all
}

func (s spot) under(part any) []*openapi3.Schema {
	var list []*openapi3.Schema
	for _, schema := range s.schemas {
		list = append(list, withBranches(under(schema, part))...)
	}
	return list
}

// withBranches returns a schema and, where it is a union, its branches.
func withBranches(schema *openapi3.Schema) []*openapi3.Schema {
	if schema == nil {
		return nil
	}
	list := []*openapi3.Schema{schema}
	for _, branch := range schema.OneOf {
		list = append(list, withBranches(branch.Value)...)
	}
	return list
}

// typesOf lists the types of the schemas that may say a violation of a value.
var typesOf = map[string][]string{
	"string_type": {"string"}, "string_too_short": {"string"}, "string_too_long": {"string"}, "string_pattern_mismatch": {"string"}, "literal_error": {"string"},
	"int_type": {"integer"}, "int_from_float": {"integer"}, "int_parsing_size": {"integer"},
	"less_than": {"integer", "number"}, "greater_than": {"integer", "number"},
	"float_type": {"number"}, "less_than_equal": {"integer", "number"}, "greater_than_equal": {"integer", "number"},
	"bool_type": {"boolean"}, "list_type": {"array"}, "too_short": {"array"}, "too_long": {"array"},
	"dict_type": {"object"}, "model_attributes_type": {"object"}, "union_error": {""},
}

// says reports whether schema may be the one that says a violation.
func says(schema *openapi3.Schema, typ string) bool {
	if typ == "union_error" {
		return schema.OneOf != nil
	}
	return schema.Type != nil && slices.Contains(typesOf[typ], (*schema.Type)[0])
}

// kindOfValue is what the first byte of a value is for a type.
var kindOfValue = map[string]string{"string": `"`, "integer": "0", "number": "0", "boolean": "tf", "array": "[", "object": "{"}

// isTrue reports whether a violation tells the truth of the document.
func (o *oracle) isTrue(root *tree, v Violation) bool {
	last := len(v.Loc) - 1
	switch {
	case last == 0 && v.Type == "missing":
		return false // a blank document has no tree
	case ofKey(v):
		for _, s := range o.spots(root, v.Loc[1:last]) {
			if o.keyIsWrong(s, v.Loc[last], v) {
				return true
			}
		}
		return false
	case v.Type == "value_error":
		return true // held to brokenRules, all of them
	}
	for _, s := range o.spots(root, v.Loc[1:]) {
		for _, schema := range s.schemas {
			if says(schema, v.Type) && o.valueIsWrong(schema, s.at, v) {
				return true
			}
		}
	}
	return false
}

// ofKey reports whether a violation is of a key, not of the value under it.
func ofKey(v Violation) bool {
	switch v.Type {
	case "missing", "duplicate_key", "extra_forbidden":
		return true
	case "string_pattern_mismatch":
		return len(v.Loc) == 3 && v.Loc[1] == "logit_bias"
	}
	return false
}

// keyIsWrong reports whether an object has, or lacks, the key that a violation names.
func (o *oracle) keyIsWrong(s spot, part any, v Violation) bool {
	name, isKey := part.(string)
	if s.at.kind != '{' || !isKey {
		return false
	}
	if v.Type == "missing" {
		_, count := s.at.first(name)
		return count == 0
	}
	for _, m := range s.at.members {
		if cut(m.key) == name && o.wrongKey(s, m.key, v) {
			return true
		}
	}
	return false
}

func (o *oracle) wrongKey(s spot, key string, v Violation) bool {
	switch {
	case v.Type == "string_pattern_mismatch":
		return !decimalKey(key)
	case v.Type == "extra_forbidden":
		return slices.ContainsFunc(s.schemas, func(schema *openapi3.Schema) bool {
			return schema.AdditionalProperties.Has != nil && !*schema.AdditionalProperties.Has && schema.Properties[key] == nil
		})
	case v.Msg == msgAlike:
		return o.exact && slices.ContainsFunc(s.schemas, func(schema *openapi3.Schema) bool { return lookalike(schema, key) })
	default:
		_, count := s.at.first(key)
		return count > 1
	}
}

func (o *oracle) valueIsWrong(schema *openapi3.Schema, t *tree, v Violation) bool {
	isNumber := t.kind == '0'
	switch v.Type {
	case "union_error":
		return !kinAccepts(schema, t)
	case "string_too_short":
		return t.kind == '"' && utf8.RuneCountInString(t.text) < int(schema.MinLength)
	case "string_too_long":
		return t.kind == '"' && utf8.RuneCountInString(t.text) > int(*schema.MaxLength)
	case "literal_error":
		return t.kind == '"' && schema.Enum != nil && !slices.Contains(schema.Enum, any(t.text))
	case "string_pattern_mismatch":
		return t.kind == '"' && schema.Pattern != "" && !regexp.MustCompile(schema.Pattern).MatchString(t.text)
	case "int_from_float":
		return isNumber && (!exactly(t.raw).whole() || o.plain && strings.ContainsAny(t.raw, ".eE"))
	case "int_parsing_size":
		return isNumber && (schema.Format == "int64" && !exactly(t.raw).inInt64() ||
			schema.Format == "int32" && !exactly(t.raw).within("-2147483648", "2147483647"))
	case "less_than", "less_than_equal":
		return isNumber && v.Type == "less_than" == schema.ExclusiveMax.IsTrue() && beyond(t.raw, schema.Max, 1, v)
	case "greater_than", "greater_than_equal":
		return isNumber && v.Type == "greater_than" == schema.ExclusiveMin.IsTrue() && beyond(t.raw, schema.Min, -1, v)
	case "too_short":
		return t.kind == '[' && len(t.items) < int(schema.MinItems) && strings.HasSuffix(v.Msg, fmt.Sprintf(", not %d", len(t.items)))
	case "too_long":
		return t.kind == '[' && schema.MaxItems != nil && len(t.items) > int(*schema.MaxItems) && strings.HasSuffix(v.Msg, fmt.Sprintf(", not %d", len(t.items)))
	default:
		return !strings.Contains(kindOfValue[(*schema.Type)[0]], string(rune(t.kind))) && (t.kind != 'n' || !schema.Nullable)
	}
}

// beyond reports whether a number is past a limit that a violation names: 1 for a greatest, -1 for a
// least. Where there is none it is that of float64.
func beyond(raw string, limit *float64, side int, v Violation) bool {
	if limit == nil {
		return !inFloat64(raw) && exactly(raw).sign == side
	}
	text := strconv.FormatFloat(*limit, 'f', -1, 64)
	order := exactly(raw).compare(exactly(text)) * side
	return (order > 0 || order == 0 && !strings.HasSuffix(v.Type, "_equal")) && strings.HasSuffix(v.Msg, " "+text)
}

// mend changes the document at the place of a violation alone, so that it is gone. It reports false where
// there is nothing to change.
func (o *oracle) mend(root *tree, v Violation) bool {
	if last := len(v.Loc) - 1; ofKey(v) {
		for _, s := range o.spots(root, v.Loc[1:last]) {
			o.mendKey(s, v.Loc[last].(string), v)
		}
		return true
	}
	mended := false
	for _, s := range o.spots(root, v.Loc[1:]) {
		mended = o.mendValue(s, v) || mended
	}
	return mended
}

func (o *oracle) mendKey(s spot, name string, v Violation) {
	switch t := s.at; v.Type {
	case "missing":
		if _, count := t.first(name); count == 0 && t.kind == '{' {
			t.members = append(t.members, member{name, sample(s.under(name)[0])})
		}
	case "string_pattern_mismatch":
		for i, m := range t.members {
			if cut(m.key) == name && o.wrongKey(s, m.key, v) {
				t.members[i].key = fmt.Sprintf("%d", 900_000+i)
			}
		}
	default:
		seen := map[string]bool{}
		t.members = slices.DeleteFunc(t.members, func(m member) bool {
			again := seen[m.key] || v.Msg != msgTwice
			seen[m.key] = true
			return again && cut(m.key) == name && o.wrongKey(s, m.key, v)
		})
	}
}

func (o *oracle) mendValue(s spot, v Violation) bool {
	if v.Type == "value_error" {
		*s.at = tree{kind: 'n', raw: "null"}
		return true
	}
	for _, schema := range s.schemas {
		if !says(schema, v.Type) || !o.valueIsWrong(schema, s.at, v) {
			continue
		}
		switch v.Type {
		case "too_long":
			s.at.items = s.at.items[:*schema.MaxItems]
		case "less_than_equal":
			*s.at = *numeral(schema.Max, math.MaxFloat64)
		case "greater_than_equal":
			*s.at = *numeral(schema.Min, -math.MaxFloat64)
		default:
			*s.at = *sample(schema)
		}
		return true
	}
	return false
}

func numeral(limit *float64, absent float64) *tree {
	if limit == nil {
		limit = &absent
	}
	return &tree{kind: '0', raw: strconv.FormatFloat(*limit, 'g', -1, 64)}
}

// sample is a plain value that a schema accepts.
func sample(schema *openapi3.Schema) *tree {
	if schema.OneOf != nil {
		return sample(schema.OneOf[0].Value)
	}
	schema = aliased(schema)
	switch (*schema.Type)[0] {
	case "object":
		t := &tree{kind: '{'}
		for _, name := range schema.Required {
			t.members = append(t.members, member{name, sample(schema.Properties[name].Value)})
		}
		return t
	case "array":
		t := &tree{kind: '['}
		for range schema.MinItems {
			t.items = append(t.items, sample(schema.Items.Value))
		}
		return t
	case "string":
		text := strings.Repeat("a", max(1, int(schema.MinLength)))
		if len(schema.Enum) > 0 {
			text = schema.Enum[0].(string)
		}
		raw, _ := jsontext.AppendQuote(nil, text)
		return &tree{kind: '"', raw: string(raw), text: text}
	case "boolean":
		return &tree{kind: 't', raw: "true"}
	default:
		if schema.Min != nil && *schema.Min > 0 {
			return numeral(schema.Min, 0)
		}
		return numeral(nil, 0)
	}
}
