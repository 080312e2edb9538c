package completion_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/contract"
)

// checker is the program of CompletionRequest.
func checker(tb testing.TB) *contract.Program {
	tb.Helper()
	doc, err := contract.Load(gen.Spec)
	if err != nil {
		tb.Fatal(err)
	}
	p, err := contract.Compile(doc.Components.Schemas["CompletionRequest"], completion.Facts()...)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func read(tb testing.TB, p *contract.Program, body string) *completion.Request {
	tb.Helper()
	r, err := completion.Read([]byte(body), p.Check)
	if err != nil {
		tb.Fatalf("%s: %v", body, err)
	}
	return r
}

// fields is all that a request tells of itself.
func fields(r *completion.Request) map[string]string {
	told := map[string]string{}
	for _, name := range completion.Facts() {
		if raw := r.Field(name); raw != nil {
			told[name] = string(raw)
		}
	}
	return told
}

func TestFactsAreTheContracts(t *testing.T) {
	doc, err := contract.Load(gen.Spec)
	if err != nil {
		t.Fatal(err)
	}
	declared := doc.Components.Schemas["CompletionRequest"].Value.Properties
	var want []string
	for name := range declared {
		want = append(want, name)
	}
	slices.SortFunc(want, func(a, b string) int {
		return cmp.Compare(declared[a].Origin.Key.Line, declared[b].Origin.Key.Line)
	})
	if diff := gocmp.Diff(append(want, "stream_options.include_usage"), completion.Facts()); diff != "" {
		t.Errorf("(-openapi.yaml +Facts)\n%s", diff)
	}
}

func TestRead(t *testing.T) {
	p := checker(t)
	const body = ` { "prompt":["a", "b" ],"mod\u0065l" : "a\"b","str\u0065am":true , "n" : null,"x":{"n":3},"stream_options":{ "include_us\u0061ge":true } } `
	r := read(t, p, body)
	want := map[string]string{
		"prompt": `["a", "b" ]`, "model": `"a\"b"`, "stream": "true", "n": "null",
		"stream_options": `{ "include_us\u0061ge":true }`, "stream_options.include_usage": "true",
	}
	if diff := gocmp.Diff(want, fields(r)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if r.Model != `a"b` || !r.Stream || !r.IncludeUsage || string(r.Body) != body {
		t.Errorf("request %+v", r)
	}
	if r.Field("x") != nil {
		t.Error("a field that is no fact")
	}
	refused := errors.New("refused")
	if _, err := completion.Read(nil, func([]byte, []completion.Span) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("error %v", err)
	}
}

func TestPatch(t *testing.T) {
	p := checker(t)
	with := func(name, value string) func(*completion.Request) *completion.Request {
		return func(r *completion.Request) *completion.Request { return r.With(name, []byte(value)) }
	}
	without := func(name string) func(*completion.Request) *completion.Request {
		return func(r *completion.Request) *completion.Request { return r.Without(name) }
	}
	tests := map[string]struct {
		body  string
		patch func(*completion.Request) *completion.Request
		want  string
	}{
		"replace":             {`{"model":"m","prompt":[ "a" ],"n" : 2 ,"x":1}`, with("prompt", `"longer than it was"`), `{"model":"m","prompt":"longer than it was","n" : 2 ,"x":1}`},
		"replace the model":   {`{"model":"mm","prompt":""}`, with("model", `"\u006d"`), `{"model":"\u006d","prompt":""}`},
		"replace the first":   {` { "model":"m" ,"prompt":null}`, with("model", `"other"`), ` { "model":"other" ,"prompt":null}`},
		"append":              {`{"model":"m","prompt":null , "x":{"y":"}"} } `, with("max_tokens", "16"), `{"model":"m","prompt":null , "x":{"y":"}"} ,"max_tokens":16} `},
		"stream off":          {`{"model":"m","prompt":null,"stream":true}`, with("stream", "false"), `{"model":"m","prompt":null,"stream":false}`},
		"usage on":            {`{"model":"m","prompt":null,"stream":true}`, with("stream_options", `{"include_usage":true}`), `{"model":"m","prompt":null,"stream":true,"stream_options":{"include_usage":true}}`},
		"usage off":           {`{"model":"m","stream_options":{"include_usage":true},"prompt":null,"stream":true}`, with("stream_options", `{"include_usage":false,"x":1}`), `{"model":"m","stream_options":{"include_usage":false,"x":1},"prompt":null,"stream":true}`},
		"cut":                 {`{"model":"m","n" : 2 ,"prompt":null}`, without("n"), `{"model":"m","prompt":null}`},
		"cut the first":       {"{\n \"n\":2, \"model\":\"m\",\"prompt\":null}", without("n"), "{\n  \"model\":\"m\",\"prompt\":null}"},
		"cut the last":        {`{"model":"m","prompt":null , "n":2 }`, without("n"), `{"model":"m","prompt":null  }`},
		"cut an escaped key":  {`{"model":"m","st\u006fp" :["\"",","],"prompt":null}`, without("stop"), `{"model":"m","prompt":null}`},
		"cut what is not":     {`{"model":"m","prompt":null}`, without("stop"), `{"model":"m","prompt":null}`},
		"cut the usage":       {`{"model":"m","stream_options":{"include_usage":true},"prompt":null,"stream":true}`, without("stream_options"), `{"model":"m","prompt":null,"stream":true}`},
		"cut, then set again": {`{"model":"m","n":2,"prompt":null}`, func(r *completion.Request) *completion.Request { return r.Without("n").With("n", []byte("3")) }, `{"model":"m","prompt":null,"n":3}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := read(t, p, test.body)
			before := fields(r)
			got := test.patch(r)
			if diff := gocmp.Diff(test.want, string(got.Body)); diff != "" {
				t.Fatalf("body (-want +got)\n%s", diff)
			}
			if string(r.Body) != test.body || !gocmp.Equal(before, fields(r)) {
				t.Errorf("what was patched has changed: %s", r.Body)
			}
			mustTellTheSame(t, read(t, p, test.want), got)
		})
	}
}

// mustTellTheSame compares a request that was patched with one that was read from the same bytes.
func mustTellTheSame(t *testing.T, want, got *completion.Request) {
	t.Helper()
	told, known := fields(want), fields(got)
	for _, f := range []map[string]string{told, known} {
		delete(f, "stream_options.include_usage") // told by IncludeUsage alone where With has put it there
	}
	if diff := gocmp.Diff(told, known); diff != "" {
		t.Errorf("fields (-want +got)\n%s", diff)
	}
	if got.Model != want.Model || got.Stream != want.Stream || got.IncludeUsage != want.IncludeUsage {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestPatchEachField(t *testing.T) {
	p := checker(t)
	values := map[string]string{"model": `"other"`, "prompt": `"other"`, "logit_bias": `{"1":2}`, "stop": `"x"`, "suffix": `"x"`, "user": `"x"`, "echo": "true", "stream": "true", "stream_options": `null`}
	full := `{"model":"m","prompt":"p","best_of":null,"echo":null,"frequency_penalty":null,"logit_bias":null,"logprobs":null,"max_tokens":null,"n":null,` +
		`"presence_penalty":null,"seed":null,"stop":null,"stream":null,"stream_options":null,"suffix":null,"temperature":null,"top_p":null,"user":null}`
	for _, name := range completion.Facts() {
		if strings.Contains(name, ".") {
			continue
		}
		value := cmp.Or(values[name], "1")
		for _, body := range []string{full, `{"model":"m","prompt":"p"}`} {
			got := read(t, p, body).With(name, []byte(value))
			mustTellTheSame(t, read(t, p, string(got.Body)), got)
			cut := got.Without(name)
			if !json.Valid(cut.Body) || cut.Field(name) != nil || strings.Contains(string(cut.Body), `"`+name+`":`) {
				t.Errorf("%s: %s", name, cut.Body)
			}
			for _, other := range completion.Facts() {
				if other != name && string(cut.Field(other)) != string(got.Field(other)) {
					t.Errorf("without %s, %s is %s", name, other, cut.Field(other))
				}
			}
		}
	}
}

func TestReadAllocates(t *testing.T) {
	p := checker(t)
	body := []byte(`{"model":"m","prompt":"p","stream":true,"n":1}`)
	got := testing.AllocsPerRun(100, func() {
		if _, err := completion.Read(body, p.Check); err != nil {
			t.Fatal(err)
		}
	})
	if got > 3 { // the request, the model's id, and what the pool may have to make anew
		t.Errorf("%v allocations", got)
	}
}
