//go:build llamacpp || backends

package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/specgate/specgate/internal/config"
)

// llamaPatience is for an answer of a few tokens, on a machine that is busy with other tests too.
const llamaPatience = time.Minute

// Two prompts as text and as the model's tokens, and what it makes of them at temperature 0.
const (
	twoTexts    = `["The capital of France is","One, two, three,"]`
	twoTokens   = `[[2,818,5279,529,7001,563],[2,4906,236764,1156,236764,1806,236764]]`
	oneTokens   = `[2,818,5279,529,7001,563]`
	ofFrance    = " the capital of the country of France."
	ofNumbers   = " four, five, six, seven,"
	greedy      = `,"max_tokens":8,"temperature":0`
	askingUsage = `,"stream":true,"stream_options":{"include_usage":true}`
)

// llama is a gateway in front of a llama.cpp server with a small real model.
type llama struct {
	*running
	url string // of llama.cpp itself, with no path
}

// startLlama serves the model on a free port until the test ends, with a gateway in front of it.
func startLlama(t *testing.T) *llama {
	t.Helper()
	l := &llama{
		url: serveReal(t, "llamacpp", 0).url,
		running: &running{
			t: t, log: newLogbook(), ended: make(chan error, 1),
			client: &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: llamaPatience},
		},
	}
	l.awaitHealth()
	cfg := config.Default()
	cfg.Auth.Tokens = []config.Token{{Name: "test", Token: config.NewSecret(testToken)}}
	cfg.Shutdown.Drain = 5 * time.Second
	backend := config.DefaultBackend()
	backend.BaseURL = l.url + "/v1"
	cfg.Upstreams = map[string]config.Backend{"default": backend}
	l.serve(cfg)
	return l
}

// fetch asks llama.cpp itself, past the gateway.
func (l *llama) fetch(path string) answer {
	l.t.Helper()
	req, err := http.NewRequestWithContext(l.t.Context(), http.MethodGet, l.url+path, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	return l.do(req)
}

func (l *llama) awaitHealth() {
	l.t.Helper()
	for deadline := time.Now().Add(llamaPatience); l.fetch("/health").status != http.StatusOK; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			l.t.Fatal("llama.cpp does not get healthy")
		}
	}
}

// busy tells how many slots of llama.cpp generate.
func (l *llama) busy() int {
	l.t.Helper()
	var slots []struct {
		Busy bool `json:"is_processing"`
	}
	if err := json.Unmarshal([]byte(l.fetch("/slots").body), &slots); err != nil {
		l.t.Fatal(err)
	}
	n := 0
	for _, s := range slots {
		if s.Busy {
			n++
		}
	}
	return n
}

// llamaPiece is what these tests look at in an answer, or in a chunk of a stream.
type llamaPiece struct {
	ID      string
	Choices []struct {
		Text         string
		Index        int
		Logprobs     *llamaLogprobs
		FinishReason *string `json:"finish_reason"`
	}
	Usage *struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
		Total      int `json:"total_tokens"`
	}
}

type llamaLogprobs struct {
	Tokens  []*string
	Each    []*float64           `json:"token_logprobs"`
	Top     []map[string]float64 `json:"top_logprobs"`
	Offsets []int                `json:"text_offset"`
}

// ask returns a completion, or the chunks of a stream that has ended in [DONE]. The harness holds
// every one of them to openapi.yaml.
func (l *llama) ask(body string) []llamaPiece {
	l.t.Helper()
	got := l.complete(body, "OpenAI-Organization: 5eb7cf5a86d9755df3a6c593", "OpenAI-Project: 5eb7cf5a86d9755df3a6c593")
	if got.status != http.StatusOK {
		l.t.Fatalf("got %d: %s", got.status, got.body)
	}
	if got.header.Get("Content-Type") == "application/json" {
		return []llamaPiece{l.read(got.body)}
	}
	events, whole := strings.CutSuffix(got.body, "data: [DONE]\n\n")
	if !whole {
		l.t.Fatalf("the stream does not end in [DONE]: %s", got.body)
	}
	var all []llamaPiece
	for line := range strings.Lines(events) {
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			all = append(all, l.read(data))
		}
	}
	return all
}

func (l *llama) read(document string) llamaPiece {
	l.t.Helper()
	var p llamaPiece
	if err := json.Unmarshal([]byte(document), &p); err != nil {
		l.t.Fatalf("%v: %s", err, document)
	}
	return p
}

// llamaChoice is one choice of an answer, or all the pieces of one of a stream.
type llamaChoice struct {
	text, reason string
	logprobs     *llamaLogprobs
}

// join puts the pieces of each choice together, in the order of their index.
func (l *llama) join(pieces []llamaPiece) []llamaChoice {
	l.t.Helper()
	var out []llamaChoice
	for _, piece := range pieces {
		if piece.ID != pieces[0].ID {
			l.t.Errorf("a chunk is called %s in a stream that is called %s", piece.ID, pieces[0].ID)
		}
		for _, p := range piece.Choices {
			for p.Index >= len(out) {
				out = append(out, llamaChoice{})
			}
			c := &out[p.Index]
			if c.reason != "" {
				l.t.Errorf("choice %d goes on after its finish_reason", p.Index)
			}
			c.text += p.Text
			c.logprobs = c.logprobs.and(p.Logprobs)
			if p.FinishReason != nil {
				c.reason = *p.FinishReason
			}
		}
	}
	return out
}

func (lp *llamaLogprobs) and(more *llamaLogprobs) *llamaLogprobs {
	switch {
	case lp == nil:
		return more
	case more == nil:
		return lp
	}
	return &llamaLogprobs{
		append(lp.Tokens, more.Tokens...), append(lp.Each, more.Each...),
		append(lp.Top, more.Top...), append(lp.Offsets, more.Offsets...),
	}
}

// one asks for a completion of one choice, whole or streamed.
func (l *llama) one(body string) llamaChoice {
	l.t.Helper()
	choices := l.join(l.ask(body))
	if len(choices) != 1 {
		l.t.Fatalf("got %d choices, want 1", len(choices))
	}
	return choices[0]
}

// mustSay compares how the texts of the choices begin that a request gets.
func (l *llama) mustSay(body string, want ...string) {
	l.t.Helper()
	choices := l.join(l.ask(body))
	if len(choices) != len(want) {
		l.t.Errorf("%s: got %d choices, want %d", body, len(choices), len(want))
	}
	for i, c := range choices[:min(len(choices), len(want))] {
		if !strings.HasPrefix(c.text, want[i]) || c.reason != "length" {
			l.t.Errorf("%s: choice %d is %q, which ends by %q; want %q", body, i, c.text, c.reason, want[i])
		}
	}
}

// usage takes the one chunk with the usage off the end.
func (l *llama) usage(chunks []llamaPiece) (rest []llamaPiece, prompt, completion int) {
	l.t.Helper()
	last := chunks[len(chunks)-1]
	if last.Usage == nil || len(last.Choices) != 0 {
		l.t.Fatalf("the last chunk is %+v", last)
	}
	rest = chunks[:len(chunks)-1]
	for _, c := range rest {
		if c.Usage != nil || len(c.Choices) == 0 {
			l.t.Errorf("a chunk before the last has usage, or no choice: %+v", c)
		}
	}
	if u := last.Usage; u.Total != u.Prompt+u.Completion {
		l.t.Errorf("usage %+v", u)
	}
	return rest, last.Usage.Prompt, last.Usage.Completion
}
