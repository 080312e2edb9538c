package contract

import (
	"strings"
	"testing"

	"github.com/specgate/specgate/gen"
)

// TestRulesEnforced breaks and keeps each rule that openapi.yaml lists.
func TestRulesEnforced(t *testing.T) {
	cases := map[string]struct {
		typ          string
		broken, kept []string
	}{
		"logit-bias-keys": {"string_pattern_mismatch", []string{`"logit_bias":{"x":1}`, `"logit_bias":{"1 ":1}`}, []string{`"logit_bias":{"1":1}`}},
		"best-of-above-n": {
			"value_error",
			[]string{`"best_of":1,"n":2`, `"n":2,"best_of":2`, `"best_of":2.0,"n":20e-1`},
			[]string{`"best_of":3,"n":2`, `"best_of":1,"n":1.0`, `"best_of":2`, `"n":2`, `"best_of":null,"n":2`, `"best_of":2,"n":null`},
		},
		"best-of-unstreamed": {
			"value_error",
			[]string{`"best_of":2,"stream":true`, `"stream":true,"best_of":3,"n":2`},
			[]string{`"best_of":1,"stream":true`, `"best_of":2,"stream":false`, `"best_of":null,"stream":true`, `"best_of":10e-1,"stream":true`},
		},
		"stream-options-streamed": {
			"value_error",
			[]string{`"stream_options":{}`, `"stream":false,"stream_options":{}`, `"stream_options":{},"stream":null`},
			[]string{`"stream":true,"stream_options":{}`, `"stream_options":null`, `"stream":true`},
		},
	}
	p := program(t, "CompletionRequest")
	listed := loadSpec(t, gen.Spec).Components.Schemas["CompletionRequest"].Value.Extensions["x-rules"].([]any)
	for _, entry := range listed {
		rule := entry.(map[string]any)
		id := rule["id"].(string)
		c, ok := cases[id]
		if !ok {
			t.Errorf("rule %s has no cases here", id)
		}
		for _, fields := range c.broken {
			got := violations(t, p, with(fields))
			if len(got) != 1 || got[0].Type != c.typ || !strings.HasSuffix(got[0].Msg, rule["msg"].(string)) {
				t.Errorf("%s: %s gives %v", id, fields, got)
			}
		}
		for _, fields := range c.kept {
			if got := violations(t, p, with(fields)); got != nil {
				t.Errorf("%s: %s gives %v", id, fields, got)
			}
		}
	}
}

// TestRuleOperators tries the operators on all that a member can be.
func TestRuleOperators(t *testing.T) {
	const properties = `
a: {type: number, nullable: true}
b: {type: integer, nullable: true}
c: {type: string, enum: [x, "y z", é]}
d: {type: boolean}
`
	tests := []struct {
		when, require     string
		accepted, refused []string
	}{
		{`{set: [a]}`, `{set: [b, d]}`, []string{`{}`, `{"a":null}`, `{"a":1,"b":1,"d":false}`}, []string{`{"a":1}`, `{"a":1,"b":null,"d":true}`, `{"a":1,"d":true}`}},
		{`{set: [a]}`, `[{set: [b]}, {set: [d]}]`, []string{`{"a":1,"b":1}`, `{"a":1,"d":false}`}, []string{`{"a":1}`, `{"a":1,"c":"x"}`}},
		{`{equals: {d: true}}`, `{equals: {c: é}}`, []string{`{"d":false}`, `{"d":true,"c":"\u00e9"}`}, []string{`{"d":true}`, `{"d":true,"c":"x"}`}},
		{`{equals: {a: 0.1}}`, `{in: {c: [x, "y z"]}}`, []string{`{"a":1}`, `{"a":0.1,"c":"y z"}`, `{"a":1e-1,"c":"x"}`}, []string{`{"a":0.100,"c":"é"}`}},
		{`{set: [a]}`, `{equals: {b: null}}`, []string{`{}`, `{"a":1,"b":null}`}, []string{`{"a":1}`, `{"a":1,"b":0}`}},
		{
			`{set: [a, b]}`, `{greater: [a, b]}`,
			[]string{`{"a":2,"b":1}`, `{"a":-1,"b":-2}`, `{"a":0.5,"b":-0}`, `{"a":1e400,"b":1e39}`, `{"a":12345678901234567890123,"b":12345678901234567890122}`},
			[]string{`{"a":1,"b":1}`, `{"a":-2,"b":-1}`, `{"a":-0,"b":0.0}`, `{"a":12345678901234567890122,"b":12345678901234567890123}`, `{"a":1e-400,"b":1}`},
		},
	}
	for _, test := range tests {
		p, err := compileYAML(t, "type: object\nproperties:"+strings.ReplaceAll(properties, "\n", "\n  ")+
			"\nx-rules: [{id: r, loc: [body], when: "+test.when+", require: "+test.require+", msg: no}]\n")
		if err != nil {
			t.Errorf("%s %s: %v", test.when, test.require, err)
			continue
		}
		for _, document := range test.accepted {
			if got := violations(t, p, document); got != nil {
				t.Errorf("%s %s: %s gives %v", test.when, test.require, document, got)
			}
		}
		for _, document := range test.refused {
			if got := violations(t, p, document); len(got) != 1 || got[0].Type != "value_error" || len(got[0].Loc) != 1 {
				t.Errorf("%s %s: %s gives %v", test.when, test.require, document, got)
			}
		}
	}
}
