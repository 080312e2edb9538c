package profile_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/contract"
	"github.com/specgate/specgate/internal/profile"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// contracts is what the tests need of openapi.yaml.
type contracts struct {
	request, answer, chunk *contract.Program
	defaults               map[string]json.RawMessage
}

var published = sync.OnceValues(func() (c contracts, err error) {
	doc, err := contract.Load(gen.Spec)
	if err != nil {
		return c, err
	}
	schemas := doc.Components.Schemas
	var errs [4]error
	c.request, errs[0] = contract.Compile(schemas["CompletionRequest"], completion.Facts()...)
	c.answer, errs[1] = contract.Compile(schemas["Completion"])
	c.chunk, errs[2] = contract.Compile(schemas["CompletionChunk"])
	c.defaults, errs[3] = contract.Defaults(schemas["CompletionRequest"])
	return c, errors.Join(errs[:]...)
})

func load(t *testing.T) contracts {
	t.Helper()
	c, err := published()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// request reads a body, which has to keep the contract.
func request(t *testing.T, body string) *completion.Request {
	t.Helper()
	r, err := completion.Read([]byte(body), load(t).request.Check)
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return r
}

// with is a body that has more than it needs.
func with(more string) string { return `{"model":"m","prompt":"p"` + more + `}` }

// recorder answers every request, and keeps what it was asked.
type recorder struct {
	mu     sync.Mutex
	bodies []string
}

func (r *recorder) Complete(_ context.Context, req *completion.Request) (*completion.Answer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bodies = append(r.bodies, string(req.Body))
	return &completion.Answer{Body: []byte(`{"id":"1","object":"text_completion","created":1,"model":"m",` +
		`"choices":[{"text":"t","index":0,"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}`)}, nil
}

// asked is what a backend of some kind is asked for a body, in any order, or why it is not.
func asked(t *testing.T, kind, body string, set ...func(*profile.Options)) ([]string, error) {
	t.Helper()
	o := profile.Options{Model: "public", FanoutMax: 128, Defaults: load(t).defaults}
	for _, f := range set {
		f(&o)
	}
	backend := &recorder{}
	answer, err := profile.New(kind, backend, o).Complete(t.Context(), request(t, body))
	if err == nil {
		if err := load(t).answer.Check(answer.Body, nil); err != nil {
			t.Errorf("%s: %s: %v", kind, answer.Body, err)
		}
	}
	for _, b := range backend.bodies {
		request(t, b) // what is sent keeps the contract too
	}
	slices.Sort(backend.bodies)
	return backend.bodies, err
}

// kinds are all, and one that nobody knows.
func kinds() []string { return append(profile.Kinds(), "unheard of") }

func TestEachKindAndField(t *testing.T) {
	const refused = "refused"
	// tests say what becomes of more fields in front of each kind: they pass, are refused, or give others.
	tests := map[string]map[string]string{
		`,"best_of":2`:                  {"vllm": refused, "llamacpp": refused, "ollama": refused, "sglang": refused, "tgi": refused},
		`,"best_of":1`:                  {"llamacpp": `,"max_tokens":16`},
		`,"best_of":null`:               {"llamacpp": `,"max_tokens":16`},
		`,"echo":true`:                  {"llamacpp": refused, "ollama": refused, "tgi": refused},
		`,"echo":false`:                 {"llamacpp": `,"max_tokens":16`},
		`,"echo":null`:                  {"llamacpp": `,"max_tokens":16`, "sglang": ``},
		`,"frequency_penalty":1`:        {},
		`,"frequency_penalty":null`:     {"llamacpp": `,"max_tokens":16`, "sglang": ``},
		`,"logit_bias":{"1":2}`:         {"ollama": refused, "tgi": refused},
		`,"logit_bias":{ }`:             {},
		`,"logit_bias":null`:            {"llamacpp": `,"max_tokens":16`},
		`,"logprobs":0`:                 {"llamacpp": `,"logprobs":1,"max_tokens":16`, "ollama": refused, "tgi": refused},
		`,"logprobs":5`:                 {"ollama": refused, "tgi": refused},
		`,"logprobs":null`:              {"llamacpp": `,"max_tokens":16`},
		`,"max_tokens":7`:               {},
		`,"max_tokens":0`:               {"vllm": `,"max_tokens":1`, "ollama": `,"max_tokens":1`},
		`,"echo":false,"max_tokens":0`:  {"vllm": `,"echo":false,"max_tokens":1`, "llamacpp": `,"max_tokens":0`, "ollama": `,"echo":false,"max_tokens":1`},
		`,"max_tokens" : null`:          {"llamacpp": `,"max_tokens" : 16`, "ollama": `,"max_tokens" : 16`, "tgi": `,"max_tokens" : 16`, "sglang": ``},
		`,"n":1`:                        {},
		`,"n":1.0`:                      {},
		`,"n":null`:                     {"vllm": ``, "llamacpp": `,"max_tokens":16`, "sglang": ``},
		`,"presence_penalty":-1`:        {"tgi": refused},
		`,"presence_penalty":0.0`:       {},
		`,"presence_penalty":null`:      {"llamacpp": `,"max_tokens":16`, "sglang": ``},
		`,"seed":9223372036854775807`:   {},
		`,"seed":null`:                  {"llamacpp": `,"max_tokens":16`},
		`,"stop":"\u005b"`:              {"tgi": `,"stop":["\u005b"],"max_tokens":16`},
		`,"stop":["a","b"]`:             {},
		`,"stop":null`:                  {"llamacpp": `,"max_tokens":16`},
		`,"stream":false`:               {},
		`,"stream":null`:                {"llamacpp": `,"max_tokens":16`, "sglang": ``, "tgi": `,"max_tokens":16`},
		`,"stream_options":null`:        {"llamacpp": `,"max_tokens":16`},
		`,"suffix":"s"`:                 {"llamacpp": refused, "tgi": refused},
		`,"suffix":""`:                  {"vllm": ``, "llamacpp": `,"max_tokens":16`, "tgi": `,"max_tokens":16`},
		`,"suffix":null`:                {"vllm": ``, "llamacpp": `,"max_tokens":16`, "tgi": `,"max_tokens":16`},
		`,"temperature":0`:              {},
		`,"temperature":null`:           {"llamacpp": `,"max_tokens":16`, "sglang": ``},
		`,"top_p":0`:                    {"vllm": `,"top_p":0.000001`, "ollama": `,"top_p":0.000001,"max_tokens":16`, "sglang": `,"top_p":0.000001`, "tgi": `,"top_p":0.000001,"max_tokens":16`},
		`,"top_p":0e3`:                  {"vllm": `,"top_p":0.000001`, "ollama": `,"top_p":0.000001,"max_tokens":16`, "sglang": `,"top_p":0.000001`, "tgi": `,"top_p":0.000001,"max_tokens":16`},
		`,"top_p":1.0`:                  {"tgi": `,"max_tokens":16`},
		`,"top_p":0.5`:                  {},
		`,"top_p":null`:                 {"llamacpp": `,"max_tokens":16`, "sglang": ``},
		`,"user":"u"`:                   {},
		`,"user":null`:                  {"llamacpp": `,"max_tokens":16`},
		`,"top_k":null , "min_p":1e400`: {},
	}
	for more, does := range tests {
		for _, kind := range kinds() {
			want, said := does[kind]
			if !said { // it passes, with the published max_tokens where the backend has another
				want = more
				if slices.Contains([]string{"llamacpp", "ollama", "tgi"}, kind) && !strings.Contains(more, "max_tokens") {
					want += `,"max_tokens":16`
				}
			}
			got, err := asked(t, kind, with(more))
			var invalid *contract.Invalid
			if want == refused {
				field := strings.Split(more, `"`)[1]
				wantErr := &contract.Invalid{Violations: []contract.Violation{{
					Loc: []any{"body", field}, Type: "unsupported_parameter", Msg: "Parameter " + field + " is not supported by the backend of model public",
				}}}
				if !errors.As(err, &invalid) || !cmp.Equal(wantErr, invalid) || got != nil {
					t.Errorf("%s%s: error %v, asked %s", kind, more, err, got)
				}
				got, err = asked(t, kind, with(more), func(o *profile.Options) { o.Pass = true })
				if err != nil || len(got) != 1 || !strings.Contains(got[0], more[:len(more)-1]) && kind != "llamacpp" {
					t.Errorf("%s%s, to be passed: error %v, asked %s", kind, more, err, got)
				}
				continue
			}
			if diff := cmp.Diff([]string{with(want)}, got); err != nil || diff != "" {
				t.Errorf("%s%s: %v (-want +got)\n%s", kind, more, err, diff)
			}
		}
	}
}

func TestPrompts(t *testing.T) {
	list := func(format string, prompts ...string) (bodies []string) {
		for _, p := range prompts {
			bodies = append(bodies, fmt.Sprintf(format, p))
		}
		return bodies
	}
	const single = ` { "prompt" :%s, "x":1, "model":"m","max_tokens":1 } `
	tests := map[string]struct {
		kinds  []string
		prompt string
		want   []string // prompts; nil for a refusal
	}{
		"texts, taken":       {[]string{"openai", "vllm", "sglang", "specgate", "custom"}, `["a", "b"]`, []string{`["a", "b"]`}},
		"texts, split":       {[]string{"llamacpp", "ollama", "tgi"}, `["a", "b\"]" ]`, []string{`"a"`, `"b\"]"`}},
		"tokens, taken":      {[]string{"openai", "vllm", "sglang", "specgate", "custom", "llamacpp"}, `[1, 2]`, []string{`[1, 2]`}},
		"tokens, refused":    {[]string{"ollama", "tgi"}, `[1,2]`, nil},
		"token lists, split": {[]string{"llamacpp"}, `[[1, 2],[3]]`, []string{`[1, 2]`, `[3]`}},
		"token lists":        {[]string{"vllm", "sglang"}, `[[1, 2],[3]]`, []string{`[[1, 2],[3]]`}},
		"token lists, not":   {[]string{"ollama", "tgi"}, `[[1],[2]]`, nil},
		"one in a list":      {[]string{"llamacpp", "tgi", "vllm"}, `["a"]`, []string{`["a"]`}},
		"its item":           {[]string{"ollama"}, `[ "a" ]`, []string{`"a"`}},
		"none":               {[]string{"openai", "vllm", "ollama", "sglang", "tgi", "specgate", "custom"}, `[]`, []string{`[]`}},
		"null":               {[]string{"openai", "vllm", "ollama", "sglang", "tgi", "specgate", "custom"}, `null`, []string{`null`}},
		"none, as a text":    {[]string{"llamacpp"}, `[ ]`, []string{`""`}},
		"null, as a text":    {[]string{"llamacpp"}, `null`, []string{`""`}},
		"empty":              {profile.Kinds(), `""`, []string{`""`}},
	}
	for name, test := range tests {
		for _, kind := range test.kinds {
			t.Run(name+" "+kind, func(t *testing.T) {
				got, err := asked(t, kind, fmt.Sprintf(single, test.prompt))
				if (err != nil) != (test.want == nil) {
					t.Fatalf("error %v", err)
				}
				if err != nil && err.Error() != "1 violation, body.prompt: unsupported_parameter" {
					t.Errorf("error %v", err)
				}
				want := list(single, test.want...)
				slices.Sort(want)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
			})
		}
	}
}

func TestChoices(t *testing.T) {
	format := func(bodies ...string) []string { slices.Sort(bodies); return bodies }
	tests := map[string]struct {
		kind, body string
		want       []string
	}{
		"n": {"ollama", `{"model":"m","prompt":"p", "n":2 ,"max_tokens":1}`, format(`{"model":"m","prompt":"p", "max_tokens":1}`, `{"model":"m","prompt":"p", "max_tokens":1}`)},
		"n with a seed": {"tgi", `{"seed":1e1,"n":3.0,"model":"m","prompt":["p"],"max_tokens":1}`, format(
			`{"seed":1e1,"model":"m","prompt":"p","max_tokens":1}`, `{"seed":11,"model":"m","prompt":"p","max_tokens":1}`, `{"seed":12,"model":"m","prompt":"p","max_tokens":1}`)},
		"the greatest seed": {"tgi", fmt.Sprintf(`{"seed":%d,"n":2,"model":"m","prompt":"p","max_tokens":1}`, math.MaxInt64), format(
			`{"seed":9223372036854775807,"model":"m","prompt":"p","max_tokens":1}`, `{"seed":9223372036854775806,"model":"m","prompt":"p","max_tokens":1}`)},
		"prompts and n": {"llamacpp", `{"model":"m","prompt":["p","q"],"n":2,"seed":5,"max_tokens":1}`, format(
			`{"model":"m","prompt":"p","seed":5,"max_tokens":1}`, `{"model":"m","prompt":"p","seed":6,"max_tokens":1}`,
			`{"model":"m","prompt":"q","seed":5,"max_tokens":1}`, `{"model":"m","prompt":"q","seed":6,"max_tokens":1}`)},
		"prompts and n, greedy": {"vllm", `{"model":"m","prompt":["p","q"],"n":2,"temperature":0e1}`, format(
			`{"model":"m","prompt":"p","temperature":0e1}`, `{"model":"m","prompt":"p","temperature":0e1}`,
			`{"model":"m","prompt":"q","temperature":0e1}`, `{"model":"m","prompt":"q","temperature":0e1}`)},
		"n, greedy":          {"vllm", `{"model":"m","prompt":[[1]],"n":2,"temperature":0}`, format(`{"model":"m","prompt":[1],"temperature":0}`, `{"model":"m","prompt":[1],"temperature":0}`)},
		"prompts, greedy":    {"vllm", `{"model":"m","prompt":["p","q"],"n":1,"temperature":0}`, format(`{"model":"m","prompt":["p","q"],"n":1,"temperature":0}`)},
		"n, at random":       {"vllm", `{"model":"m","prompt":["p","q"],"n":2,"temperature":0.1}`, format(`{"model":"m","prompt":["p","q"],"n":2,"temperature":0.1}`)},
		"scoring":            {"vllm", `{"model":"m","prompt":["p","q"],"echo":true,"logprobs":1,"max_tokens":0}`, format(`{"model":"m","prompt":["p","q"],"echo":true,"logprobs":1,"max_tokens":0}`)},
		"without max_tokens": {"llamacpp", `{"model":"m","prompt":["p","q"]}`, format(`{"model":"m","prompt":"p","max_tokens":16}`, `{"model":"m","prompt":"q","max_tokens":16}`)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := asked(t, test.kind, test.body)
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Errorf("%v (-want +got)\n%s", err, diff)
			}
		})
	}
}

func TestFanoutMax(t *testing.T) {
	most := func(max int) func(*profile.Options) { return func(o *profile.Options) { o.FanoutMax = max } }
	many := `["` + strings.Repeat(`a","`, 128) + `a"]`
	tests := map[string]struct {
		kind, body string
		max        int
		field      string // that is at fault; "" where nothing is
	}{
		"n":              {"ollama", `{"model":"m","prompt":"p","n":3}`, 2, "n"},
		"prompts":        {"ollama", `{"model":"m","prompt":` + many + `}`, 128, "prompt"},
		"both":           {"ollama", `{"model":"m","prompt":["a","b"],"n":2}`, 3, "prompt"},
		"as many":        {"ollama", `{"model":"m","prompt":["a","b"],"n":2}`, 4, ""},
		"no limit":       {"ollama", `{"model":"m","prompt":` + many + `}`, 0, ""},
		"taken together": {"vllm", `{"model":"m","prompt":` + many + `,"n":100}`, 2, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := asked(t, test.kind, test.body, most(test.max))
			if test.field == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			want := &contract.Invalid{Violations: []contract.Violation{{
				Loc: []any{"body", test.field}, Type: "value_error",
				Msg: fmt.Sprintf("Value error, the number of prompts times n must not exceed %d for the backend of model public", test.max),
			}}}
			var invalid *contract.Invalid
			if !errors.As(err, &invalid) || !cmp.Equal(want, invalid) || got != nil {
				t.Errorf("error %+v, asked %d times", err, len(got))
			}
		})
	}
}

// All that is not supported is told at once, in the contract's order, with nothing of what was sent.
func TestRefusesAllAtOnce(t *testing.T) {
	body := `{"suffix":"secret","model":"secret","prompt":[1,2],"presence_penalty":1.5,"logit_bias":{"77":1},"logprobs":4,"echo":true,"best_of":13,"n":5}`
	got, err := asked(t, "tgi", body, func(o *profile.Options) { o.Model = "" })
	var invalid *contract.Invalid
	if !errors.As(err, &invalid) || got != nil {
		t.Fatalf("error %v, asked %s", err, got)
	}
	var fields []string
	for _, v := range invalid.Violations {
		fields = append(fields, v.Loc[1].(string))
		if !strings.HasSuffix(v.Msg, " not supported by this model's backend") || strings.Contains(v.Msg, "secret") {
			t.Errorf("%s", v.Msg)
		}
	}
	if want := []string{"prompt", "best_of", "echo", "logit_bias", "logprobs", "presence_penalty", "suffix"}; !slices.Equal(want, fields) {
		t.Errorf("fields %v", fields)
	}
}

// Nothing stands in front of a backend of which nothing is known.
func TestCustomIsItself(t *testing.T) {
	backend := &recorder{}
	for _, kind := range []string{"custom", "openai", "specgate", "", "unheard of"} {
		if profile.New(kind, backend, profile.Options{}) != profile.Completer(backend) {
			t.Errorf("%s: something stands in front of it", kind)
		}
	}
}

// crowd counts how many requests are there at one time.
type crowd struct {
	recorder
	there, most int
}

func (c *crowd) step(by int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.there += by
	c.most = max(c.most, c.there)
}

func (c *crowd) Complete(ctx context.Context, req *completion.Request) (*completion.Answer, error) {
	c.step(1)
	defer c.step(-1)
	time.Sleep(time.Second) // of the bubble's: all that may come are there
	return c.recorder.Complete(ctx, req)
}

// Where each choice has a seed of its own, each part is a copy of the request: of a large one, few are
// held at one time.
func TestCopiesOfALargeRequest(t *testing.T) {
	for _, test := range []struct {
		name, more string
		size, most int
	}{
		{"large", `,"seed":1`, 2 << 20, 1},
		{"half", `,"seed":1`, 1<<19 - 200, 2},
		{"small", `,"seed":1`, 10, 8},
		{"large, without copies", ``, 2 << 20, 8},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &crowd{}
			req := request(t, `{"model":"m","prompt":"`+strings.Repeat("p", test.size)+`","n":64`+test.more+`}`)
			o := profile.Options{FanoutMax: 128, FanoutWidth: 8, Defaults: load(t).defaults}
			synctest.Test(t, func(t *testing.T) {
				if _, err := profile.New("ollama", c, o).Complete(t.Context(), req); err != nil {
					t.Fatal(err)
				}
			})
			if c.most != test.most || len(c.bodies) != 64 {
				t.Errorf("%d asked, %d at one time", len(c.bodies), c.most)
			}
		})
	}
}
