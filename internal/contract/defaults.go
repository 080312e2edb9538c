package contract

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/getkin/kin-openapi/openapi3"
)

// Defaults returns the default, as JSON, of each property of an object's schema that publishes one.
func Defaults(schema *openapi3.SchemaRef) (map[string]json.RawMessage, error) {
	if schema == nil || schema.Value == nil {
		return nil, errors.New("read defaults: no schema")
	}
	defaults := map[string]json.RawMessage{}
	for name, property := range schema.Value.Properties {
		if property.Value == nil || property.Value.Default == nil {
			continue
		}
		raw, err := json.Marshal(property.Value.Default)
		if err != nil {
			return nil, fmt.Errorf("read the default of %s: %w", name, err)
		}
		defaults[name] = raw
	}
	return defaults, nil
}
