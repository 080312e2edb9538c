//go:build backends

package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// TestBackendsVLLM holds one gateway against a llama.cpp server and a vLLM, whose model has random
// weights and a token for each byte. They are installed by .ci/llamacpp setup and .ci/vllm setup.
func TestBackendsVLLM(t *testing.T) {
	llamacpp, vllm := serveReal(t, "llamacpp", 0), serveReal(t, "vllm", 0)
	awaitVLLM(t, vllm)
	b := startBoth(t, llamacpp, vllm, "tiny")
	for _, test := range []struct {
		name string
		run  func(*both)
	}{
		{"routes", vllmRoutes},
		{"nulls", vllmNulls},
		{"max_tokens", vllmMaxTokens},
		{"prompts and choices", vllmChoices},
		{"scoring", vllmScoring},
		{"stream with usage", vllmUsage},
		{"refused", vllmRefused},
		{"refused late", vllmRefusedLate},
		{"limits of fields", vllmLimits},
		{"openai-go", vllmSDK},
		{"killed", func(b *both) { b.killVLLM(vllm) }},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(b.in(t)) })
	}
}

// awaitVLLM waits for what takes half a minute on an idle machine.
func awaitVLLM(t *testing.T, s *realServer) {
	t.Helper()
	for end := time.Now().Add(10 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/health", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(end) {
			t.Fatal("vLLM does not get healthy")
		}
	}
}

const toVLLM = `{"model":"llama3.1:8b",`

func vllmRoutes(b *both) {
	for model, upstream := range map[string]string{"one": "llamacpp", "llama3.1:8b": "vllm", "tiny": "vllm"} {
		for _, stream := range []string{"", askingUsage} {
			got := b.complete(`{"model":"` + model + `",` + france + greedy + stream + `}`)
			events := max(1, strings.Count(got.body, "data: {"))
			if got.status != 200 || from(got) != upstream || strings.Count(got.body, `"model":"`+model+`"`) != events {
				b.t.Errorf("%s%s: %d from %q: %s", model, stream, got.status, from(got), got.body)
			}
		}
	}
	if got := b.complete(of("tiny-none")); got.status != 404 || from(got) != "vllm" || got.error(b.t).Type != "NotFoundError" {
		b.t.Errorf("%d from %q: %s", got.status, from(got), got.body)
	}
	served := map[string]int{}
	for range 8 {
		served[from(b.complete(`{"model":"shared","prompt":"Hi","max_tokens":1}`))]++
	}
	if diff := cmp.Diff(map[string]int{"llamacpp": 6, "vllm": 2}, served); diff != "" {
		b.t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"half", "llama3.1:8b", "one", "shared", "tiny", "to-llamacpp", "to-vllm"}, b.realIDs()); diff != "" {
		b.t.Errorf("(-want +got)\n%s", diff)
	}
	if got := b.send(http.MethodGet, "/v1/models/tiny", ""); got.status != 200 || !strings.Contains(got.body, `"max_model_len":256`) {
		b.t.Errorf("%d %s", got.status, got.body)
	}
}

func vllmNulls(b *both) {
	got := b.ask(toVLLM + `"prompt":"Hi",` + nulls + `,"temperature":null}`)
	if u := got[0].Usage; u.Prompt != 2 || u.Completion > 16 {
		b.t.Errorf("%+v", got)
	}
}

func vllmMaxTokens(b *both) {
	for fields, want := range map[string]int{"": 16, `,"max_tokens":null`: 16, `,"max_tokens":0`: 1, `,"max_tokens":3`: 3} {
		if got := b.ask(toVLLM + `"prompt":"Hi","temperature":0,"ignore_eos":true` + fields + `}`); got[0].Usage.Completion != want {
			b.t.Errorf("%s: %+v", fields, got[0].Usage)
		}
	}
}

// vLLM takes prompts and choices together, but no second choice at temperature 0.
func vllmChoices(b *both) {
	const four = `"prompt":["Hi",[72,105]],"n":2`
	if got := b.complete(toVLLM + four + `}`); got.status != 422 {
		b.t.Errorf("%d %s", got.status, got.body)
	}
	for _, stream := range []string{"", `,"stream":true`} {
		for _, temperature := range []string{"0", "1"} {
			for _, prompt := range []string{`["Hi","One"]`, `[[39,72],[46,77,68]]`} {
				before := b.attempts()
				got := b.ask(toVLLM + `"prompt":` + prompt + `,"n":2,"max_tokens":3,"ignore_eos":true,"temperature":` + temperature + stream + `}`)
				choices := b.join(got)
				if len(choices) != 4 {
					b.t.Fatalf("%s at %s: %+v", prompt, temperature, got)
				}
				if temperature == "0" && (choices[0].text != choices[1].text || choices[2].text != choices[3].text) {
					b.t.Errorf("%s: %+v", prompt, choices)
				}
				if stream == "" {
					// A prompt that vLLM is given once counts once, whatever n is.
					want := map[string][3]int{"0": {10, 12, 4}, "1": {5, 12, 1}}[temperature]
					if seen := [3]int{got[0].Usage.Prompt, got[0].Usage.Completion, b.attempts() - before}; seen != want {
						b.t.Errorf("%s at %s: prompt, completion, calls %v, want %v", prompt, temperature, seen, want)
					}
				}
			}
		}
	}
}

// Evaluations score a prompt with echo, logprobs and max_tokens 0.
func vllmScoring(b *both) {
	const scored = `"prompt":"One, two","echo":true,"logprobs":2,"max_tokens":0,"temperature":0`
	for _, stream := range []string{"", `,"stream":true`} {
		for _, model := range []string{"llama3.1:8b", "shared", "shared"} { // where both are, vLLM alone can
			got := b.complete(`{"model":"` + model + `",` + scored + stream + `}`)
			if got.status != 200 || from(got) != "vllm" {
				b.t.Fatalf("%s: %d from %q: %s", model, got.status, from(got), got.body)
			}
		}
		c := b.one(toVLLM + scored + stream + `}`)
		lp := c.logprobs
		if c.text != "One, two" || c.reason != "length" || lp == nil || len(lp.Tokens) != 8 || len(lp.Each) != 8 || len(lp.Top) != 8 {
			b.t.Fatalf("%+v %+v", c, lp)
		}
		for i := range lp.Tokens {
			if *lp.Tokens[i] != "One, two"[i:i+1] || lp.Offsets[i] != i || (lp.Each[i] == nil) != (i == 0) || (lp.Top[i] == nil) != (i == 0) {
				b.t.Errorf("token %d: %q at %d, %v, %v", i, *lp.Tokens[i], lp.Offsets[i], lp.Each[i], lp.Top[i])
			}
		}
	}
	both := b.join(b.ask(toVLLM + `"prompt":["One","two!"],"echo":true,"logprobs":0,"max_tokens":0}`))
	if len(both) != 2 || both[0].text != "One" || both[1].text != "two!" || len(both[1].logprobs.Tokens) != 4 {
		b.t.Errorf("%+v", both)
	}
}

func vllmUsage(b *both) {
	chunks, prompt, completion := b.usage(b.ask(toVLLM + `"prompt":["Hi","One"],"max_tokens":4,"ignore_eos":true` + askingUsage + `}`))
	if prompt != 5 || completion != 8 || len(b.join(chunks)) != 2 {
		b.t.Errorf("%d and %d tokens of %+v", prompt, completion, chunks)
	}
	for _, c := range b.ask(toVLLM + `"prompt":"Hi","max_tokens":4,"stream":true}`) {
		if c.Usage != nil {
			b.t.Errorf("usage %+v, which nobody asked for", c.Usage)
		}
	}
}

func vllmRefused(b *both) {
	b.mustNotSend(toVLLM+`"prompt":"Hi","best_of":2}`, "best_of")
	long := strings.Repeat("a", 300)
	for fields, words := range map[string]string{
		`"prompt":"Hi","suffix":"."`:        "FIM",
		`"prompt":"` + long + `"`:           "context length",
		`"prompt":null`:                     "prompt",
		`"prompt":""`:                       "non-empty",
		`"prompt":"Hi","stop":""`:           "empty string",
		`"prompt":"Hi","max_tokens":100000`: "max_model_len",
		`"prompt":"Hi","min_p":"x"`:         "",
	} {
		for _, stream := range []string{"", `,"stream":true`} {
			got := b.complete(toVLLM + fields + stream + `}`)
			if got.status != 400 || from(got) != "vllm" || got.code(b.t) != "400" || !strings.Contains(got.error(b.t).Message, words) {
				b.t.Errorf("%s%s: %d %s", abridged(fields), stream, got.status, got.body)
			}
		}
	}
}

// What vLLM finds out when it has accepted a stream is the stream's first event.
func vllmRefusedLate(b *both) {
	for fields, words := range map[string]string{
		`"prompt":[99999999]`:                    "out of vocabulary",
		`"prompt":"Hi","logit_bias":{"99999":1}`: "out-of-vocab",
	} {
		if got := b.complete(toVLLM + fields + `}`); got.status != 400 || !strings.Contains(got.error(b.t).Message, words) {
			b.t.Errorf("%s: %d %s", fields, got.status, got.body)
		}
		got := b.complete(toVLLM + fields + `,"stream":true}`)
		if got.status != 200 || strings.Count(got.body, "data: ") != 1 || !strings.Contains(got.body, `"code":"400"`) || !strings.Contains(got.body, words) {
			b.t.Errorf("%s as a stream: %d %s", fields, got.status, got.body)
		}
	}
}

func vllmLimits(b *both) {
	for _, fields := range []string{
		`"top_p":0`, `"top_p":1`, `"temperature":2`, `"temperature":0`, `"presence_penalty":2,"frequency_penalty":-2`, `"presence_penalty":-2,"frequency_penalty":2`,
		`"seed":9223372036854775807`, `"seed":-9223372036854775808`, `"seed":-1`, `"stop":["a","b","c","d"]`, `"stop":"never"`, `"user":"u"`,
		`"n":1,"best_of":1,"echo":false`, `"suffix":"","logit_bias":{}`, `"n":128`, `"logprobs":0`, `"logprobs":5`, `"logit_bias":{"5":100,"6":-100}`,
		`"stream_options":null`, `"top_k":5`, `"n":2.0`,
	} {
		if got := b.complete(toVLLM + `"prompt":"Hi","max_tokens":2,` + fields + `}`); got.status != 200 {
			b.t.Errorf("%s: %d %s", fields, got.status, got.body)
		}
	}
	// A top_p of 0 leaves the likeliest token alone, and so does a temperature of 0.
	const few = toVLLM + `"prompt":"One, two","max_tokens":8,"ignore_eos":true`
	if top, cold := b.one(few+`,"temperature":2,"top_p":0}`), b.one(few+`,"temperature":0}`); top.text != cold.text {
		b.t.Errorf("%q and %q", top.text, cold.text)
	}
}

func vllmSDK(b *both) {
	client := openai.NewClient(option.WithBaseURL(b.front+"/v1"), option.WithAPIKey(testToken), option.WithHTTPClient(b.client))
	params := openai.CompletionNewParams{
		Model: "llama3.1:8b", Prompt: openai.CompletionNewParamsPromptUnion{OfArrayOfStrings: []string{"Hi", "One"}},
		MaxTokens: openai.Int(0), Echo: openai.Bool(true), Logprobs: openai.Int(1),
	}
	whole, err := client.Completions.New(b.t.Context(), params)
	if err != nil {
		b.t.Fatal(err)
	}
	if len(whole.Choices) != 2 || whole.Choices[1].Text != "One" || len(whole.Choices[1].Logprobs.Tokens) != 3 || whole.Model != "llama3.1:8b" {
		b.t.Errorf("%s", whole.RawJSON())
	}
	params.Echo, params.Logprobs, params.MaxTokens = openai.Bool(false), openai.Int(2), openai.Int(4)
	params.StreamOptions.IncludeUsage = openai.Bool(true)
	stream := client.Completions.NewStreaming(b.t.Context(), params)
	defer func() { _ = stream.Close() }()
	var chunks, total int64
	for stream.Next() {
		chunks++
		total = stream.Current().Usage.TotalTokens
	}
	if err := stream.Err(); err != nil || chunks < 3 || total < 6 {
		b.t.Errorf("%d chunks, %d tokens, %v", chunks, total, err)
	}
	page, err := client.Models.List(b.t.Context())
	if err != nil || len(page.Data) != 7 {
		b.t.Errorf("%d models, %v", len(page.Data), err)
	}
}

// killVLLM does not wait for it to start again, which takes long.
func (b *both) killVLLM(vllm *realServer) {
	all := b.realIDs()
	b.killAmidTraffic(vllm, &realServer{name: "llamacpp"})
	for range 4 {
		for _, model := range []string{"to-vllm", "half"} {
			if got := b.complete(`{"model":"` + model + `",` + france + greedy + `}`); got.status != 200 || from(got) != "llamacpp" {
				b.t.Errorf("%s: %d from %q: %s", model, got.status, from(got), got.body)
			}
		}
	}
	b.eventually(`specgate_upstream_healthy{upstream="vllm"}`, "0")
	if got := b.complete(toVLLM + `"prompt":"Hi"}`); got.status != 502 && got.status != 503 {
		b.t.Errorf("with nobody else: %d %s", got.status, got.body)
	}
	// What it listed last stands in for it.
	if diff := cmp.Diff(all, b.realIDs()); diff != "" || len(all) != 7 {
		b.t.Errorf("models without vLLM (-want +got)\n%s%v", diff, all)
	}
}
