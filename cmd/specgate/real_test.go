//go:build backends

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/specgate/specgate/internal/config"
)

// both is one gateway in front of a llama.cpp server and another.
type both struct {
	*llama
	other string // where the other server is, with no path
}

// realModels are the models of that gateway: of each backend by another name, of both, and of the other
// by a pattern; and those that have both take each other's place. NAME is the other's kind, MODEL what its
// model is called there.
const realModels = `
upstream: {expose: true}
health: {interval: 250ms}
breaker: {open: 1s}
models:
  one: {targets: [{upstream: llamacpp, model: gemma3-270m}]}
  "llama3.1:8b": {targets: [{upstream: NAME, model: MODEL}]}
  shared: {targets: [{upstream: llamacpp, model: gemma3-270m, weight: 3}, {upstream: NAME, model: MODEL}]}
  "MODEL*": {targets: [{upstream: NAME}]}
  to-llamacpp: {targets: [{upstream: llamacpp, model: gemma3-270m}, {upstream: NAME, model: MODEL, priority: 2}]}
  to-NAME: {targets: [{upstream: NAME, model: MODEL}, {upstream: llamacpp, model: gemma3-270m, priority: 2}]}
  half: {targets: [{upstream: llamacpp, model: gemma3-270m}, {upstream: NAME, model: MODEL}]}
`

// startBoth runs a gateway in front of two real servers, and waits until they answer.
func startBoth(t *testing.T, llamacpp, other *realServer, model string) *both {
	t.Helper()
	path := filepath.Join(t.TempDir(), "specgate.yaml")
	file := "upstreams:\n"
	for _, s := range []*realServer{llamacpp, other} {
		file += fmt.Sprintf("  %s: {kind: %[1]s, base_url: '%s/v1'}\n", s.name, s.url)
	}
	file += strings.NewReplacer("NAME", other.name, "MODEL", model).Replace(realModels)
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"SPECGATE_API_KEY": testToken}
	cfg, err := config.Load(path, nil, func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	b := &both{&llama{&running{
		t: t, log: newLogbook(), ended: make(chan error, 1),
		client: &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: 3 * llamaPatience},
	}, llamacpp.url}, other.url}
	b.awaitHealth()
	b.serve(cfg)
	b.eventually(`specgate_upstream_healthy{upstream="`+other.name+`"}`, "1")
	return b
}

func (b *both) in(t *testing.T) *both {
	t.Helper()
	return &both{&llama{b.running.in(t), b.url}, b.other}
}

// attempts are how many requests the gateway has sent to its backends.
func (b *both) attempts() (n int) {
	b.t.Helper()
	for line := range strings.Lines(b.metrics()) {
		if rest, ok := strings.CutPrefix(line, "specgate_upstream_attempts_total{"); ok {
			var some int
			if _, err := fmt.Sscan(rest[strings.LastIndex(rest, "}")+1:], &some); err != nil {
				b.t.Fatal(err)
			}
			n += some
		}
	}
	return n
}

// TestBackendsOllama holds one gateway against two real servers. They are installed by .ci/ollama setup.
func TestBackendsOllama(t *testing.T) {
	b := startBoth(t, serveReal(t, "llamacpp", 0), serveReal(t, "ollama", 0), "gemma3-270m")
	for _, test := range []struct {
		name string
		run  func(*both)
	}{
		{"routes", realRoutes},
		{"names", realNames},
		{"shares", realShares},
		{"models", realModelList},
		{"max_tokens", realMaxTokens},
		{"nulls", realNulls},
		{"prompts and choices", realBatch},
		{"prompts and choices as a stream", realBatchStream},
		{"stream with usage", realStreamUsage},
		{"refused before any call", realRefused},
		{"sent to who can", realWhoCan},
		{"what a backend refuses", realComplaints},
		{"limits of fields", realLimits},
		{"openai-go", realSDK},
		{"what Ollama does", ollamaWays},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(b.in(t)) })
	}
}

const france = `"prompt":"The capital of France is"`

func realRoutes(b *both) {
	for model, upstream := range map[string]string{"one": "llamacpp", "llama3.1:8b": "ollama", "gemma3-270m": "ollama", "gemma3-270m:latest": "ollama"} {
		got := b.complete(`{"model":"` + model + `",` + france + greedy + `}`)
		if got.status != 200 || from(got) != upstream || !strings.Contains(got.body, ofFrance) {
			b.t.Errorf("%s: %d from %q: %s", model, got.status, from(got), got.body)
		}
	}
	for _, model := range []string{"none", "llama3.1:70b", "One"} {
		before := b.attempts()
		if got := b.complete(of(model)); got.status != 404 || got.code(b.t) != "model_not_found" || b.attempts() != before {
			b.t.Errorf("%s: %d %s", model, got.status, got.body)
		}
	}
	// Ollama's own 404 for what fits the pattern and is not there.
	if got := b.complete(of("gemma3-270m-none")); got.status != 404 || from(got) != "ollama" || !strings.Contains(got.error(b.t).Message, "not found") {
		b.t.Errorf("%d from %q: %s", got.status, from(got), got.body)
	}
}

// The caller's name is in every answer and every chunk, the backend's own in none.
func realNames(b *both) {
	for _, model := range []string{"one", "llama3.1:8b"} {
		for _, stream := range []string{"", askingUsage} {
			got := b.complete(`{"model":"` + model + `",` + france + greedy + stream + `}`)
			events := max(1, strings.Count(got.body, "data: {"))
			if got.status != 200 || strings.Count(got.body, `"model":"`+model+`"`) != events || strings.Contains(got.body, "gemma3") {
				b.t.Errorf("%s%s: %d %s", model, stream, got.status, got.body)
			}
		}
	}
}

func realShares(b *both) {
	served := map[string]int{}
	for range 8 {
		served[from(b.complete(`{"model":"shared","prompt":"Hi","max_tokens":1}`))]++
	}
	if diff := cmp.Diff(map[string]int{"llamacpp": 6, "ollama": 2}, served); diff != "" {
		b.t.Errorf("(-want +got)\n%s", diff)
	}
}

// realIDs are the models that the gateway lists, sorted.
func (b *both) realIDs() (ids []string) {
	b.t.Helper()
	var list struct{ Data []struct{ ID string } }
	if err := json.Unmarshal([]byte(b.send(http.MethodGet, "/v1/models", "").body), &list); err != nil {
		b.t.Fatal(err)
	}
	for _, m := range list.Data {
		ids = append(ids, m.ID)
	}
	slices.Sort(ids)
	return ids
}

func realModelList(b *both) {
	if diff := cmp.Diff([]string{"gemma3-270m:latest", "half", "llama3.1:8b", "one", "shared", "to-llamacpp", "to-ollama"}, b.realIDs()); diff != "" {
		b.t.Errorf("(-want +got)\n%s", diff)
	}
	if got := b.send(http.MethodGet, "/v1/models/gemma3-270m:latest", ""); got.status != 200 {
		b.t.Errorf("%d %s", got.status, got.body)
	}
}

// Both would go on without limit.
func realMaxTokens(b *both) {
	for _, model := range []string{"one", "llama3.1:8b"} {
		for _, field := range []string{"", `,"max_tokens":null`} {
			got := b.ask(`{"model":"` + model + `","prompt":"One, two, three,","temperature":0` + field + `}`)
			if c := b.join(got)[0]; c.reason != "length" || got[0].Usage.Completion != 16 || got[0].Usage.Prompt != 7 {
				b.t.Errorf("%s%s: %+v, usage %+v", model, field, c, got[0].Usage)
			}
		}
	}
}

const nulls = `"best_of":null,"echo":null,"frequency_penalty":null,"logit_bias":null,"logprobs":null,"max_tokens":null,"n":null,` +
	`"presence_penalty":null,"seed":null,"stop":null,"stream":null,"stream_options":null,"suffix":null,"top_p":null,"user":null`

func realNulls(b *both) {
	for _, model := range []string{"one", "llama3.1:8b"} {
		got := b.one(`{"model":"` + model + `","prompt":"One, two, three,",` + nulls + `,"temperature":0}`)
		if !strings.HasPrefix(got.text, ofNumbers) || got.reason != "length" || got.logprobs != nil {
			b.t.Errorf("%s: %+v", model, got)
		}
		got = b.one(`{"model":"` + model + `","prompt":"Hi",` + nulls + `,"temperature":null}`)
		if got.reason == "" {
			b.t.Errorf("%s: %+v", model, got)
		}
	}
}

// begun is how the two texts go on. What is generated side by side is rounded in another way, and where
// two tokens are about as likely another may win.
var begun = [2]string{" the capital of", " four, five, six"}

const fourChoices = `"prompt":` + twoTexts + `,"n":2` + greedy

func realBatch(b *both) {
	for _, model := range []string{"one", "llama3.1:8b"} {
		b.mustSay(`{"model":"`+model+`",`+fourChoices+`}`, begun[0], begun[0], begun[1], begun[1])
		got := b.ask(`{"model":"` + model + `",` + fourChoices + `}`)
		var order []int
		for _, c := range got[0].Choices {
			order = append(order, c.Index)
		}
		if u := got[0].Usage; !slices.Equal(order, []int{0, 1, 2, 3}) || u.Prompt != 26 || u.Completion != 32 || u.Total != 58 {
			b.t.Errorf("%s: choices %v, usage %+v", model, order, u)
		}
		// A list of one is no batch.
		b.mustSay(`{"model":"`+model+`","prompt":["The capital of France is"]`+greedy+`}`, ofFrance)
	}
}

func realBatchStream(b *both) {
	for _, model := range []string{"one", "llama3.1:8b"} {
		b.mustSay(`{"model":"`+model+`",`+fourChoices+`,"stream":true}`, begun[0], begun[0], begun[1], begun[1])
		chunks, prompt, completion := b.usage(b.ask(`{"model":"` + model + `",` + fourChoices + askingUsage + `}`))
		if prompt != 26 || completion != 32 {
			b.t.Errorf("%s: usage of %d and %d tokens", model, prompt, completion)
		}
		if n := len(b.join(chunks)); n != 4 {
			b.t.Errorf("%s: %d choices", model, n)
		}
	}
}

func realStreamUsage(b *both) {
	for _, model := range []string{"one", "llama3.1:8b"} {
		chunks, prompt, completion := b.usage(b.ask(`{"model":"` + model + `",` + france + greedy + askingUsage + `}`))
		if c := b.join(chunks)[0]; prompt != 6 || completion != 8 || c.text != ofFrance || c.reason != "length" {
			b.t.Errorf("%s: %+v of %d and %d tokens", model, c, prompt, completion)
		}
		for _, c := range b.ask(`{"model":"` + model + `",` + france + greedy + `,"stream":true}`) {
			if c.Usage != nil {
				b.t.Errorf("%s: usage %+v, which nobody asked for", model, c.Usage)
			}
		}
	}
}

// mustNotSend sends a request that no backend is to hear of.
func (b *both) mustNotSend(body string, fields ...string) {
	b.t.Helper()
	before := b.attempts()
	got := b.complete(body)
	if got.status != 422 {
		b.t.Errorf("%s: %d %s", body, got.status, got.body)
		return
	}
	var refused []string
	for _, v := range got.violations(b.t) {
		if v.Type != "unsupported_parameter" {
			b.t.Errorf("%s: %+v", body, v)
		}
		refused = append(refused, v.Loc)
	}
	for i, field := range fields {
		fields[i] = `["body","` + field + `"]`
	}
	if diff := cmp.Diff(fields, refused); diff != "" || b.attempts() != before {
		b.t.Errorf("%s: %d calls (-want +got)\n%s", body, b.attempts()-before, diff)
	}
}

func realRefused(b *both) {
	const scoring = france + `,"echo":true,"logprobs":1,"max_tokens":0`
	for _, stream := range []string{"", `,"stream":true`} {
		b.mustNotSend(`{"model":"one",`+scoring+stream+`}`, "echo")
		b.mustNotSend(`{"model":"one",`+france+`,"suffix":"."`+stream+`}`, "suffix")
		b.mustNotSend(`{"model":"llama3.1:8b",`+scoring+stream+`}`, "echo", "logprobs")
		b.mustNotSend(`{"model":"llama3.1:8b","prompt":`+oneTokens+`,"logit_bias":{"1":1}`+stream+`}`, "prompt", "logit_bias")
	}
	b.mustNotSend(`{"model":"one",`+france+`,"best_of":2}`, "best_of")
	b.mustNotSend(`{"model":"llama3.1:8b",`+france+`,"best_of":2}`, "best_of")
	b.mustNotSend(`{"model":"shared",`+scoring+`}`, "echo")
}

// A target that would ignore a parameter is passed over for one that would not.
func realWhoCan(b *both) {
	for _, fields := range []string{france + `,"logprobs":1`, `"prompt":` + oneTokens, france + `,"logit_bias":{"1":1}`} {
		for range 4 {
			if got := b.complete(`{"model":"shared",` + fields + `,"max_tokens":1}`); got.status != 200 || from(got) != "llamacpp" {
				b.t.Errorf("%s: %d from %q: %s", fields, got.status, from(got), got.body)
			}
		}
	}
}

// What a backend itself refuses comes in OpenAI's shape, streamed or not.
func realComplaints(b *both) {
	for _, stream := range []string{"", `,"stream":true`} {
		got := b.complete(`{"model":"llama3.1:8b",` + france + `,"suffix":" It is"` + stream + `}`)
		if e := got.error(b.t); got.status != 400 || from(got) != "ollama" || !strings.Contains(e.Message, "insert") {
			b.t.Errorf("%d from %q: %s", got.status, from(got), got.body)
		}
	}
}

func realLimits(b *both) {
	for _, model := range []string{"one", "llama3.1:8b"} {
		for _, fields := range []string{
			`,"top_p":0,"temperature":1`, `,"top_p":1,"temperature":0`, `,"top_p":0.5,"temperature":2`, `,"presence_penalty":2,"frequency_penalty":-2`,
			`,"presence_penalty":-2,"frequency_penalty":2`, `,"seed":9223372036854775807`, `,"seed":-9223372036854775808`,
			`,"seed":4`, `,"stop":["a","b","c","d"]`, `,"stop":"never"`, `,"stop":""`, `,"user":"u"`, `,"max_tokens":0`, `,"n":1,"best_of":1,"echo":false`,
			`,"suffix":"","logit_bias":{}`,
		} {
			tokens := `,"max_tokens":4`
			if strings.Contains(fields, "max_tokens") {
				tokens = ""
			}
			got := b.complete(`{"model":"` + model + `",` + france + tokens + fields + `}`)
			if got.status != 200 {
				b.t.Errorf("%s%s: %d %s", model, fields, got.status, got.body)
			}
		}
	}
	// Ollama says load, and no token.
	if got := b.complete(`{"model":"llama3.1:8b","prompt":""}`); got.status != 200 || !strings.Contains(got.body, `"finish_reason":"stop"`) {
		b.t.Errorf("%d %s", got.status, got.body)
	}
	// A top_p of 0 leaves the likeliest token alone.
	for _, model := range []string{"one", "llama3.1:8b"} {
		b.mustSay(`{"model":"`+model+`",`+france+`,"max_tokens":8,"temperature":1.5,"top_p":0}`, ofFrance)
	}
}

func realSDK(b *both) {
	client := openai.NewClient(option.WithBaseURL(b.front+"/v1"), option.WithAPIKey(testToken), option.WithHTTPClient(b.client))
	for _, model := range []openai.CompletionNewParamsModel{"one", "llama3.1:8b"} {
		params := openai.CompletionNewParams{
			Model: model, Prompt: openai.CompletionNewParamsPromptUnion{OfArrayOfStrings: []string{"The capital of France is", "One, two, three,"}},
			MaxTokens: openai.Int(8), Temperature: openai.Float(0), N: openai.Int(1),
		}
		whole, err := client.Completions.New(b.t.Context(), params)
		if err != nil {
			b.t.Fatal(err)
		}
		if len(whole.Choices) != 2 || whole.Choices[0].Text != ofFrance || whole.Choices[1].Text != ofNumbers ||
			whole.Model != string(model) || whole.Usage.TotalTokens != 29 {
			b.t.Errorf("%s", whole.RawJSON())
		}
		params.StreamOptions.IncludeUsage = openai.Bool(true)
		stream := client.Completions.NewStreaming(b.t.Context(), params)
		var texts [2]string
		var total int64
		for stream.Next() {
			for _, c := range stream.Current().Choices {
				texts[c.Index] += c.Text
			}
			total = stream.Current().Usage.TotalTokens
		}
		if err := stream.Err(); err != nil || texts != [2]string{ofFrance, ofNumbers} || total != 29 {
			b.t.Errorf("%s: %q, %d tokens, %v", model, texts, total, err)
		}
		_ = stream.Close()
		params.StreamOptions, params.BestOf = openai.ChatCompletionStreamOptionsParam{}, openai.Int(3)
		_, err = client.Completions.New(b.t.Context(), params)
		if e := apiError(b.t, err); e.StatusCode != 422 || e.Code != "unsupported_parameter" || e.Param != "best_of" {
			b.t.Errorf("%s", e.RawJSON())
		}
	}
	page, err := client.Models.List(b.t.Context())
	if err != nil || len(page.Data) != 7 {
		b.t.Errorf("%d models, %v", len(page.Data), err)
	}
}
