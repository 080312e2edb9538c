//go:build backends

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/specgate/specgate/internal/sse"
)

// direct asks Ollama itself, past the gateway.
func (b *both) direct(body string) (status int, answer string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.other+completions, strings.NewReader(`{"model":"gemma3-270m",`+body+`}`))
	if err != nil {
		b.t.Fatal(err)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}

// ollamaWays holds docs/backends.md and the profile to what Ollama does when nobody adapts anything.
func ollamaWays(b *both) {
	for name, test := range map[string]struct {
		body   string
		status int
		has    string
		hasNot string
	}{
		"a list of prompts":       {`"prompt":["Hi"]`, 400, `"error":{"message":"`, ""},
		"token ids":               {`"prompt":[1]`, 400, "", ""},
		"n is ignored":            {france + greedy + `,"n":2`, 200, `"index":0`, `"index":1`},
		"best_of is ignored":      {france + greedy + `,"best_of":2`, 200, ofFrance, ""},
		"echo is ignored":         {france + greedy + `,"echo":true`, 200, ofFrance, "capital of France is"},
		"logprobs are not given":  {france + greedy + `,"logprobs":2`, 200, ofFrance, "logprobs"},
		"logit_bias is ignored":   {france + greedy + `,"logit_bias":{"506":-100}`, 200, ofFrance, ""},
		"suffix is refused":       {france + `,"suffix":"."`, 400, "does not support insert", ""},
		"an empty prompt":         {`"prompt":""`, 200, `"finish_reason":"load"`, ""},
		"no prompt":               {`"max_tokens":4`, 200, `"finish_reason":"load"`, ""},
		"nulls":                   {france + greedy + `,` + strings.Replace(nulls, `"max_tokens":null,`, "", 1), 200, ofFrance, ""},
		"top_p 0 is 1":            {france + `,"max_tokens":8,"top_p":0,"seed":3,"temperature":2`, 200, "", ofFrance},
		"a number in stop":        {france + `,"stop":[1]`, 400, "stop", ""},
		"usage unasked":           {france + greedy + `,"stream":true`, 200, "data: [DONE]", `"usage"`},
		"zeros before the last":   {france + greedy + askingUsage, 200, `"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}`, ""},
		"the last has no choices": {france + greedy + askingUsage, 200, `"choices":[],"model":"gemma3-270m","system_fingerprint":"fp_ollama","usage":{"prompt_tokens":6,"completion_tokens":8,"total_tokens":14}}`, ""},
	} {
		status, answer := b.direct(test.body)
		if status != test.status || !strings.Contains(answer, test.has) || test.hasNot != "" && strings.Contains(answer, test.hasNot) {
			b.t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	ollamaPenalties(b)
	for _, tokens := range []string{"", `,"max_tokens":null`, `,"max_tokens":0`} {
		b.mustGoOn(`"prompt":"One, two, three,","temperature":0` + tokens)
	}
}

// The engine that Ollama has for newer models samples without penalties.
func ollamaPenalties(b *both) {
	const counting = `"prompt":"One, one, one, one,","max_tokens":12,"temperature":0`
	_, plain := b.direct(counting)
	_, penalized := b.direct(counting + `,"presence_penalty":2,"frequency_penalty":2`)
	text := func(answer string) string {
		var doc llamaPiece
		if err := json.Unmarshal([]byte(answer), &doc); err != nil || len(doc.Choices) != 1 {
			b.t.Fatalf("%v, %s", err, answer)
		}
		return doc.Choices[0].Text
	}
	if text(plain) != text(penalized) {
		b.t.Errorf("penalties have an effect: %q and %q", text(plain), text(penalized))
	}
}

// mustGoOn fails the test where Ollama ends a text soon, though nobody has told it to.
func (b *both) mustGoOn(body string) {
	b.t.Helper()
	const many = 64 // tokens, and so events; the contract's default is 16
	ctx, leave := context.WithCancel(b.t.Context())
	defer leave()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.other+completions, strings.NewReader(`{"model":"gemma3-270m",`+body+`,"stream":true}`))
	if err != nil {
		b.t.Fatal(err)
	}
	resp, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	events := sse.NewReader(resp.Body, 0)
	for n := range many {
		event, err := events.Next()
		if err != nil || strings.Contains(string(event.Data), `"finish_reason":"`) {
			b.t.Fatalf("%s: it ends after %d tokens: %s %v", body, n, event.Data, err)
		}
	}
}

// TestBackendsOllamaKilled kills each of the two in the middle of traffic.
func TestBackendsOllamaKilled(t *testing.T) {
	llamacpp, ollama := serveReal(t, "llamacpp", 0), serveReal(t, "ollama", 0)
	b := startBoth(t, llamacpp, ollama, "gemma3-270m")
	b.returns("to-ollama", "ollama") // it has loaded the model
	b.killBoth(llamacpp, ollama)
}

// TestBackendsOllamaLosesItsModel kills the process in which Ollama runs the model. Ollama itself ends the stream
// as if nothing had been.
func TestBackendsOllamaLosesItsModel(t *testing.T) {
	llamacpp, ollama := serveReal(t, "llamacpp", 0), serveReal(t, "ollama", 0)
	b := startBoth(t, llamacpp, ollama, "gemma3-270m")
	b.returns("to-ollama", "ollama")
	for _, direct := range []bool{true, false} {
		running := make(<-chan string)
		if direct {
			running = b.directStream()
		} else {
			running = b.longStream("to-ollama")
		}
		for _, pid := range children(t, ollama.cmd.Process.Pid) {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
		stream := <-running
		t.Logf("direct %v: … %s", direct, stream[max(0, len(stream)-600):])
		if !direct {
			mustEndBroken(t, stream)
		} else if strings.Contains(stream, "[DONE]") {
			t.Error("Ollama says that it is done")
		}
		// It runs the model anew.
		b.returns("to-ollama", "ollama")
	}
}

func (b *both) directStream() <-chan string {
	b.t.Helper()
	to := *b.running
	to.front = b.other
	return (&both{&llama{&to, b.url}, b.other}).longStream("gemma3-270m")
}

// children are the processes that a process has started.
func children(t *testing.T, pid int) (pids []int) {
	t.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		if err != nil {
			continue // a thread that has ended
		}
		for _, field := range bytes.Fields(raw) {
			child, err := strconv.Atoi(string(field))
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, child)
		}
	}
	if len(pids) == 0 {
		t.Fatal("it has started nothing")
	}
	return pids
}
