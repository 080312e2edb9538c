package server_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/auth"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/faults"
	"github.com/specgate/specgate/server"
)

// sizes notes what is written between two flushes.
type sizes struct {
	http.ResponseWriter
	flights []int
	open    bool
}

func (s *sizes) Unwrap() http.ResponseWriter { return s.ResponseWriter }
func (s *sizes) Flush()                      { s.open = false }

func (s *sizes) Write(p []byte) (int, error) {
	if !s.open {
		s.flights = append(s.flights, 0)
	}
	s.open = true
	s.flights[len(s.flights)-1] += len(p)
	return s.ResponseWriter.Write(p)
}

// Every answer comes byte by byte, be it none that is streamed, or an error.
func TestByteByByte(t *testing.T) {
	tests := []struct {
		name, rule, request string
		status              int
		contains            string
	}{
		{"an answer", "{byte_by_byte: true}", valid, 200, valid},
		{"an error of a fault", "{byte_by_byte: true, status: 429}", valid, 429, "rate_limit_exceeded"},
		{"an error of the operation", "{byte_by_byte: true}", `{"model":"none","prompt":"x"}`, 500, "internal_error"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			script, err := faults.Parse("faults.yaml", []byte("rules: ["+test.rule+"]"))
			if err != nil {
				t.Fatal(err)
			}
			s, err := server.New(server.Options{
				Spec: gen.Spec, Faults: script,
				API:     &operations{complete: onlyValid},
				Tokens:  auth.Tokens{{Hash: auth.Hash(token)}},
				Logger:  slog.New(slog.DiscardHandler),
				Metrics: &counts{seen: map[string]int{}},
				Limits:  server.Limits{Body: 1 << 20, InflightBytes: 1 << 20, MaxConcurrent: 1},
			})
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/completions", strings.NewReader(test.request))
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("Content-Type", "application/json")
			record := httptest.NewRecorder()
			w := &sizes{ResponseWriter: record}
			s.ServeHTTP(w, r)
			body := record.Body.String()
			if record.Code != test.status || !strings.Contains(body, test.contains) {
				t.Errorf("got %d %s", record.Code, body)
			}
			one := make([]int, len(body))
			for i := range one {
				one[i] = 1
			}
			if diff := cmp.Diff(one, w.flights); diff != "" {
				t.Errorf("bytes between two flushes (-want +got):\n%s", diff)
			}
		})
	}
}

func onlyValid(_ context.Context, req *completion.Request) (gen.CreateCompletionResponseObject, error) {
	if req.Model != "m" {
		return nil, io.ErrNoProgress
	}
	return raw(req.Body), nil
}
