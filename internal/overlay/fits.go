package overlay

import (
	"fmt"
	"math"
)

// ranges are the keywords that bound the same thing from both sides.
var ranges = [][2]string{{"minimum", "maximum"}, {"minLength", "maxLength"}, {"minItems", "maxItems"}}

// checkFits fails for a schema whose own limits leave no value.
func checkFits(path string, schema map[string]any) error {
	if list, is := schema["enum"].([]any); is && len(list) == 0 {
		return fmt.Errorf("%s.enum lists nothing, so that no value fits", path)
	}
	for _, keys := range ranges {
		low, bounded := number(schema[keys[0]])
		high, both := number(schema[keys[1]])
		if bounded && both && isEmpty(schema, low, high) {
			return fmt.Errorf("%s has a %s of %v and a %s of %v, so that no value fits", path, keys[0], schema[keys[0]], keys[1], schema[keys[1]])
		}
	}
	return nil
}

// isEmpty reports whether nothing that the schema is of lies between two limits, which may be open where they
// are those of numbers.
func isEmpty(schema map[string]any, low, high float64) bool {
	open := schema["exclusiveMinimum"] == true || schema["exclusiveMaximum"] == true
	if low > high || open && low == high {
		return true
	}
	if schema["type"] != "integer" {
		return false
	}
	first, last := math.Ceil(low), math.Floor(high)
	if schema["exclusiveMinimum"] == true && first == low {
		first++
	}
	if schema["exclusiveMaximum"] == true && last == high {
		last--
	}
	return first > last
}
