package main

import (
	"path"
	"slices"
	"strings"

	"github.com/pb33f/jsonschema/v6"
	"github.com/pb33f/jsonschema/v6/kind"
	liberrors "github.com/pb33f/libopenapi-validator/errors"
)

// finding is a place of a request with which the other tool finds fault, and the keyword that it breaks.
type finding struct {
	place   string // as place gives it
	keyword string
	kinds   []string // of a type: those that it may be
	union   string   // the place of the outermost union that it is in; "" for none
}

// keywordsOf are those that each type of a violation stands for.
var keywordsOf = map[string]string{
	"missing":                 "required",
	"string_pattern_mismatch": "pattern",
	"string_too_short":        "minLength",
	"string_too_long":         "maxLength",
	"literal_error":           "enum",
	"extra_forbidden":         "additionalProperties",
	"string_type":             "type",
	"int_type":                "type",
	"float_type":              "type",
	"bool_type":               "type",
	"list_type":               "type",
	"dict_type":               "type",
	"model_attributes_type":   "type",
	"int_from_float":          "type",
	"int_parsing_size":        "format",
	"less_than":               "exclusiveMaximum",
	"less_than_equal":         "maximum",
	"greater_than":            "exclusiveMinimum",
	"greater_than_equal":      "minimum",
	"too_long":                "maxItems",
	"too_short":               "minItems",
	"union_error":             "oneOf",
}

// kindsOf are the types of JSON Schema that a violation of type asks for.
var kindsOf = map[string]string{
	"string_type":           "string",
	"int_type":              "integer",
	"int_from_float":        "integer",
	"float_type":            "number",
	"bool_type":             "boolean",
	"list_type":             "array",
	"dict_type":             "object",
	"model_attributes_type": "object",
}

// findingsOf lists all that the other tool says.
func findingsOf(said []*liberrors.ValidationError) (all []finding) {
	for _, s := range said {
		if s.ParameterName != "" {
			all = append(all, ofParameter(s))
			continue
		}
		if len(s.SchemaValidationErrors) > 0 {
			all = append(all, within(s.SchemaValidationErrors[0].OriginalJsonSchemaError, "")...)
		}
	}
	return all
}

// ofParameter is the keyword that a header or a part of the path breaks. Of one that is absent, or empty in
// the path, the other tool says no more.
func ofParameter(s *liberrors.ValidationError) finding {
	in := "header"
	if s.ValidationSubType == "path" {
		in = "path"
	}
	f := finding{place: place([]any{in, strings.ToLower(s.ParameterName)}), keyword: "required"}
	for _, one := range s.SchemaValidationErrors {
		f.keyword = path.Base(one.KeywordLocation)
	}
	return f
}

// within lists the leaves of an error, and each union that no branch of fits.
func within(e *jsonschema.ValidationError, union string) (all []finding) {
	at := []any{"body"}
	for _, step := range e.InstanceLocation {
		at = append(at, step)
	}
	if _, ok := e.ErrorKind.(*kind.OneOf); ok {
		if union == "" {
			union = place(at)
		}
		all = append(all, finding{place: place(at), keyword: "oneOf", union: union})
	}
	for _, cause := range e.Causes {
		all = append(all, within(cause, union)...)
	}
	if len(e.Causes) > 0 {
		return all
	}
	f := finding{place: place(at), keyword: strings.Join(e.ErrorKind.KeywordPath(), "/"), union: union}
	if of, ok := e.ErrorKind.(*kind.Type); ok {
		f.kinds = of.Want
	}
	names := membersOf(e.ErrorKind)
	for _, name := range names {
		f.place = place(join(at, name))
		all = append(all, f)
	}
	if len(names) == 0 {
		all = append(all, f)
	}
	return all
}

// membersOf are the members that an error of their object is about.
func membersOf(k jsonschema.ErrorKind) []string {
	switch k := k.(type) {
	case *kind.Required:
		return k.Missing
	case *kind.AdditionalProperties:
		return k.Properties
	}
	return nil
}

// place is a loc as one text. Keys are cut as they are in a 422.
func place(loc []any) string {
	steps := make([]string, len(loc))
	for i, step := range loc {
		steps[i] = cut(text(step))
	}
	return strings.Join(steps, "\x00")
}

// names reports whether a violation is what the other tool found.
func (f finding) names(v *violation) bool {
	if f.place != place(v.Loc) || f.keyword != keywordsOf[v.Type] {
		return false
	}
	return f.kinds == nil || slices.Contains(f.kinds, kindsOf[v.Type])
}

// isNamed reports whether a finding is spoken of: at its place, or anywhere in the union that it is in,
// of which a 422 names the branch that came nearest.
func (f finding) isNamed(detail []*violation) bool {
	return slices.ContainsFunc(detail, func(v *violation) bool {
		at := place(v.Loc)
		return at == f.place || f.union != "" && (at == f.union || strings.HasPrefix(at, f.union+"\x00"))
	})
}

func printable(place string) string { return strings.ReplaceAll(place, "\x00", ".") }
