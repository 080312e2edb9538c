package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/fakebackend"
)

// perPrompt answers as a backend does that keeps the contract: one choice for each prompt and each of n.
func perPrompt(c *fakebackend.Conn, r *fakebackend.Request) {
	var in struct {
		Prompt json.RawMessage
		N      *float64
	}
	_ = json.Unmarshal(r.Body, &in)
	prompts, n := 1, 1
	var list []json.RawMessage
	if json.Unmarshal(in.Prompt, &list) == nil && len(list) > 0 && strings.ContainsAny(string(list[0][:1]), `"[`) {
		prompts = len(list)
	}
	if in.N != nil {
		n = int(*in.N)
	}
	choices := make([]string, prompts*n)
	for i := range choices {
		choices[i] = fmt.Sprintf(`{"text":"prompt %d","index":%d,"logprobs":null,"finish_reason":"length"}`, i/n, i)
	}
	fakebackend.JSON(200, `{"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[`+strings.Join(choices, ",")+`]}`)(c, r)
}

// mustForward sends a body that keeps the contract, and has it arrive to the byte.
func (g *running) mustForward(body string) answer {
	g.t.Helper()
	before := len(g.backend.Requests())
	got := g.complete(body)
	if got.status != 200 {
		g.t.Errorf("%s: got %d %s", abridged(body), got.status, abridged(got.body))
	}
	requests := g.backend.Requests()[before:]
	if len(requests) != 1 || string(requests[0].Body) != body {
		g.t.Errorf("%s reached the backend as %d requests: %s", abridged(body), len(requests), bodies(requests))
	}
	return got
}

func bodies(requests []*fakebackend.Request) string {
	var all []string
	for _, r := range requests {
		all = append(all, abridged(string(r.Body)))
	}
	return strings.Join(all, "\n")
}

// mustRefuse sends a body that breaks the contract, and has no backend hear of it.
func (g *running) mustRefuse(body string, want ...violation) {
	g.t.Helper()
	before := len(g.backend.Requests())
	got := g.complete(body)
	if got.status != 422 {
		g.t.Errorf("%s: got %d %s", abridged(body), got.status, abridged(got.body))
		return
	}
	if e := got.error(g.t); e.Type != "invalid_request_error" || orNull(e.Code) != want[0].Type {
		g.t.Errorf("%s: the error is %+v", abridged(body), e)
	}
	if diff := cmp.Diff(want, got.violations(g.t)); diff != "" {
		g.t.Errorf("%s (-want +got):\n%s", abridged(body), diff)
	}
	if n := len(g.backend.Requests()) - before; n != 0 {
		g.t.Errorf("%s: the backend got %d requests", abridged(body), n)
	}
}

func TestPromptsAreForwardedInEachForm(t *testing.T) {
	t.Parallel()
	g := start(t, perPrompt)
	tests := []struct {
		prompt  string
		n       int
		choices int
	}{
		{`"Hello World"`, 1, 1},
		{`"Hello World"`, 3, 3},
		{`["a","b"]`, 1, 2},
		{`["a","b"]`, 3, 6},
		{`[9906,4435]`, 2, 2},
		{`[[9906,4435],[0]]`, 2, 4},
		{`[[9906]]`, 1, 1},
		{`""`, 1, 1},
		{`[]`, 1, 1},
		{`[""]`, 1, 1},
		{`null`, 1, 1},
		{`[0, 9223372036854775807, 1.0, 1e1]`, 1, 1},
		{`["` + strings.Repeat(`x","`, 2047) + `x"]`, 1, 2048},
		{`[[1]` + strings.Repeat(`,[1]`, 2047) + `]`, 1, 2048},
		{`[1` + strings.Repeat(`,1`, 4999) + `]`, 1, 1},
	}
	for _, test := range tests {
		got := g.mustForward(fmt.Sprintf(`{"model":"any/model:8b","prompt":%s,"n":%d}`, test.prompt, test.n))
		var doc struct{ Choices []struct{ Index int } }
		if err := json.Unmarshal([]byte(got.body), &doc); err != nil {
			t.Fatal(err)
		}
		if len(doc.Choices) != test.choices {
			t.Errorf("%s × %d gives %d choices, want %d", abridged(test.prompt), test.n, len(doc.Choices), test.choices)
		}
		for i, c := range doc.Choices {
			if c.Index != i {
				t.Errorf("%s × %d: choice %d has the index %d", abridged(test.prompt), test.n, i, c.Index)
			}
		}
	}
}

func TestPromptsInNoForm(t *testing.T) {
	t.Parallel()
	g := start(t)
	const forms = "Input should be a valid string, list of strings, list of integers or list of lists of integers"
	tests := map[string]violation{
		`[[]]`:                            {`["body","prompt",0]`, "List should have at least 1 item after validation, not 0", "too_short"},
		`["a",1]`:                         {`["body","prompt",1]`, "Input should be a valid string", "string_type"},
		`["a","b","c",null]`:              {`["body","prompt",3]`, "Input should be a valid string", "string_type"},
		`[1,"a"]`:                         {`["body","prompt",1]`, "Input should be a valid integer", "int_type"},
		`[1,2.5]`:                         {`["body","prompt",1]`, "Input should be a valid integer, got a number with a fractional part", "int_from_float"},
		`[1,-1]`:                          {`["body","prompt",1]`, "Input should be greater than or equal to 0", "greater_than_equal"},
		`[9223372036854775808]`:           {`["body","prompt",0]`, "Unable to parse input string as an integer, exceeded maximum size", "int_parsing_size"},
		`[[1],[2,"x"]]`:                   {`["body","prompt",1,1]`, "Input should be a valid integer", "int_type"},
		`[[1],[]]`:                        {`["body","prompt",1]`, "List should have at least 1 item after validation, not 0", "too_short"},
		`[[1],2]`:                         {`["body","prompt",1]`, "Input should be a valid list", "list_type"},
		`5`:                               {`["body","prompt"]`, forms, "union_error"},
		`{}`:                              {`["body","prompt"]`, forms, "union_error"},
		`true`:                            {`["body","prompt"]`, forms, "union_error"},
		`[{}]`:                            {`["body","prompt"]`, forms, "union_error"},
		texts(2049):                       {`["body","prompt"]`, "List should have at most 2048 items after validation, not 2049", "too_long"},
		`[[1]` + many(2048, `,[1]`) + `]`: {`["body","prompt"]`, "List should have at most 2048 items after validation, not 2049", "too_long"},
	}
	for prompt, want := range tests {
		g.mustRefuse(`{"model":"m","prompt":`+prompt+`}`, want)
	}
}

func texts(n int) string { return `["x"` + many(n-1, `,"x"`) + `]` }

func many(n int, s string) string { return strings.Repeat(s, n) }

func TestNumbersThatAreEasilyLost(t *testing.T) {
	t.Parallel()
	g := start(t, fakebackend.JSON(200, answered))
	for _, field := range []string{
		`"seed":9223372036854775807`, `"seed":-9223372036854775808`, `"n":2.0`, `"n":1e1`, `"n":0.2E+1`, `"max_tokens":0`,
		`"seed":9.223372036854775807e18`, `"temperature":1.00000000000000000000001`, `"temperature":-0.0`,
	} {
		g.mustForward(`{"model":"m","prompt":"x",` + field + `}`)
	}
	const size = "Unable to parse input string as an integer, exceeded maximum size"
	for field, want := range map[string]violation{
		`"seed":9223372036854775808`:   {`["body","seed"]`, size, "int_parsing_size"},
		`"seed":-9223372036854775809`:  {`["body","seed"]`, size, "int_parsing_size"},
		`"seed":1e400`:                 {`["body","seed"]`, size, "int_parsing_size"},
		`"n":1.5`:                      {`["body","n"]`, "Input should be a valid integer, got a number with a fractional part", "int_from_float"},
		`"n":1.0000000000000000000001`: {`["body","n"]`, "Input should be a valid integer, got a number with a fractional part", "int_from_float"},
		`"temperature":1e400`:          {`["body","temperature"]`, "Input should be less than or equal to 2", "less_than_equal"},
		`"top_p":-1e400`:               {`["body","top_p"]`, "Input should be greater than or equal to 0", "greater_than_equal"},
	} {
		g.mustRefuse(`{"model":"m","prompt":"x",`+field+`}`, want)
	}
}

func TestRulesAcrossFields(t *testing.T) {
	t.Parallel()
	g := start(t, func(c *fakebackend.Conn, r *fakebackend.Request) {
		if strings.Contains(string(r.Body), `"stream":true`) {
			fakebackend.Events(fakebackend.Data(first, "[DONE]"))(c, r)
			return
		}
		fakebackend.JSON(200, answered)(c, r)
	})
	for _, fields := range []string{
		`"best_of":3,"n":2`, `"best_of":1,"n":1`, `"n":1,"best_of":1.0`, `"best_of":2`, `"n":2`, `"best_of":null,"n":2`, `"best_of":2,"n":null`,
		`"best_of":1,"stream":true`, `"best_of":3,"stream":false`, `"best_of":3,"stream":null`, `"best_of":null,"stream":true`,
		`"stream_options":null`, `"stream_options":null,"stream":false`, `"stream_options":{},"stream":true`,
		`"stream_options":{"include_usage":false,"include_obfuscation":false,"other":[1]},"stream":true`,
	} {
		g.mustForward(`{"model":"m","prompt":"x",` + fields + `}`)
	}
	aboveN := violation{`["body","best_of"]`, "Value error, best_of must be greater than n", "value_error"}
	unstreamed := violation{`["body","best_of"]`, "Value error, best_of above 1 cannot be used with stream", "value_error"}
	options := violation{`["body","stream_options"]`, "Value error, stream_options is allowed only with stream set to true", "value_error"}
	for fields, want := range map[string][]violation{
		`"best_of":1,"n":2`:                       {aboveN},
		`"best_of":2,"n":2`:                       {aboveN},
		`"n":2,"best_of":2.0`:                     {aboveN},
		`"best_of":3,"stream":true`:               {unstreamed},
		`"best_of":3,"n":1,"stream":true`:         {unstreamed},
		`"best_of":2,"n":2,"stream":true`:         {aboveN, unstreamed},
		`"stream_options":{}`:                     {options},
		`"stream_options":{},"stream":false`:      {options},
		`"stream_options":{},"stream":null`:       {options},
		`"stream_options":{"include_usage":true}`: {options},
	} {
		g.mustRefuse(`{"model":"m","prompt":"x",`+fields+`}`, want...)
	}
}

// What is wrong is told all at once, in the order in which the contract declares the fields.
func TestThreeViolationsAtOnce(t *testing.T) {
	t.Parallel()
	g := start(t)
	g.mustRefuse(
		`{"user":5,"temperature":3,"prompt":["a",1]}`,
		violation{`["body","model"]`, "Field required", "missing"},
		violation{`["body","prompt",1]`, "Input should be a valid string", "string_type"},
		violation{`["body","temperature"]`, "Input should be less than or equal to 2", "less_than_equal"},
		violation{`["body","user"]`, "Input should be a valid string", "string_type"},
	)
	got := g.complete(`{"model":"","prompt":5,"n":0}`)
	const want = `{"detail":[` +
		`{"loc":["body","model"],"msg":"String should have at least 1 character","type":"string_too_short"},` +
		`{"loc":["body","prompt"],"msg":"Input should be a valid string, list of strings, list of integers or list of lists of integers","type":"union_error"},` +
		`{"loc":["body","n"],"msg":"Input should be greater than or equal to 1","type":"greater_than_equal"}],` +
		`"error":{"message":"body.model: String should have at least 1 character","type":"invalid_request_error","param":"model","code":"string_too_short"}}` + "\n"
	if diff := cmp.Diff(want, got.body); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	g.mustCount(`specgate_requests_total{code="string_too_short",route="/v1/completions",status="422"}`, "1")
}

func TestBodiesArriveToTheByte(t *testing.T) {
	t.Parallel()
	g := start(t, fakebackend.JSON(200, answered))
	for _, body := range []string{
		`{"model":"m","prompt":"<b>&\u2028😀\ud83d\ude00\u003c\/"}`,
		"{\"model\":\"m\",\"prompt\":\"\u2028\u2029\u0085\u007f\uFEFF\"}",
		" \t\r\n{ \"z\" : [ ] ,\n\"prompt\":\r\n\"x\"\t, \"model\" :\"m\" , \"a\":{ } }\n\n ",
		`{"model":"m","prompt":"x","top_k":12345678901234567890,"min_p":1.0,"structured_outputs":{"json":{"type":"object","type2":null}},"\u0000":0.10e-07}`,
		`{"\u006dodel":"m","prompt":"x"}`,
		`{"model":"m","prompt":"x","suffix":null,"echo":null,"stop":null,"logit_bias":null,"user":null,"stream":null}`,
		`{"model":"m","prompt":"x","logit_bias":{"50256":-100,"0":100,"007":1e-3},"stop":["a","b","c","d"]}`,
		`{"model":"m","prompt":"x","other":{"Model":1,"model":2,"n":3}}`,
		`{"model":"m","prompt":"x","deep":` + many(63, "[") + many(63, "]") + `}`,
		`{"model":"` + many(256, "é") + `","prompt":"x"}`,
		`{"model":"m","prompt":"` + many(1<<20, "0123456789") + `"}`,
	} {
		g.mustForward(body)
	}
}
