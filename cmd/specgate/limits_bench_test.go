package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/specgate/specgate/internal/config"
)

// BenchmarkLimits is what a request costs on its way through the gateway, to a backend on loopback and back:
// bare; with all limits, in memory and in Redis; and with all limits, of a managed key that is kept, with a record
// of each request, in SQLite.
func BenchmarkLimits(b *testing.B) {
	const all = "requests: 1000000000, tokens: 1000000000000, parallel: 1000, day_tokens: 1000000000000000, month_tokens: 1000000000000000"
	store := "sqlite://" + b.TempDir() + "/store.db"
	managed := managedToken(b, store)
	for _, way := range []struct{ name, settings, token string }{
		{"bare", limitedTo(""), testToken},
		{"memory", limitedTo(all), testToken},
		{"redis", limitedTo(all) + "limits: {backend: '" + os.Getenv("SPECGATE_TEST_REDIS") + "'}\n", testToken},
		{"recorded", "auth: {mode: keys}\nstore: '" + store + "'\n", managed},
	} {
		b.Run(way.name, func(b *testing.B) {
			if strings.Contains(way.settings, "backend: ''") {
				b.Skip("SPECGATE_TEST_REDIS is not set")
			}
			h := limitedGateway(b, way.settings)
			body := `{"model":"m","prompt":"` + strings.Repeat("all work and no play ", 45) + `","max_tokens":16}`
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, completions, strings.NewReader(body))
				r.Header.Set("Authorization", "Bearer "+way.token)
				r.Header.Set("Content-Type", "application/json")
				w := &untold{header: http.Header{}}
				if h.ServeHTTP(w, r); w.status != http.StatusOK {
					b.Fatal(w.status)
				}
			}
		})
	}
}

// managedToken is the token of a key with all limits, in a store that is made for it.
func managedToken(b *testing.B, store string) string {
	b.Helper()
	var stdout, stderr strings.Builder
	args := strings.Fields("keys create --name bench --format json --requests-per-minute 1000000000 --tokens-per-minute 1000000000000 " +
		"--parallel 1000 --tokens-per-day 1000000000000000 --tokens-per-month 1000000000000000")
	code := run(b.Context(), args, terminal{stdout: &stdout, stderr: &stderr, getenv: func(name string) string {
		return map[string]string{"SPECGATE_STORE": store}[name]
	}})
	var key made
	if err := json.Unmarshal([]byte(stdout.String()), &key); err != nil || code != exitOK {
		b.Fatalf("exit code %d, %v: %s", code, err, stderr.String())
	}
	return key.Token
}

// untold takes an answer and forgets it.
type untold struct {
	header http.Header
	status int
}

func (u *untold) Header() http.Header             { return u.header }
func (u *untold) Write(p []byte) (int, error)     { return len(p), nil }
func (u *untold) WriteHeader(status int)          { u.status = status }
func (u *untold) SetReadDeadline(time.Time) error { return nil }

func limitedGateway(b *testing.B, settings string) http.Handler {
	b.Helper()
	answer := []byte(withUsage(300, 16))
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
	}))
	b.Cleanup(backend.Close)
	file := b.TempDir() + "/specgate.yaml"
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		b.Fatal(err)
	}
	env := map[string]string{"OPENAI_BASE_URL": backend.URL + "/v1"}
	cfg, err := config.Load(file, nil, func(name string) string { return env[name] })
	if err != nil {
		b.Fatal(err)
	}
	g, err := newGateway(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(g.free)
	return g
}
