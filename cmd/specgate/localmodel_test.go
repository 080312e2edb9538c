package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/specgate/specgate/internal/config"
)

// startEmbedded runs a gateway for which nothing is set but a token.
func startEmbedded(t *testing.T) *running {
	t.Helper()
	cfg, err := config.Load("", nil, func(name string) string { return map[string]string{"SPECGATE_API_KEY": testToken}[name] })
	if err != nil {
		t.Fatal(err)
	}
	g := &running{t: t, log: newLogbook(), ended: make(chan error, 1)}
	g.client = &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: bounded}
	g.serve(cfg)
	return g
}

// written is a completion as a client reads it.
type written struct {
	ID          string `json:"id"`
	Model       string `json:"model"`
	Fingerprint string `json:"system_fingerprint"`
	Choices     []struct {
		Index    int    `json:"index"`
		Text     string `json:"text"`
		Finish   string `json:"finish_reason"`
		Logprobs *struct {
			Tokens  []string             `json:"tokens"`
			Logprob []*float64           `json:"token_logprobs"`
			Top     []map[string]float64 `json:"top_logprobs"`
			Offset  []int                `json:"text_offset"`
		} `json:"logprobs"`
	} `json:"choices"`
	Usage map[string]int `json:"usage"`
}

func (w written) texts() []string {
	var all []string
	for _, c := range w.Choices {
		all = append(all, c.Text)
	}
	return all
}

// write asks the embedded model, with some fields beside its id.
func (g *running) write(fields string) written {
	g.t.Helper()
	got := g.complete(`{"model":"specgate-1",` + fields + `}`)
	if got.status != 200 {
		g.t.Fatalf("%s: got %d %s", abridged(fields), got.status, abridged(got.body))
	}
	var w written
	if err := json.Unmarshal([]byte(got.body), &w); err != nil {
		g.t.Fatal(err)
	}
	return w
}

// Each parameter does what its definition says, seen from outside.
func TestEmbeddedModelObeysEachParameter(t *testing.T) {
	t.Parallel()
	g := startEmbedded(t)
	const ask = `"prompt":"The capital of France is"`
	greedy := g.write(ask + `,"temperature":0`).Choices[0].Text
	if !strings.HasPrefix(greedy, " Paris") {
		t.Fatalf("greedy goes on with %q", greedy)
	}
	first := func(fields string) string { return g.in(t).write(ask + `,"temperature":0,` + fields).Choices[0].Text }
	for fields, want := range map[string]string{
		`"max_tokens":1`:                                 " Paris",
		`"max_tokens":0`:                                 "",
		`"max_tokens":0,"echo":true`:                     "The capital of France is",
		`"max_tokens":1,"echo":true`:                     "The capital of France is Paris",
		`"stop":"ris"`:                                   " Pa",
		`"stop":["x","aris",". "]`:                       " P",
		`"logit_bias":{"9581":100},"max_tokens":3`:       " sea sea sea",
		`"logit_bias":{"100257":100}`:                    "",
		`"seed":5,"user":"u","max_tokens":1,"best_of":3`: " Paris",
		`"n":null,"suffix":null,"top_p":null`:            greedy,
	} {
		if got := first(fields); got != want {
			t.Errorf("%s gives %q, want %q", fields, got, want)
		}
	}
	if got := g.write(ask + `,"top_p":0,"temperature":2,"max_tokens":1`).texts(); got[0] != " Paris" {
		t.Errorf("the smallest nucleus gives %q", got)
	}
	if got := first(`"logit_bias":{"12366":-100},"max_tokens":1`); got == " Paris" || got == "" {
		t.Errorf("where it is banned, the likeliest gives %q", got)
	}
	if got := first(`"logit_bias":{"9581":3},"presence_penalty":2,"frequency_penalty":2,"max_tokens":40`); strings.Count(got, " the") > 2 {
		t.Errorf("with penalties it repeats itself: %q", got)
	}
	if got := g.write(ask + `,"n":4,"seed":1,"temperature":2`).texts(); len(slices.Compact(slices.Sorted(slices.Values(got)))) < 2 {
		t.Errorf("choices are alike: %q", got)
	}
}

func TestEmbeddedModelRepeatsASeed(t *testing.T) {
	t.Parallel()
	g := startEmbedded(t)
	const fields = `"prompt":["Hello World","In the"],"n":2,"max_tokens":30,"temperature":1.3,"logprobs":3,"seed":-9223372036854775808`
	one, two := g.write(fields), g.write(fields)
	if diff := cmp.Diff(one.Choices, two.Choices); diff != "" || one.Fingerprint != two.Fingerprint || one.ID == two.ID {
		t.Errorf("%s, %s; %s, %s\n%s", one.ID, two.ID, one.Fingerprint, two.Fingerprint, diff)
	}
	want := map[string]int{"prompt_tokens": 4}
	for _, key := range []string{"completion_tokens", "total_tokens"} {
		want[key] = one.Usage[key]
	}
	if !maps.Equal(one.Usage, want) || want["total_tokens"] != 4+want["completion_tokens"] || want["completion_tokens"] > 120 {
		t.Errorf("usage %v", one.Usage)
	}
}

func TestEmbeddedModelScores(t *testing.T) {
	t.Parallel()
	g := startEmbedded(t)
	generated := g.write(`"prompt":"Once upon a time","temperature":0,"logprobs":2,"echo":true,"max_tokens":5,"logit_bias":{"100257":-100}`).Choices[0]
	scored := g.write(fmt.Sprintf(`"prompt":%q,"logprobs":2,"echo":true,"max_tokens":0`, generated.Text)).Choices[0]
	if diff := cmp.Diff(generated.Logprobs, scored.Logprobs); diff != "" {
		t.Errorf("(-generated +scored):\n%s", diff)
	}
	l := scored.Logprobs
	if l.Logprob[0] != nil || l.Top[0] != nil || len(l.Top[1]) < 2 || l.Offset[1] != 4 || strings.Join(l.Tokens, "") != generated.Text {
		t.Errorf("logprobs %+v", l)
	}
}

// The stream has the bytes of the answer, and ends as the contract says.
func TestEmbeddedModelStreams(t *testing.T) {
	t.Parallel()
	g := startEmbedded(t)
	const fields = `"prompt":"Once upon a time","seed":4,"n":2,"max_tokens":25,"stop":["harbour"]`
	want := g.write(fields)
	got := g.complete(`{"model":"specgate-1",` + fields + `,"stream":true,"stream_options":{"include_usage":true}}`)
	texts := make([]string, 2)
	var usage map[string]int
	for event := range strings.SplitSeq(strings.TrimSuffix(got.body, "data: [DONE]\n\n"), "\n\n") {
		data, ok := strings.CutPrefix(event, "data: ")
		if !ok {
			continue
		}
		var chunk written
		if err := json.Unmarshal([]byte(data), &chunk); err != nil {
			t.Fatal(err)
		}
		for _, c := range chunk.Choices {
			texts[c.Index] += c.Text
		}
		usage = chunk.Usage
	}
	if diff := cmp.Diff(want.texts(), texts); diff != "" || !maps.Equal(usage, want.Usage) {
		t.Errorf("usage %v, want %v; text (-whole +streamed):\n%s", usage, want.Usage, diff)
	}
	g.log.await(t, `"upstream":"embedded"`, `"model":"specgate-1"`, `"status":200`)
}

func TestEmbeddedModelRefuses(t *testing.T) {
	t.Parallel()
	g := startEmbedded(t)
	for body, want := range map[string]string{
		`{"model":"gpt-4","prompt":"x"}`:                                                                   "404 model_not_found",
		`{"model":"specgate-1","prompt":[100256]}`:                                                         "400 invalid_token_id",
		`{"model":"specgate-1","prompt":"x","logit_bias":{"200000":1}}`:                                    "400 invalid_token_id",
		`{"model":"specgate-1","prompt":"x","max_tokens":8192}`:                                            "400 context_length_exceeded",
		`{"model":"specgate-1","prompt":"x","max_tokens":8192,"stream":true}`:                              "400 context_length_exceeded",
		`{"model":"specgate-1","prompt":"x","n":128,"max_tokens":4000}`:                                    "400 work_limit_exceeded",
		`{"model":"specgate-1","prompt":"x","temperature":3}`:                                              "422 less_than_equal",
		`{"model":"specgate-1","prompt":"` + strings.Repeat("x", 1<<21) + `"}`:                             "400 context_length_exceeded",
		`{"model":"specgate-1","prompt":` + texts(2048) + `,"max_tokens":129}`:                             "400 work_limit_exceeded",
		`{"model":"specgate-1","prompt":"x","n":2.0,"max_tokens":1e1,"seed":9.223372036854775807e18}`:      "200 ",
		`{"model":"specgate-1","prompt":[],"stream":true}`:                                                 "200 ",
		`{"model":"specgate-1","prompt":null,"top_k":3,"logprobs":null,"stop":"","logit_bias":{"007":-1}}`: "200 ",
	} {
		got := g.complete(body)
		if now := fmt.Sprintf("%d %s", got.status, got.code(t)); now != want {
			t.Errorf("%s: %s, want %s", abridged(body), now, want)
		}
	}
}

func TestEmbeddedModelIsListed(t *testing.T) {
	t.Parallel()
	g := startEmbedded(t)
	const one = `{"created":1767225600,"id":"specgate-1","object":"model","owned_by":"specgate"}`
	if got := g.send("GET", "/v1/models", ""); strings.TrimSpace(got.body) != `{"data":[`+one+`],"object":"list"}` {
		t.Errorf("the models are %s", got.body)
	}
	if got := g.send("GET", "/v1/models/specgate-1", ""); strings.TrimSpace(got.body) != one {
		t.Errorf("the model is %s", got.body)
	}
	if got := g.send("GET", "/v1/models/gpt-4", ""); got.status != 404 {
		t.Errorf("another is %d %s", got.status, got.body)
	}
}

// A caller who leaves is noticed between two tokens.
func TestEmbeddedModelStopsForNobody(t *testing.T) {
	t.Parallel()
	g := startEmbedded(t)
	ctx, cancel := context.WithCancel(t.Context())
	body := `{"model":"specgate-1","prompt":"x","max_tokens":2000,"n":128,"temperature":1.9,"frequency_penalty":2,"logit_bias":{"100257":-100}}`
	time.AfterFunc(200*time.Millisecond, cancel)
	if resp, err := g.client.Do(g.request(ctx, "POST", completions, strings.NewReader(body))); err == nil {
		_ = resp.Body.Close()
		t.Fatalf("it came to an end: %d", resp.StatusCode)
	}
	g.log.await(t, `"status":499`)
}

// OpenAI's own client reads what the model writes.
func TestSDKReadsTheEmbeddedModel(t *testing.T) {
	t.Parallel()
	g := startEmbedded(t)
	client := openai.NewClient(option.WithBaseURL(g.front+"/v1"), option.WithAPIKey(testToken),
		option.WithOrganization("5eb7cf5a86d9755df3a6c593"), option.WithProject("5eb7cf5a86d9755df3a6c593"), option.WithHTTPClient(g.client))
	ask := openai.CompletionNewParams{
		Model:    "specgate-1",
		Prompt:   openai.CompletionNewParamsPromptUnion{OfString: openai.String("Hello World")},
		Seed:     openai.Int(7),
		Logprobs: openai.Int(2),
	}
	want, err := client.Completions.New(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	stream := client.Completions.NewStreaming(t.Context(), ask)
	text := ""
	for stream.Next() {
		for _, c := range stream.Current().Choices {
			text += c.Text
		}
	}
	if err := stream.Err(); err != nil || text != want.Choices[0].Text || len(want.Choices[0].Logprobs.Tokens) == 0 {
		t.Errorf("streamed %q, %v; whole %s", text, err, want.RawJSON())
	}
}
