package contract

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// annotations say nothing about what is accepted.
var annotations = []string{"title", "description", "default", "example", "deprecated", "externalDocs", "xml"}

// keywordsOf lists what is enforced beside a type.
var keywordsOf = map[string][]string{
	openapi3.TypeBoolean: {},
	openapi3.TypeString:  {"minLength", "maxLength", "pattern"},
	openapi3.TypeInteger: {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "format"},
	openapi3.TypeNumber:  {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "format"},
	openapi3.TypeArray:   {"items", "minItems", "maxItems"},
	openapi3.TypeObject:  {"properties", "required", "additionalProperties"},
}

var formatsOf = map[string][]string{
	openapi3.TypeInteger: {"", "int32", "int64"},
	openapi3.TypeNumber:  {"", "float", "double"},
}

// ours are the extensions that mean something, at the top of a schema alone.
var ours = []string{"x-exact-keys", "x-max-depth", "x-max-violations", "x-plain-integers", "x-rules"}

// top is the path of the schema that is compiled.
const top = "schema"

// checkKeywords fails where a schema says what the program would not enforce.
func checkKeywords(schema *openapi3.Schema, path string) error {
	allowed, err := allowedKeywords(schema)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if schema.Always != nil {
		return fmt.Errorf("%s: boolean schema is not enforced", path)
	}
	value := reflect.ValueOf(*schema)
	for i := range value.NumField() {
		name, _, _ := strings.Cut(value.Type().Field(i).Tag.Get("json"), ",")
		if name == "-" || value.Field(i).IsZero() || slices.Contains(allowed, name) {
			continue
		}
		return fmt.Errorf("%s: keyword %s is not enforced here", path, name)
	}
	return checkExtensions(schema.Extensions, path)
}

func allowedKeywords(schema *openapi3.Schema) ([]string, error) {
	switch {
	case schema.OneOf != nil:
		return append([]string{"oneOf"}, annotations...), nil
	case schema.AllOf != nil:
		return append([]string{"allOf", "nullable"}, annotations...), nil
	case schema.Type == nil:
		return annotations, nil
	case len(*schema.Type) != 1:
		return nil, fmt.Errorf("keyword type: %v is not one type", *schema.Type)
	}
	typ := (*schema.Type)[0]
	special, ok := keywordsOf[typ]
	if !ok {
		return nil, fmt.Errorf("keyword type: %s is not enforced", typ)
	}
	if formats := formatsOf[typ]; formats != nil && !slices.Contains(formats, schema.Format) {
		return nil, fmt.Errorf("keyword format: %s is not enforced here", schema.Format)
	}
	allowed := append([]string{"type", "nullable"}, annotations...)
	if typ != openapi3.TypeArray && typ != openapi3.TypeObject {
		allowed = append(allowed, "enum")
	}
	return append(allowed, special...), nil
}

// checkExtensions fails for misspelt keywords, which the loader keeps as extensions, and for
// extensions that would be enforced elsewhere.
func checkExtensions(extensions map[string]any, path string) error {
	for name := range extensions {
		if !strings.HasPrefix(name, "x-") {
			return fmt.Errorf("%s: keyword %s is not enforced", path, name)
		}
		if path != top && slices.Contains(ours, name) {
			return fmt.Errorf("%s: %s is enforced only at the top", path, name)
		}
	}
	return nil
}

// checkSiblings fails for keywords beside a $ref, which mean nothing in OpenAPI 3.0.
func checkSiblings(ref *openapi3.SchemaRef, path string) error {
	if ref.Ref == "" {
		return nil
	}
	text, err := ref.MarshalJSON()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	var siblings map[string]any
	if err := json.Unmarshal(text, &siblings); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	delete(siblings, "$ref")
	for _, name := range annotations {
		delete(siblings, name)
	}
	return checkExtensions(siblings, path)
}
