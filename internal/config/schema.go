package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// Schema is the JSON Schema of a configuration file, for editors and for checks before a deployment.
// A file that it accepts can be read, and no number in it is out of range; rules across settings are Validate's alone.
func Schema() ([]byte, error) {
	schema := sectionSchema(blank(reflect.TypeFor[Config]()))
	schema["$schema"] = "http://json-schema.org/draft-07/schema#"
	schema["title"] = "specgate configuration"
	out, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write schema: %w", err)
	}
	return append(out, '\n'), nil
}

// pages is where those are found that the documentation of settings names, by whoever has the binary alone.
const pages = "https://github.com/specgate/specgate/blob/main/docs/"

// aPage is how it names one, which config.md stands beside.
var aPage = regexp.MustCompile(`docs/([a-z-]+\.md)`)

// Where a value is not a string, a reference to a variable still is one.
const referencePattern = `\$\{[A-Za-z_][A-Za-z0-9_]*\}`

// How sizes and durations are written.
const (
	sizePattern     = `^[0-9]+ *([KMG]iB|B)?$`
	durationPattern = `^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
)

// scalarSchemas are the forms of scalars. Each call makes a schema of its own, which may be added to.
var scalarSchemas = map[form]func() map[string]any{
	formString: func() map[string]any { return map[string]any{"type": "string"} },
	formSecret: func() map[string]any { return map[string]any{"type": "string"} },
	formSize: func() map[string]any {
		return anyOf(
			map[string]any{"type": "integer", "minimum": 0},
			map[string]any{"type": "string", "pattern": sizePattern},
		)
	},
	formDuration: func() map[string]any {
		return anyOf(
			map[string]any{"const": 0},
			map[string]any{"type": "string", "pattern": durationPattern},
		)
	},
	formInteger: func() map[string]any { return anyOf(map[string]any{"type": "integer"}) },
	formNumber:  func() map[string]any { return anyOf(map[string]any{"type": "number"}) },
	formBoolean: func() map[string]any { return anyOf(map[string]any{"type": "boolean"}) },
}

func anyOf(forms ...map[string]any) map[string]any {
	return map[string]any{"anyOf": append(forms, map[string]any{"type": "string", "pattern": referencePattern})}
}

func schemaOf(v reflect.Value) map[string]any {
	switch f := formOf(v.Type()); f {
	case formSection:
		return sectionSchema(v)
	case formEntries:
		return map[string]any{
			"type":                 []string{"object", "null"},
			"propertyNames":        namesSchema(v.Type().Elem()),
			"additionalProperties": sectionSchema(blank(v.Type().Elem())),
		}
	case formItems, formStrings:
		return map[string]any{"type": []string{"array", "null"}, "items": schemaOf(blank(v.Type().Elem()))}
	default:
		return scalarSchemas[f]()
	}
}

// namesSchema is what the entries of a kind may be called.
func namesSchema(entry reflect.Type) map[string]any {
	if entry == reflect.TypeFor[Model]() {
		return map[string]any{"minLength": 1, "maxLength": maxModelID}
	}
	return map[string]any{"pattern": backendName.String()}
}

func sectionSchema(v reflect.Value) map[string]any {
	properties := map[string]any{}
	for _, f := range fieldsOf(v.Type()) {
		schema := schemaOf(v.Field(f.index))
		if f.enum != nil {
			schema = anyOf(map[string]any{"enum": enumOf(f)})
		}
		if f.within != "" {
			schema = withinSchema(f)
		}
		schema["description"] = aPage.ReplaceAllString(f.doc, pages+"$1")
		if value := v.Field(f.index); scalarSchemas[f.form] != nil && (f.form == formDuration || f.form == formBoolean || !value.IsZero()) {
			schema["default"] = defaultOf(f, value)
		}
		properties[f.name] = schema
	}
	return map[string]any{
		"type":                 []string{"object", "null"},
		"properties":           properties,
		"additionalProperties": false,
	}
}

// enumOf is the values that are allowed, and those that YAML takes for numbers as numbers too.
func enumOf(f field) []any {
	var values []any
	for _, value := range f.enum {
		values = append(values, value)
		if number, err := strconv.ParseFloat(value, 64); err == nil {
			values = append(values, number)
		}
	}
	return values
}

// withinSchema is a scalar that may not be anything that can be read. Of sizes and durations that is 0.
func withinSchema(f field) map[string]any {
	least, most, _ := strings.Cut(f.within, ",")
	switch f.form {
	case formSize:
		return anyOf(
			map[string]any{"type": "integer", "minimum": json.Number(least)},
			map[string]any{"type": "string", "pattern": sizePattern, "allOf": notZero},
		)
	case formDuration:
		return anyOf(map[string]any{"type": "string", "pattern": durationPattern, "allOf": notZero})
	}
	number := map[string]any{"type": "integer", "minimum": json.Number(least)}
	if f.form == formNumber {
		number["type"] = "number"
	}
	if most != "" {
		number["maximum"] = json.Number(most)
	}
	return anyOf(number)
}

// notZero is what a size or a duration has to match that has its pattern and is more than 0.
var notZero = []any{map[string]any{"pattern": "[1-9]"}}

func defaultOf(f field, v reflect.Value) any {
	switch f.form {
	case formInteger:
		return v.Int()
	case formNumber:
		return v.Float()
	case formBoolean:
		return v.Bool()
	default:
		return render(v)
	}
}
