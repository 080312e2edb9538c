package server

import (
	"errors"
	"fmt"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"

	"github.com/specgate/specgate/internal/contract"
)

// keywordEnum is what the filter calls the keyword of a closed list.
const keywordEnum = "enum"

// ofParameter says what is wrong with a header or a part of the path, in the words that the checker
// uses for the same fault in a body. The filter's own words repeat the value.
func ofParameter(e *openapi3filter.RequestError) contract.Violation {
	v := contract.Violation{Loc: []any{e.Parameter.In, strings.ToLower(e.Parameter.Name)}}
	schema := e.Parameter.Schema.Value
	if errors.Is(e.Err, openapi3filter.ErrInvalidRequired) {
		v.Type, v.Msg = "missing", "Field required"
		return v
	}
	switch fieldOf(e.Err) {
	case "minLength":
		v.Type, v.Msg = "string_too_short", fmt.Sprintf("String should have at least %s", characters(schema.MinLength))
	case "maxLength":
		v.Type, v.Msg = "string_too_long", fmt.Sprintf("String should have at most %s", characters(*schema.MaxLength))
	case keywordEnum:
		v.Type, v.Msg = "literal_error", "Input should be "+contract.Choices(schema.Enum)
	default: // the wrong form, or nothing to speak of
		if schema.Pattern == "" {
			v.Type, v.Msg = "missing", "Field required"
			break
		}
		v.Type, v.Msg = "string_pattern_mismatch", fmt.Sprintf("String should match pattern '%s'", schema.Pattern)
	}
	return v
}

func characters(n uint64) string {
	if n == 1 {
		return "1 character"
	}
	return fmt.Sprintf("%d characters", n)
}

// fieldOf names the keyword that a parameter broke; "" where it was no keyword.
func fieldOf(err error) string {
	var schema *openapi3.SchemaError
	var all openapi3.MultiError
	if errors.As(err, &all) && len(all) > 0 {
		err = all[0]
	}
	if errors.As(err, &schema) {
		return schema.SchemaField
	}
	return ""
}

// The names of what is wrong with no field of the contract.
const (
	fieldBody  = "body"
	fieldOther = "other"
)

// namesOf are the fields of requests that the contract has, as ofField names them.
func namesOf(doc *openapi3.T) map[string]bool {
	names := map[string]bool{fieldBody: true}
	for _, item := range doc.Paths.Map() {
		for _, operation := range item.Operations() {
			for _, p := range operation.Parameters {
				names[p.Value.In+"."+strings.ToLower(p.Value.Name)] = true
			}
			if operation.RequestBody == nil {
				continue
			}
			for _, content := range operation.RequestBody.Value.Content {
				for name := range content.Schema.Value.Properties {
					names[name] = true
				}
			}
		}
	}
	return names
}

// nameOfField is the field of a place: model for [body model], header.openai-project for a header, body for an
// offset or for all of it.
func nameOfField(loc []any) string {
	if len(loc) < 2 {
		return fieldBody
	}
	name, ok := loc[1].(string)
	switch {
	case !ok:
		return fieldBody
	case loc[0] != fieldBody:
		return fmt.Sprint(loc[0], ".", name)
	default:
		return name
	}
}
