//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path"
	"strings"
	"testing"
)

// backendOf is what a page's backends have to be replaced by: the real one of .ci that SPECGATE_DOCS names, on
// the page about it, with its model; else the stand-in.
func backendOf(t *testing.T, page string) []string {
	t.Helper()
	name := strings.TrimSuffix(path.Base(page), ".md")
	url := ""
	if strings.HasPrefix(page, "docs/howto/") && reals[name] != "" && available([]string{name}) {
		url = serveReal(t, name, 0).url
		mustAnswer(t, url+"/v1/models")
	} else {
		url, name = standIn(t), ""
	}
	address := strings.TrimPrefix(url, "http://")
	replaced := []string{"https://api.openai.com", url, "127.0.0.1:8000", address, "127.0.0.1:8080", address, "127.0.0.1:11434", address}
	switch name {
	case "vllm":
		replaced = append(replaced, "Qwen/Qwen3-0.6B", reals[name])
	case "ollama":
		replaced = append(replaced, `"base"`, `"`+reals[name]+`"`, `'base'`, `'`+reals[name]+`'`)
	}
	return replaced
}

// mustAnswer waits for a backend that loads its model.
func mustAnswer(t *testing.T, url string) {
	t.Helper()
	said, err := exec.CommandContext(t.Context(), "curl", "--fail", "--silent", "--noproxy", "*", "--output", "/dev/null",
		"--retry", "600", "--retry-delay", "1", "--retry-connrefused", url).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
}

// reals are the models that the backends of .ci have.
var reals = map[string]string{"llamacpp": "gemma3-270m", "ollama": "gemma3-270m", "vllm": "tiny"}

// standIn is what pages ask in the place of a real backend: it has every model, and always says the same.
func standIn(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `{"object":"list","data":[{"id":"base","object":"model","created":1,"owned_by":"stand-in"}]}`)
	})
	mux.HandleFunc("POST /v1/completions", func(w http.ResponseWriter, r *http.Request) {
		var request struct {
			Model  string
			Stream bool
		}
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		const common = `"id":"cmpl-1","object":"text_completion","created":1,"model":%q,"choices":[{"index":0,"text":%q,"logprobs":null,"finish_reason":%s}]`
		if !request.Stream {
			_, _ = fmt.Fprintf(w, `{`+common+`,"usage":{"prompt_tokens":2,"completion_tokens":2,"total_tokens":4}}`, request.Model, " a text", `"stop"`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = fmt.Fprintf(w, "data: {"+common+"}\n\n", request.Model, " a", "null")
		_, _ = fmt.Fprintf(w, "data: {"+common+"}\n\ndata: [DONE]\n\n", request.Model, " text", `"stop"`)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}
