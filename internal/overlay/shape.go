package overlay

import (
	"maps"
	"slices"
	"strings"
)

// shape says what may change of a part of the document. What no shape speaks of stays as it is: a keyword
// that nobody thought of is refused, not let through.
type shape struct {
	free       []string          // keys that may be added, changed and removed
	extensions bool              // whether x-… may be too
	held       []string          // keys, and extensions, that may not be, whatever else is said here
	kept       map[string]*shape // keys whose value may change as its own shape says, and may not go or come
	each       *shape            // the same for all other keys
	more       bool              // whether keys may come that were not there
	items      *shape            // of a list, which keeps its length and order
	isSchema   bool              // whether its keys are keywords
	limits     map[string]limit  // keys whose value may change as far as the limit lets it
}

// limit returns why a change is refused, as the end of a sentence that begins with the place; "" where it
// is not. before and after are nil where the key is absent.
type limit func(before, after any) string

// prose is what documentation alone reads.
var prose = []string{"title", "summary", "description", "tags", "externalDocs", "deprecated", "example", "examples"}

// shapeOf is that of the whole document, given those of its named schemas.
func shapeOf(schemas map[string]*shape) *shape {
	var (
		parameter = &shape{free: prose, extensions: true, kept: map[string]*shape{"schema": ofParameter()}, limits: map[string]limit{"required": mayBecomeTrue}}
		header    = &shape{free: prose, extensions: true, kept: map[string]*shape{"schema": answer()}}
		answered  = &shape{free: prose, extensions: true, kept: map[string]*shape{
			"headers": {each: header},
			"content": {each: &shape{free: prose, extensions: true, kept: map[string]*shape{"schema": answer()}}},
		}}
		asked = &shape{free: prose, extensions: true, kept: map[string]*shape{
			"content": {each: &shape{free: prose, extensions: true, kept: map[string]*shape{"schema": request()}}},
		}}
		operation = &shape{free: prose, extensions: true, kept: map[string]*shape{
			"parameters":  {items: parameter},
			"requestBody": asked,
			"responses":   {each: answered, extensions: true},
		}}
		item       = &shape{free: prose, extensions: true, kept: map[string]*shape{"parameters": {items: parameter}}}
		components = &shape{free: []string{"examples"}, extensions: true, kept: map[string]*shape{
			"schemas":         {kept: schemas},
			"parameters":      {each: parameter},
			"headers":         {each: header},
			"requestBodies":   {each: asked},
			"responses":       {each: answered},
			"securitySchemes": {each: &shape{free: prose, extensions: true}},
		}}
	)
	for _, method := range []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"} {
		item.kept[method] = operation
	}
	return &shape{
		free:       []string{"info", "servers", "tags", "externalDocs"},
		extensions: true,
		kept:       map[string]*shape{"paths": {each: item, extensions: true}, "components": components},
	}
}

// isFree reports whether a key may change in any way.
func (s *shape) isFree(key string) bool {
	if slices.Contains(s.held, key) || s.limits[key] != nil {
		return false
	}
	return slices.Contains(s.free, key) || s.extensions && strings.HasPrefix(key, "x-")
}

// under is the shape of a key's value; nil for one that stays as it is.
func (s *shape) under(key string) *shape {
	if kept, ok := s.kept[key]; ok {
		return kept
	}
	return s.each
}

// keysOf lists the keys of both, sorted.
func keysOf(before, after map[string]any) []string {
	all := maps.Clone(before)
	maps.Copy(all, after)
	return slices.Sorted(maps.Keys(all))
}
