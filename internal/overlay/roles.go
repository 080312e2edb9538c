package overlay

import (
	"maps"
	"slices"
	"strings"
)

// schemasOf is the shape of each named schema: that of a request where requests alone refer to it, and that
// of an answer, which may hardly change, for all others.
func schemasOf(doc map[string]any) map[string]*shape {
	all := within(doc, "components", "schemas")
	asked, answered := map[string]bool{}, map[string]bool{}
	var walk func(value any)
	walk = func(value any) {
		switch v := value.(type) {
		case map[string]any:
			for key, child := range v {
				switch key {
				case "requestBody", "requestBodies", "parameters":
					references(child, asked)
				case "responses", "headers":
					references(child, answered)
				case "schemas":
				default:
					walk(child)
				}
			}
		case []any:
			for _, child := range v {
				walk(child)
			}
		}
	}
	walk(doc)
	closure(all, asked)
	closure(all, answered)
	shapes := map[string]*shape{}
	named, _ := all.(map[string]any)
	for name := range named {
		if shapes[name] = answer(); asked[name] && !answered[name] {
			shapes[name] = request()
		}
	}
	return shapes
}

// references collects the names of the schemas that value refers to.
func references(value any, found map[string]bool) {
	switch v := value.(type) {
	case map[string]any:
		ref, _ := v["$ref"].(string)
		if name, ok := strings.CutPrefix(ref, "#/components/schemas/"); ok {
			found[name] = true
		}
		for _, child := range v {
			references(child, found)
		}
	case []any:
		for _, child := range v {
			references(child, found)
		}
	}
}

// within is the value at a path; nil where there is none.
func within(value any, path ...string) any {
	for _, key := range path {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

// closure adds the schemas that those found refer to in turn.
func closure(schemas any, found map[string]bool) {
	for {
		before := len(found)
		for _, name := range slices.Sorted(maps.Keys(found)) {
			references(within(schemas, name), found)
		}
		if len(found) == before {
			return
		}
	}
}
