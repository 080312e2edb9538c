package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/specgate/specgate/gen"
)

var seeds = []string{
	body(`"p"`), body(`["a","b"]`), body(`[1,2.0,3e0]`), body(`[[1],[2,3]]`), body(`[]`), body(`[[]]`), body(`null`), body(`[1,"a"]`),
	with(`"best_of":3,"n":2,"stream":false,"logit_bias":{"1":-100,"22":1e1},"seed":9223372036854775807`),
	with(`"stream":true,"stream_options":{"include_usage":true,"x":[{}]},"stop":["a","b"],"top_k":1e400`),
	with(`"temperature":0.7,"top_p":1,"frequency_penalty":-2,"presence_penalty":2.0,"logprobs":5,"max_tokens":0,"echo":true`),
	with(`"user":"\ud83d\ude00é\u0000","suffix":"\"\\\/\b\f\n\r\t"`),
	with(`"Model":1,"n":0,"best_of":"1","stop":[1,2,3,4,5],"x":{"a":1,"a":2}`),
	`{"model":"","prompt":{},"stream_options":{}}`, `[]`, ``, ` `, `{`, "\ufeff{}", `{"a":"\ud800"}`, `nul`, `{"a":01}`,
	`{"id":"c","object":"text_completion","created":1,"model":"m","choices":[{"text":"t","index":0,"logprobs":{"tokens":["a",null],` +
		`"token_logprobs":[null,-1.5],"top_logprobs":[null,{"a":-1}],"text_offset":[0]},"finish_reason":"stop"}],"usage":null}`,
}

// FuzzCheck holds the program to kin-openapi, which is looser: what the program accepts, kin accepts.
// What it refuses has at least one violation, and what it calls no JSON is none to encoding/json, or
// more than that.
func FuzzCheck(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	doc := loadSpec(f, gen.Spec)
	type checked struct {
		program *Program
		schema  *openapi3.Schema
	}
	var all []checked
	for _, name := range []string{"CompletionRequest", "Completion", "CompletionChunk", "ValidationError"} {
		all = append(all, checked{program(f, name, "model"), doc.Components.Schemas[name].Value})
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		for _, c := range all {
			spans := make([]Span, 1)
			err := c.program.Check(document, spans)
			if err == nil {
				accepted(t, c.schema, document)
				if s := spans[0]; s.End > 0 && !json.Valid(document[s.Start:s.End]) {
					t.Errorf("the span is %d:%d", s.Start, s.End)
				}
				continue
			}
			refused(t, err, document)
			if kinAccepts(c.schema, document) {
				stricter(t, asInvalid(t, err).Violations)
			}
		}
	})
}

// accepted asks kin about a document that the program accepts.
func accepted(t *testing.T, schema *openapi3.Schema, document []byte) {
	t.Helper()
	if !utf8.Valid(document) {
		t.Error("accepted, and not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("accepted, and encoding/json says %v", err)
	}
	if decoder.More() {
		t.Fatal("accepted, and more follows")
	}
	if err := schema.VisitJSON(floats(value)); err != nil {
		t.Errorf("accepted, and kin says %v", err)
	}
}

// inexact finds numbers of which float64 may tell something else than the program.
var inexact = regexp.MustCompile(`[0-9.]{16}|[0-9][eE]`)

// kinAccepts tells whether kin accepts a document that both read alike.
func kinAccepts(schema *openapi3.Schema, document []byte) bool {
	var value any
	return !inexact.Match(document) && json.Unmarshal(document, &value) == nil && schema.VisitJSON(value) == nil
}

// stricter fails where the program refuses for a reason that kin should know. Where a key stands
// twice the two look at different values.
func stricter(t *testing.T, list []Violation) {
	t.Helper()
	for _, v := range list {
		switch v.Type {
		case "duplicate_key", "json_invalid":
			return
		}
		if strings.HasSuffix(v.Msg, "without a point or an exponent") {
			return
		}
	}
	for _, v := range list {
		if v.Type != "value_error" && (v.Type != "string_pattern_mismatch" || v.Loc[1] != "logit_bias") {
			t.Errorf("kin accepts, and the program says %v", v)
		}
	}
}

// floats turns numbers into float64, as kin wants them; those beyond it, which only an undeclared
// member may hold, into 0.
func floats(value any) any {
	switch v := value.(type) {
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			return 0.0
		}
		return f
	case []any:
		for i := range v {
			v[i] = floats(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = floats(v[key])
		}
	}
	return value
}

// refused looks at the reasons for a document that the program refuses.
func refused(t *testing.T, err error, document []byte) {
	t.Helper()
	var invalid *Invalid
	if !errors.As(err, &invalid) || len(invalid.Violations) == 0 {
		t.Fatalf("refused with %#v", err)
	}
	malformed := false
	for _, v := range invalid.Violations {
		malformed = malformed || v.Type == "json_invalid"
		for _, part := range v.Loc {
			if key, ok := part.(string); ok && !utf8.ValidString(key) {
				t.Errorf("loc %q", v.Loc)
			}
		}
		if v.Type == "" || v.Msg == "" || v.Loc[0] != "body" {
			t.Errorf("incomplete: %#v", v)
		}
	}
	blank := strings.Trim(string(document), " \t\r\n") == ""
	if !malformed && !blank && !json.Valid(document) {
		t.Errorf("encoding/json calls it malformed, and the program says %v", invalid.Violations)
	}
	if reason := invalid.Violations[0].Msg; malformed && json.Valid(document) && utf8.Valid(document) &&
		!strings.Contains(reason, "surrogate") && !strings.Contains(reason, "nesting") {
		t.Errorf("encoding/json reads it, and the program says %s", reason)
	}
}
