package conformance

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/specgate/specgate/internal/contract"
)

// fieldCases are those that every field has, whatever it means: the contract says which.
func (s *Suite) fieldCases() []Case {
	var all []Case
	for _, name := range slices.Sorted(maps.Keys(s.fields())) {
		ref := s.fields()[name]
		pointer := pointerOf(ref, askedField+name)
		if raw := with(name, "null"); nullable(ref.Value) && s.keeps(raw) {
			c := required("fields/null-"+name, name+" may be null.", pointer, accepted(raw))
			c.late = name == "max_tokens"
			all = append(all, c)
		}
		if raw := s.wrongKind(name); raw != "" {
			all = append(all, required("fields/kind-"+name, name+" has to be of its own kind.", pointer, refused(raw)))
		}
	}
	for i, name := range s.requestSchema().Required {
		all = append(all, required("fields/missing-"+name, name+" has to be there.", fmt.Sprintf("%s/required/%d", asked, i), lacking(name)))
	}
	return append(all,
		required("fields/integral", "2.0 is an integer.", askedField+"n/type", answered(`"prompt":"In the fields","n":2.0,"max_tokens":1e0`, choices(2))),
		required("fields/fraction", "1.5 is none.", askedField+"n/type", refused(`"max_tokens":1,"prompt":"In the fields","n":1.5`)),
		required("fields/text-of-digits", `"2" is none either.`, askedField+"n/type", refused(`"max_tokens":1,"prompt":"In the fields","n":"2"`)),
		s.unknownField(),
	)
}

// unknownField is a field that the contract does not name, and may allow all the same.
func (s *Suite) unknownField() Case {
	const fields = `"prompt":"In the fields","max_tokens":1,"x_conformance":{"a":[1,null,"b"]}`
	if s.keeps(fields) {
		return required("fields/unknown", "Fields that the contract does not name are passed on.", asked+"/additionalProperties", accepted(fields))
	}
	return required("fields/unknown", "Fields that the contract does not name are refused.", asked+"/additionalProperties", refused(fields))
}

// lacking is a request without a field that it has to have.
func lacking(name string) func(*trial) error {
	switch name {
	case "model":
		return malformed(`{"prompt":"In the fields","max_tokens":1}`)
	case "prompt":
		return malformed(`{` + anyModel + `,"max_tokens":1}`)
	}
	return func(t *trial) error {
		return t.refuse(`{"model":` + quoted(t.asked()) + `,"prompt":"In the fields","max_tokens":1}`)
	}
}

// with is a small request with one field set to a value of JSON.
func with(name, value string) string {
	fields := []string{`"prompt":"In the fields"`, `"max_tokens":1`}
	fields = slices.DeleteFunc(fields, func(field string) bool { return strings.HasPrefix(field, `"`+name+`"`) })
	if name != "model" {
		fields = append(fields, `"`+name+`":`+value)
	}
	return strings.Join(fields, ",")
}

// keeps reports whether fields keep the contract.
func (s *Suite) keeps(fields string) bool {
	return s.request.Accept(s.asking(fields), nil)
}

// wrongKind sets a field to what the contract refuses for its kind, and for nothing else.
func (s *Suite) wrongKind(name string) string {
	for _, value := range []string{`"x"`, `true`, `5`, `{}`} {
		raw := with(name, value)
		var invalid *contract.Invalid
		if name == "model" || !errors.As(s.request.Check(s.asking(raw), nil), &invalid) {
			continue
		}
		if typ := invalid.Violations[0].Type; len(invalid.Violations) == 1 && (strings.HasSuffix(typ, "_type") || typ == "union_error") {
			return raw
		}
	}
	return ""
}

func nullable(schema *openapi3.Schema) bool {
	return schema.Nullable || slices.ContainsFunc(schema.OneOf, func(branch *openapi3.SchemaRef) bool { return nullable(branch.Value) })
}

// pointerOf is where a schema stands: at, unless it is a reference.
func pointerOf(ref *openapi3.SchemaRef, at string) string {
	if ref.Ref != "" {
		return strings.TrimPrefix(ref.Ref, "#")
	}
	return at
}
