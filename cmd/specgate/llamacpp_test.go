//go:build llamacpp

package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/sse"
)

// TestLlamaCpp holds the gateway against a real llama.cpp server with a small real model. Both are
// installed by .ci/llamacpp setup.
func TestLlamaCpp(t *testing.T) {
	l := startLlama(t)
	for _, test := range []struct {
		name string
		run  func(*llama)
	}{
		{"models", llamaModels},
		{"as the documentation shows it", llamaSeed},
		{"batch", llamaBatch},
		{"token ids", llamaTokens},
		{"nulls", llamaNulls},
		{"refused", llamaRefused},
		{"stream", llamaStream},
		{"stream with usage", llamaStreamUsage},
		{"one stream after another", llamaStreamsInARow},
		{"batch as a stream", llamaBatchStream},
		{"logprobs", llamaLogprobsOfOne},
		{"logprobs of a batch as a stream", llamaLogprobsOfBatch},
		{"logprobs of characters in pieces", llamaLogprobsOfPieces},
		{"leave a stream", llamaLeaveStream},
		{"leave", llamaLeave},
		{"repairs", llamaRepairs},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := *l.running
			r.t = t
			test.run(&llama{&r, l.url})
		})
	}
}

const (
	longTokens = 480 // within a slot's 512; at 15 a second they take half a minute
	longBody   = `{"model":"m","prompt":"Once upon a time","max_tokens":480,"ignore_eos":true`
)

func llamaModels(l *llama) {
	list := l.send(http.MethodGet, "/v1/models", "")
	if list.status != 200 || strings.Count(list.body, `"owned_by"`) != 1 || !strings.Contains(list.body, `"id":"gemma3-270m"`) {
		l.t.Errorf("got %d %s", list.status, list.body)
	}
	// llama.cpp itself has no such path.
	one := l.send(http.MethodGet, "/v1/models/gemma3-270m", "")
	if one.status != 200 || !strings.Contains(one.body, `"id":"gemma3-270m"`) {
		l.t.Errorf("got %d %s", one.status, one.body)
	}
	if none := l.send(http.MethodGet, "/v1/models/none", ""); none.status != 404 || none.code(l.t) != "model_not_found" {
		l.t.Errorf("got %d %s", none.status, none.body)
	}
}

// Without max_tokens llama.cpp generates until the model ends the text or the slot is full.
func llamaSeed(l *llama) {
	const body = `{
"model": "llama3.1:8b",
"prompt": "Hello World",
"stream": false
}`
	l.client = &http.Client{Transport: l.client.Transport, Timeout: 5 * time.Minute}
	begun := time.Now()
	got := l.ask(body)
	choices, usage := l.join(got), got[0].Usage
	l.t.Logf("%d tokens in %v", usage.Completion, time.Since(begun).Round(time.Millisecond))
	if len(choices) != 1 || choices[0].text == "" || choices[0].logprobs != nil ||
		choices[0].reason != "stop" && choices[0].reason != "length" {
		l.t.Errorf("got %+v", choices)
	}
	if usage.Prompt != 3 || usage.Completion < 1 || usage.Total != usage.Prompt+usage.Completion {
		l.t.Errorf("usage %+v", usage)
	}
}

func llamaBatch(l *llama) {
	l.mustSay(`{"model":"m","prompt":`+twoTexts+greedy+`}`, ofFrance, ofNumbers)
	l.mustSay(`{"model":"m","prompt":`+twoTexts+`,"n":2,"best_of":3`+greedy+`}`, ofFrance, ofFrance, ofNumbers, ofNumbers)
}

func llamaTokens(l *llama) {
	l.mustSay(`{"model":"m","prompt":`+oneTokens+greedy+`}`, ofFrance)
	l.mustSay(`{"model":"m","prompt":`+twoTokens+greedy+`}`, ofFrance, ofNumbers)
}

func llamaNulls(l *llama) {
	const nulls = `"best_of":null,"echo":null,"frequency_penalty":null,"logit_bias":null,"logprobs":null,"n":null,` +
		`"presence_penalty":null,"seed":null,"stream":null,"stream_options":null,"suffix":null,"top_p":null,"user":null`
	got := l.one(`{"model":"m","prompt":"One, two, three,",` + nulls + `,"max_tokens":4,"stop":null,"temperature":null}`)
	if got.text == "" || got.reason != "length" || got.logprobs != nil {
		l.t.Errorf("got %+v", got)
	}
	// Nothing but the stop sequence ends this one.
	got = l.one(`{"model":"m","prompt":"One, two, three,",` + nulls + `,"max_tokens":null,"stop":" six","temperature":0}`)
	if got.text != " four, five," || got.reason != "stop" {
		l.t.Errorf("got %+v", got)
	}
}

// What llama.cpp refuses has its status and its words, in OpenAI's shape, streamed or not.
func llamaRefused(l *llama) {
	tests := []struct{ body, typ, words string }{
		{`"prompt":[1,99999999],"max_tokens":4`, "invalid_request_error", "invalid tokens"},
		{`"prompt":"Hi","max_tokens":2,"n":5`, "invalid_request_error", "between 1 <= value <= 4"},
		{`"prompt":"` + strings.Repeat("word ", 600) + `","max_tokens":4`, "exceed_context_size_error", "context size"},
		{`"prompt":null,"max_tokens":4`, "invalid_request_error", ""},
	}
	for _, test := range tests {
		for _, stream := range []string{"", `,"stream":true`} {
			got := l.complete(`{"model":"m",` + test.body + stream + `}`)
			e := got.error(l.t)
			if got.status != 400 || e.Type != test.typ || !strings.Contains(e.Message, test.words) || orNull(e.Code) != "400" || e.Param != nil {
				l.t.Errorf("%s%s: got %d %s", abridged(test.body), stream, got.status, got.body)
			}
		}
	}
}

func llamaStream(l *llama) {
	for _, options := range []string{`,"stream":true`, `,"stream":true,"stream_options":{"include_usage":false}`} {
		chunks := l.ask(`{"model":"m","prompt":"One, two, three,"` + greedy + options + `}`)
		for _, c := range chunks {
			if c.Usage != nil || len(c.Choices) != 1 {
				l.t.Errorf("a chunk has usage, or no choice: %+v", c)
			}
		}
		if c := l.join(chunks)[0]; c.text != ofNumbers || c.reason != "length" {
			l.t.Errorf("got %+v", c)
		}
		if len(chunks) < 8 {
			l.t.Errorf("8 tokens came in %d chunks", len(chunks))
		}
	}
	l.mustSay(`{"model":"m","prompt":"One, two, three,","n":2,"stream":true`+greedy+`}`, ofNumbers, ofNumbers)
}

// llama.cpp closes the connection at the end of every stream, though its headers promise to keep it:
// whatever comes next must not be sent on it.
func llamaStreamsInARow(l *llama) {
	for i := range 20 {
		for _, stream := range []string{`,"stream":true`, ""} {
			if got := l.complete(`{"model":"m","prompt":"Hi","max_tokens":1` + stream + `}`); got.status != 200 {
				l.t.Errorf("round %d: got %d %s", i, got.status, got.body)
			}
		}
	}
}

func llamaStreamUsage(l *llama) {
	chunks, prompt, completion := l.usage(l.ask(`{"model":"m","prompt":"The capital of France is"` + greedy + askingUsage + `}`))
	if prompt != 6 || completion != 8 {
		l.t.Errorf("usage of %d and %d tokens", prompt, completion)
	}
	if c := l.join(chunks)[0]; c.text != ofFrance || c.reason != "length" {
		l.t.Errorf("got %+v", c)
	}
}

// llama.cpp's first event of such a stream is null.
func llamaBatchStream(l *llama) {
	l.mustSay(`{"model":"m","prompt":`+twoTexts+greedy+`,"stream":true}`, ofFrance, ofNumbers)
	l.mustSay(`{"model":"m","prompt":`+twoTokens+greedy+`,"stream":true}`, ofFrance, ofNumbers)
	_, prompt, completion := l.usage(l.ask(`{"model":"m","prompt":` + twoTexts + greedy + askingUsage + `}`))
	l.t.Logf("usage of two prompts, 6 and 7 tokens, and 8 tokens for each: %d and %d", prompt, completion)
	if prompt < 6 || completion < 8 {
		l.t.Errorf("usage of %d and %d tokens", prompt, completion)
	}
}

// mustBeLegacy holds logprobs to the shape that clients know, and to the text that they are of.
func (l *llama) mustBeLegacy(c llamaChoice) {
	l.t.Helper()
	lp := c.logprobs
	if lp == nil {
		l.t.Fatal("there are no logprobs")
	}
	n := len(lp.Tokens)
	if n == 0 || len(lp.Each) != n || len(lp.Top) != n || len(lp.Offsets) != n {
		l.t.Fatalf("%d tokens, %d logprobs, %d tops, %d offsets", n, len(lp.Each), len(lp.Top), len(lp.Offsets))
	}
	var text strings.Builder
	for i, token := range lp.Tokens {
		if token == nil || lp.Each[i] == nil || *lp.Each[i] > 0 || len(lp.Top[i]) == 0 {
			l.t.Fatalf("token %d is %v, %v, %v", i, token, lp.Each[i], lp.Top[i])
		}
		if at := utf8.RuneCountInString(text.String()); lp.Offsets[i] != at {
			l.t.Errorf("token %d, %q, is said to be at %d and is at %d", i, *token, lp.Offsets[i], at)
		}
		text.WriteString(*token)
	}
	if text.String() != c.text {
		l.t.Errorf("the tokens make %q of %q", text.String(), c.text)
	}
}

func llamaLogprobsOfOne(l *llama) {
	const body = `{"model":"m","prompt":"The capital of France is","logprobs":2` + greedy
	plain, streamed := l.one(body+`}`), l.one(body+`,"stream":true}`)
	l.mustBeLegacy(plain)
	l.mustBeLegacy(streamed)
	if diff := cmp.Diff(plain.logprobs.Tokens, streamed.logprobs.Tokens); diff != "" {
		l.t.Errorf("tokens (-plain +streamed):\n%s", diff)
	}
	for i, top := range plain.logprobs.Top {
		if len(top) != 2 {
			l.t.Errorf("token %d has the tops %v", i, top)
		}
	}
}

func llamaLogprobsOfBatch(l *llama) {
	for _, c := range l.join(l.ask(`{"model":"m","prompt":` + twoTokens + `,"logprobs":5,"stream":true` + greedy + `}`)) {
		l.mustBeLegacy(c)
	}
}

// The model has no token for these characters and writes them byte by byte; a grammar makes it.
func llamaLogprobsOfPieces(l *llama) {
	const body = `{"model":"m","prompt":"A sign: ","max_tokens":12,"logprobs":1,"grammar":"root ::= \"𓀀a𓀁\""`
	for _, stream := range []string{"", `,"stream":true`} {
		c := l.one(body + stream + `}`)
		if c.text != "𓀀a𓀁" || c.reason != "stop" {
			l.t.Errorf("got %+v", c)
		}
		l.mustBeLegacy(c)
	}
}

// pace streams the beginning of a long generation, leaves, and returns when all of it would have
// ended.
func (l *llama) pace() (end time.Time) {
	l.t.Helper()
	const some = 12
	ctx, leave := context.WithCancel(l.t.Context())
	defer leave()
	resp, err := l.client.Do(l.request(ctx, http.MethodPost, completions, strings.NewReader(longBody+`,"stream":true}`)))
	if err != nil {
		l.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		l.t.Fatalf("got %d", resp.StatusCode)
	}
	events := sse.NewReader(resp.Body, 0)
	var first time.Time
	for i := range some + 1 {
		if _, err := events.Next(); err != nil {
			l.t.Fatal(err)
		}
		if i == 0 {
			first = time.Now()
		}
	}
	whole := time.Since(first) / some * longTokens
	if l.busy() == 0 {
		l.t.Fatal("llama.cpp generates nothing")
	}
	return first.Add(whole)
}

// mustStop waits until llama.cpp has nothing to do, for half of what the generation still needed. It
// asks rarely: other requests keep llama.cpp from looking whether the caller of one that is not
// streamed is still there.
func (l *llama) mustStop(end time.Time, pause time.Duration) {
	l.t.Helper()
	left := time.Now()
	for {
		time.Sleep(pause)
		if l.busy() == 0 {
			break
		}
		if time.Since(left) > end.Sub(left)/2 {
			l.t.Fatal("llama.cpp goes on generating")
		}
	}
	l.t.Logf("idle within %v of the caller's leaving; the generation needed %v more",
		time.Since(left).Round(time.Millisecond), end.Sub(left).Round(time.Millisecond))
}

func llamaLeaveStream(l *llama) { l.mustStop(l.pace(), 50*time.Millisecond) }

func llamaLeave(l *llama) {
	end := l.pace()
	whole := time.Until(end)
	l.mustStop(end, 50*time.Millisecond)
	if whole < 8*time.Second {
		l.t.Skipf("all of it takes %v here: llama.cpp looks once a second whether the caller is there", whole)
	}
	ctx, leave := context.WithCancel(l.t.Context())
	defer leave()
	left := make(chan error, 1)
	go func() {
		resp, err := l.client.Do(l.request(ctx, http.MethodPost, completions, strings.NewReader(longBody+"}")))
		if err == nil {
			_ = resp.Body.Close()
			err = fmt.Errorf("it was answered with %d", resp.StatusCode)
		}
		left <- err
	}()
	begun := time.Now()
	for l.busy() == 0 {
		if time.Since(begun) > llamaPatience {
			l.t.Fatal("llama.cpp does not begin")
		}
		time.Sleep(20 * time.Millisecond)
	}
	end = time.Now().Add(whole)
	leave()
	if err := <-left; !strings.Contains(err.Error(), "canceled") {
		l.t.Fatal(err)
	}
	l.mustStop(end, 2*time.Second)
}

// What llama.cpp does its own way has been seen by the operator.
func llamaRepairs(l *llama) {
	text := l.metrics()
	for _, kind := range []string{"logprobs_chat", "usage_place"} {
		if !strings.Contains(text, `kind="`+kind+`"`) {
			l.t.Errorf("no %s in the metrics", kind)
		}
	}
	for line := range strings.Lines(text) {
		if strings.Contains(line, `kind="`) {
			l.t.Log(strings.TrimSpace(line))
		}
	}
}
