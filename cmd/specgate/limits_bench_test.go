package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/specgate/specgate/internal/config"
)

// BenchmarkLimits is what a request costs on its way through the gateway, to a backend on loopback and back: bare; with
// all limits, in memory and in Redis; of a managed key with all limits; and that with a record of each request, in
// SQLite. They take turns, each as many requests and then as long as a batch of records waits; what is reported is
// the CPU of the process as a share of that of the bare ones, the median of the rounds. -benchtime 15x is 15 rounds.
func BenchmarkLimits(b *testing.B) {
	const all = "requests_per_minute: 1000000000, tokens_per_minute: 1000000000000, parallel: 1000, tokens_per_day: 1000000000000000, tokens_per_month: 1000000000000000"
	store := "sqlite://" + b.TempDir() + "/store.db"
	managed := managedToken(b, store)
	const keyed = "auth: {mode: keys}\nstore: '"
	ways := []*way{
		{name: "bare", settings: limitedTo(""), token: testToken},
		{name: "memory", settings: limitedTo(all), token: testToken},
		{name: "key", settings: keyed + store + "'\nusage: {records: never}\n", token: managed},
		{name: "recorded", settings: keyed + store + "'\n", token: managed},
	}
	if redis := os.Getenv("SPECGATE_TEST_REDIS"); redis != "" {
		ways = append(ways, &way{name: "redis", settings: limitedTo(all) + "limits: {backend: '" + redis + "'}\n", token: testToken})
	}
	for _, w := range ways {
		w.gateway = limitedGateway(b, w.settings)
		w.turn(b) // the first costs more
		w.costs = nil
	}
	for round := 0; b.Loop(); round++ {
		for i := range ways {
			ways[(round+i)%len(ways)].turn(b)
		}
	}
	b.ReportMetric(0, "ns/op") // that of a round says nothing
	for _, w := range ways {
		b.ReportMetric(median(w.costs), w.name+"-µs")
		b.ReportMetric(median(w.of(ways[0])), w.name+"-of-bare")
	}
}

// way is a gateway that is asked in turns.
type way struct {
	name, settings, token string
	gateway               http.Handler
	costs                 []float64 // of a request, by the turn, in µs of CPU
}

func (w *way) turn(b *testing.B) {
	b.Helper()
	const requests, batchWaits = 2000, 300 * time.Millisecond
	body := `{"model":"m","prompt":"` + strings.Repeat("all work and no play ", 45) + `","max_tokens":16}`
	began := processorTime(b)
	for range requests {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, completions, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+w.token)
		r.Header.Set("Content-Type", "application/json")
		to := &untold{header: http.Header{}}
		if w.gateway.ServeHTTP(to, r); to.status != http.StatusOK {
			b.Fatal(to.status)
		}
	}
	time.Sleep(batchWaits)
	w.costs = append(w.costs, float64((processorTime(b)-began).Nanoseconds())/1e3/requests)
}

// of is what each turn cost as a share of what that of another did in the same round.
func (w *way) of(other *way) (shares []float64) {
	for i, cost := range w.costs {
		shares = append(shares, cost/other.costs[i])
	}
	return shares
}

// processorTime is what the process has used so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func median(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
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
