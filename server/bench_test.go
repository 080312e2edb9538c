package server_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/auth"
	"github.com/specgate/specgate/server"
)

// discard takes an answer and forgets it.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header             { return d.header }
func (d *discard) Write(p []byte) (int, error)     { return len(p), nil }
func (d *discard) WriteHeader(int)                 {}
func (d *discard) SetReadDeadline(time.Time) error { return nil }

// The way in and out of an accepted request, all but the network and the backend.
func BenchmarkAccepted(b *testing.B) {
	s, err := server.New(server.Options{
		Spec:    gen.Spec,
		API:     &operations{},
		Tokens:  auth.Tokens{{Hash: auth.Hash(token)}},
		Logger:  slog.New(slog.NewTextHandler(io.Discard, nil)), //nolint:sloglint // a line is to cost what it costs
		Metrics: &counts{seen: map[string]int{}},
		Limits: server.Limits{
			Body: 16 << 20, InflightBytes: 512 << 20, MaxConcurrent: 64,
			HeaderTimeout: time.Minute, BodyTimeout: time.Minute, WriteTimeout: time.Minute,
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	for name, body := range map[string]string{
		"100B":    `{"model":"llama3.1:8b","prompt":"Hello World","stream":false,"max_tokens":16,"temperature":0.7}`,
		"1KB":     `{"model":"llama3.1:8b","prompt":"` + strings.Repeat("Hello World ", 80) + `","max_tokens":16,"temperature":0.7}`,
		"100KB":   `{"model":"llama3.1:8b","prompt":"` + strings.Repeat("Hello World ", 8000) + `","max_tokens":16}`,
		"2kIDs":   `{"model":"llama3.1:8b","prompt":[` + strings.Repeat("50256,", 1999) + `1],"max_tokens":16}`,
		"Refused": `{"model":"llama3.1:8b","prompt":"Hello World","temperature":3,"n":0}`,
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			data := []byte(body)
			w := &discard{header: http.Header{}}
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), "POST", "/v1/completions", bytes.NewReader(data))
				r.Header.Set("Authorization", "Bearer "+token)
				r.Header.Set("Content-Type", "application/json")
				clear(w.header)
				s.ServeHTTP(w, r)
			}
		})
	}
}
