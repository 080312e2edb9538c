package overlay

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
)

// kind is what the value of a keyword has to be.
type kind struct {
	words string
	is    func(value any) bool
}

var (
	aText   = kind{"a text", isText}
	aFlag   = kind{"true or false", isA[bool]}
	aNumber = kind{"a number", func(value any) bool { _, is := number(value); return is }}
	aCount  = kind{"a whole number of at least 0", isCount}
	aList   = kind{"a list", isA[[]any]}
	texts   = kind{"a list of texts", isTexts}
	object  = kind{"an object", isA[map[string]any]}
)

// kinds are those of the keywords that do not take any value. Those that document have them in other
// objects than schemas too.
var kinds = map[string]kind{
	"title": aText, "summary": aText, "description": aText, "type": aText, "format": aText, "pattern": aText,
	"nullable": aFlag, "deprecated": aFlag, "exclusiveMinimum": aFlag, "exclusiveMaximum": aFlag,
	"minimum": aNumber, "maximum": aNumber,
	"minLength": aCount, "maxLength": aCount, "minItems": aCount, "maxItems": aCount,
	"enum": aList, "oneOf": aList, "allOf": aList, "tags": aList, "required": texts,
	"properties": object, "items": object, "externalDocs": object, "examples": object,
}

// checkKind fails where a keyword has a value of another kind than its own.
func checkKind(at, key string, value any) error {
	expected, known := kinds[key]
	if !known || expected.is(value) {
		return nil
	}
	return fmt.Errorf("%s must be %s, not %s", at, expected.words, shown(value))
}

func isA[T any](value any) bool {
	_, is := value.(T)
	return is
}

// isText takes a date too, which is a text once it is JSON.
func isText(value any) bool { return isA[string](value) || isA[time.Time](value) }

func isCount(value any) bool {
	n, is := number(value)
	return is && n >= 0 && n == math.Trunc(n)
}

func isTexts(value any) bool {
	list, is := value.([]any)
	return is && !slices.ContainsFunc(list, isNoText)
}

func isNoText(value any) bool { return !isText(value) }

// shown is a value in words: a number as it is, of another its kind.
func shown(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case []any:
		if i := slices.IndexFunc(v, isNoText); i >= 0 {
			return "a list with " + shown(v[i]) + " in it"
		}
		return "a list"
	case map[string]any:
		return "an object"
	case string, time.Time:
		return "a text"
	}
	return fmt.Sprint(value)
}

// unmarshalled is how kin-openapi ends the reason for a value that it cannot read: with the kind that it has,
// the field where there is one, and the type that was expected.
var unmarshalled = regexp.MustCompile(`json: cannot unmarshal (\w+)\b.* into (?:field (\S+)|value) of type (\S+)`)

// readable says of a value that cannot be read what it was to be; other reasons it leaves as they are.
func readable(reason string) string {
	found := unmarshalled.FindStringSubmatch(reason)
	if found == nil {
		return reason
	}
	is, place, expected := found[1], found[2], strings.TrimPrefix(found[3], "openapi3.")
	if place == "" {
		place = expected
	}
	return fmt.Sprintf("%s must be %s, not %s", place, inWords(expected), inWords(is))
}

// inWords is a kind of values in JSON, or a type in Go.
func inWords(name string) string {
	switch {
	case name == "string":
		return aText.words
	case name == "bool":
		return aFlag.words
	case name == "number", name == "float64":
		return aNumber.words
	case name == "uint64":
		return aCount.words
	case name == "array", strings.HasPrefix(name, "[]"):
		return aList.words
	}
	return object.words
}
