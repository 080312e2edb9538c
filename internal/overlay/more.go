package overlay

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// checkNew fails for a schema that was not there before and says what nothing would do, what no
// keyword takes, or what no value fits. Whether the rest can
// be enforced is for whoever enforces it.
func checkNew(path string, value any) error {
	schema, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("%s must be a schema, which is an object, not %s", path, shown(value))
	}
	for _, key := range slices.Sorted(maps.Keys(schema)) {
		at := path + "." + key
		if key == "default" {
			return fmt.Errorf("%s may not be: nothing fills it in, and what a backend does without the field is not known", at)
		}
		if hint := meant(key, keywords); hint != "" && !strings.HasPrefix(key, "x-") {
			return fmt.Errorf("%s is no keyword%s", at, hint)
		}
		if err := checkKind(at, key, schema[key]); err != nil {
			return err
		}
		if err := checkWithin(at, key, schema[key]); err != nil {
			return err
		}
	}
	return checkFits(path, schema)
}

// checkOpen is checkNew for additionalProperties, which may be true, false or absent too.
func checkOpen(path string, value any) error {
	if _, is := value.(bool); is || value == nil {
		return nil
	}
	return checkNew(path, value)
}

// checkWithin looks through the schemas that a keyword holds.
func checkWithin(at, keyword string, value any) error {
	switch keyword {
	case "items":
		return checkNew(at, value)
	case "additionalProperties":
		return checkOpen(at, value)
	case "properties":
		fields, _ := value.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			if err := checkNew(at+"."+name, fields[name]); err != nil {
				return err
			}
		}
	case "oneOf", "allOf":
		branches, _ := value.([]any)
		for i, branch := range branches {
			if err := checkNew(fmt.Sprintf("%s[%d]", at, i), branch); err != nil {
				return err
			}
		}
	}
	return nil
}
