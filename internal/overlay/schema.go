package overlay

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// mostCounted bounds what multiplies the work of one request: with the prompts of the largest body, it
// stays within what the gateway counts in.
const mostCounted = 1024

// request is the shape of what callers send: its limits may change, its kinds of values may not, nor what a
// field means that is absent.
func request() *shape {
	s := requestShape()
	counted := requestShape()
	counted.free = slices.DeleteFunc(slices.Clone(counted.free), func(key string) bool { return key == "maximum" })
	counted.limits = maps.Clone(counted.limits)
	counted.limits["maximum"] = mayBeCounted
	s.kept["properties"] = &shape{each: s, more: true, kept: map[string]*shape{"n": counted, "best_of": counted, "logprobs": counted}}
	return s
}

func requestShape() *shape {
	s := &shape{
		free:       slices.Concat(prose, []string{"maximum", "maxLength", "pattern", "enum"}),
		extensions: true,
		isSchema:   true,
		held:       []string{"x-exact-keys", "x-max-violations"},
		limits: map[string]limit{
			"minimum": mayRise, "minLength": mayRise, "minItems": mayRise, "maxItems": mayBeHeld,
			"required": mayGrow, "x-max-depth": mayNotGo, "x-rules": mayHaveMore,
		},
	}
	s.kept = map[string]*shape{"items": s, "oneOf": {items: s}}
	s.limits["additionalProperties"] = func(before, after any) string { return mayCloseTo(s, before, after) }
	return s
}

// ofParameter is the shape of what stands in headers and paths, to which our extensions do not apply.
func ofParameter() *shape {
	s := *request()
	s.extensions, s.limits = false, maps.Clone(s.limits)
	delete(s.limits, "x-max-depth")
	delete(s.limits, "x-rules")
	return &s
}

// answer is the shape of what callers get.
func answer() *shape {
	s := &shape{free: prose, isSchema: true}
	s.kept = map[string]*shape{"items": s, "oneOf": {items: s}, "properties": {each: s}, "additionalProperties": s}
	return s
}

// mayRise is for lower limits. Below one of 0 or more, a value means nothing to the gateway.
func mayRise(before, after any) string {
	old, was := number(before)
	current, is := number(after)
	if !was || old < 0 || is && current >= old {
		return ""
	}
	return fmt.Sprintf("may be raised from %v, not lowered: below it, the gateway gives a value no meaning", before)
}

func mayBeCounted(_, after any) string {
	if current, is := number(after); is && current <= mostCounted {
		return ""
	}
	return fmt.Sprintf("must be a number of at most %d: the cost of a request multiplies by it", mostCounted)
}

// mostItems bounds the lists that have a bound: of prompts, each is a text to be generated.
const mostItems = 1 << 13

func mayBeHeld(before, after any) string {
	if current, is := number(after); before == nil || is && current <= mostItems {
		return ""
	}
	return fmt.Sprintf("must be a number of at most %d: the cost of a request multiplies by it", mostItems)
}

func mayBecomeTrue(before, after any) string {
	if before == true && after != true {
		return "may not be taken back: the gateway needs it"
	}
	return ""
}

func mayGrow(before, after any) string {
	list, _ := after.([]any)
	old, _ := before.([]any)
	for _, name := range old {
		if !slices.Contains(list, name) {
			return fmt.Sprintf("must go on to list %v, without which the gateway can do nothing", name)
		}
	}
	return ""
}

// mayNotGo is for what has a value of the gateway's own where the contract has none.
func mayNotGo(before, after any) string {
	if before != nil && after == nil {
		return "may be changed, not removed: the limit that then holds stands nowhere in the contract"
	}
	return ""
}

// mayHaveMore is for rules. Those that are there say what values mean together; an id names one of them.
func mayHaveMore(before, after any) string {
	list, _ := after.([]any)
	old, _ := before.([]any)
	for _, rule := range old {
		if !slices.ContainsFunc(list, func(one any) bool { return reflect.DeepEqual(one, rule) }) {
			return fmt.Sprintf("must go on to have %v as it is: what breaks it has no meaning; more rules may be added", within(rule, "id"))
		}
	}
	seen := map[string]bool{}
	for _, rule := range list {
		id, named := within(rule, "id").(string)
		if named && seen[id] {
			return fmt.Sprintf("must not have %s twice: every rule has an id of its own", id)
		}
		seen[id] = named
	}
	return ""
}

// mayCloseTo is for additionalProperties. Where it is a schema, the kind of the values stays.
func mayCloseTo(s *shape, before, after any) string {
	if _, typed := before.(map[string]any); !typed {
		if err := checkOpen("additionalProperties", after); err != nil {
			return "may not be so: " + err.Error()
		}
		return ""
	}
	if err := s.same("additionalProperties", before, after); err != nil {
		return "may change in its limits alone: " + err.Error()
	}
	return ""
}

func number(value any) (float64, bool) {
	switch v := value.(type) {
	case int:
		return float64(v), true
	case uint64: // what an int does not hold
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}
