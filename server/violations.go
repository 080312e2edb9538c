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
