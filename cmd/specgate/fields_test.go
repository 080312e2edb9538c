package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/specgate/specgate/internal/fakebackend"
)

// kindWords are the type and msg of a value of another kind.
var kindWords = map[string][2]string{
	"integer": {"int_type", "Input should be a valid integer"},
	"number":  {"float_type", "Input should be a valid number"},
	"string":  {"string_type", "Input should be a valid string"},
	"boolean": {"bool_type", "Input should be a valid boolean"},
	"object":  {"dict_type", "Input should be a valid dictionary"},
}

// wrongValues are, by the type of a field, values of other kinds.
var wrongValues = map[string][]string{
	"integer": {`"2"`, `"x"`, `true`, `[1]`, `{}`},
	"number":  {`"1"`, `"x"`, `false`, `[1]`, `{}`},
	"string":  {`5`, `true`, `["x"]`, `{}`},
	"boolean": {`"true"`, `1`, `0`, `[true]`, `{}`},
	"object":  {`"x"`, `1`, `true`, `[]`},
}

func requestFields(t *testing.T) openapi3.Schemas {
	t.Helper()
	return spec(t).Components.Schemas["CompletionRequest"].Value.Properties
}

// with is a request that has one field more.
func with(name, value string) string {
	switch name {
	case "model":
		return fmt.Sprintf(`{"model":%s,"prompt":"x"}`, value)
	case "prompt":
		return fmt.Sprintf(`{"model":"m","prompt":%s}`, value)
	}
	return fmt.Sprintf(`{"model":"m","prompt":"x",%q:%s}`, name, value)
}

// Each numeric field is held to the limits that openapi.yaml gives it, at them and just past them.
func TestNumericFieldsAtTheirLimits(t *testing.T) {
	t.Parallel()
	g := start(t, fakebackend.JSON(200, answered))
	tested := 0
	for name, field := range requestFields(t) {
		if !field.Value.Type.Is("integer") && !field.Value.Type.Is("number") {
			continue
		}
		tested++
		loc := fmt.Sprintf(`["body",%q]`, name)
		if least := field.Value.Min; least != nil {
			g.mustForward(with(name, number(*least)))
			for _, value := range past(field.Value, *least, -1) {
				g.mustRefuse(with(name, value), violation{loc, "Input should be greater than or equal to " + number(*least), "greater_than_equal"})
			}
		}
		if most := field.Value.Max; most != nil {
			g.mustForward(with(name, number(*most)))
			for _, value := range past(field.Value, *most, 1) {
				g.mustRefuse(with(name, value), violation{loc, "Input should be less than or equal to " + number(*most), "less_than_equal"})
			}
		}
	}
	const numeric = 9 // best_of, the penalties, logprobs, max_tokens, n, seed, temperature, top_p
	if tested != numeric {
		t.Errorf("%d fields are numeric, want %d", tested, numeric)
	}
}

// past are values just outside a limit, on the side that sign tells: for numbers also by less than
// float64 can tell apart.
func past(schema *openapi3.Schema, limit, sign float64) []string {
	far := []string{number(sign * 1e15), strconv.FormatFloat(sign, 'f', -1, 64) + "e400"}
	if schema.Format == "int64" {
		far = far[:1] // the other is no int64 at all
	}
	if schema.Type.Is("integer") {
		return append(far, number(limit+sign))
	}
	next := math.Nextafter(limit, sign*math.Inf(1))
	if limit == 0 {
		return append(far, number(sign*0.000001), number(sign)+"e-500")
	}
	return append(far, strconv.FormatFloat(next, 'f', -1, 64), number(limit)+".00000000000000000000000001")
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// The limits themselves are those of the contract's table, which the spec must not lose.
func TestPublishedLimits(t *testing.T) {
	t.Parallel()
	type limits struct {
		least, most, byDefault string
		nullable               bool
	}
	want := map[string]limits{
		"best_of": {"1", "20", "1", true}, "frequency_penalty": {"-2", "2", "0", true}, "logprobs": {"0", "5", "", true},
		"max_tokens": {"0", "", "16", true}, "n": {"1", "128", "1", true}, "presence_penalty": {"-2", "2", "0", true},
		"seed": {"", "", "", true}, "temperature": {"0", "2", "1", true}, "top_p": {"0", "1", "1", true},
		"echo": {"", "", "false", true}, "stream": {"", "", "false", true}, "suffix": {"", "", "", true},
		"user": {"", "", "", true}, "stream_options": {"", "", "", true}, "logit_bias": {"", "", "", true}, "model": {"", "", "", false},
	}
	fields := requestFields(t)
	for name, limit := range want {
		schema := fields[name].Value
		got := limits{nullable: schema.Nullable}
		if schema.Min != nil {
			got.least = number(*schema.Min)
		}
		if schema.Max != nil {
			got.most = number(*schema.Max)
		}
		if schema.Default != nil {
			got.byDefault = fmt.Sprint(schema.Default)
		}
		if got != limit {
			t.Errorf("%s: %+v, want %+v", name, got, limit)
		}
	}
	known := append(slices.Collect(maps.Keys(want)), "prompt", "stop")
	for name := range fields {
		if !slices.Contains(known, name) {
			t.Errorf("%s is not in the contract's table", name)
		}
	}
}

func TestFieldsOfAnotherKind(t *testing.T) {
	t.Parallel()
	g := start(t, fakebackend.JSON(200, answered))
	for name, field := range requestFields(t) {
		schema := field.Value
		if schema.OneOf != nil {
			continue // prompt and stop have tests of their own
		}
		kind := schema.Type.Slice()[0]
		loc := fmt.Sprintf(`["body",%q]`, name)
		words := violation{loc, kindWords[kind][1], kindWords[kind][0]}
		for _, value := range wrongValues[kind] {
			g.mustRefuse(with(name, value), words)
		}
		if schema.Nullable {
			g.mustForward(with(name, "null"))
		} else {
			g.mustRefuse(with(name, "null"), words)
		}
		if kind == "integer" {
			g.mustRefuse(with(name, "1.5"), violation{loc, "Input should be a valid integer, got a number with a fractional part", "int_from_float"})
		}
	}
}

func TestOtherFields(t *testing.T) {
	t.Parallel()
	g := start(t, fakebackend.JSON(200, answered))
	for _, fields := range []string{
		`"stop":"x"`, `"stop":""`, `"stop":["a"]`, `"stop":["a","b","c",""]`, `"stop":null`,
		`"logit_bias":{}`, `"logit_bias":{"1":100,"2":-100,"3":0.5}`, `"suffix":""`, `"user":""`,
	} {
		g.mustForward(`{"model":"m","prompt":"x",` + fields + `}`)
	}
	const forms, key = "Input should be a valid string or list of strings", "String should match pattern '^[0-9]+$'"
	tests := map[string]violation{
		`"stop":[]`:                    {`["body","stop"]`, "List should have at least 1 item after validation, not 0", "too_short"},
		`"stop":["a","b","c","d","e"]`: {`["body","stop"]`, "List should have at most 4 items after validation, not 5", "too_long"},
		`"stop":["a",5]`:               {`["body","stop",1]`, "Input should be a valid string", "string_type"},
		`"stop":[null]`:                {`["body","stop",0]`, "Input should be a valid string", "string_type"},
		`"stop":5`:                     {`["body","stop"]`, forms, "union_error"},
		`"stop":{}`:                    {`["body","stop"]`, forms, "union_error"},
		`"logit_bias":{"x":1}`:         {`["body","logit_bias","x"]`, key, "string_pattern_mismatch"},
		`"logit_bias":{"":1}`:          {`["body","logit_bias",""]`, key, "string_pattern_mismatch"},
		`"logit_bias":{"-1":1}`:        {`["body","logit_bias","-1"]`, key, "string_pattern_mismatch"},
		`"logit_bias":{"١":1}`:         {`["body","logit_bias","١"]`, key, "string_pattern_mismatch"},
		`"logit_bias":{"1":100.5}`:     {`["body","logit_bias","1"]`, "Input should be less than or equal to 100", "less_than_equal"},
		`"logit_bias":{"1":-101}`:      {`["body","logit_bias","1"]`, "Input should be greater than or equal to -100", "greater_than_equal"},
		`"logit_bias":{"1":"1"}`:       {`["body","logit_bias","1"]`, "Input should be a valid number", "float_type"},
		`"logit_bias":{"1":null}`:      {`["body","logit_bias","1"]`, "Input should be a valid number", "float_type"},
		`"stream":true,"stream_options":{"include_usage":1}`:         {`["body","stream_options","include_usage"]`, "Input should be a valid boolean", "bool_type"},
		`"stream":true,"stream_options":{"include_obfuscation":"x"}`: {`["body","stream_options","include_obfuscation"]`, "Input should be a valid boolean", "bool_type"},
	}
	for fields, want := range tests {
		g.mustRefuse(`{"model":"m","prompt":"x",`+fields+`}`, want)
	}
	g.mustRefuse(with("model", `""`), violation{`["body","model"]`, "String should have at least 1 character", "string_too_short"})
	g.mustRefuse(with("model", `"`+many(257, "é")+`"`), violation{`["body","model"]`, "String should have at most 256 characters", "string_too_long"})
	g.mustRefuse(`{"model":"m"}`, violation{`["body","prompt"]`, "Field required", "missing"})
	g.mustRefuse(`{}`, violation{`["body","model"]`, "Field required", "missing"}, violation{`["body","prompt"]`, "Field required", "missing"})
}
