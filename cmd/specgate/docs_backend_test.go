package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

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
