package main

import (
	"context"
	"flag"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/fakebackend"
	"github.com/specgate/specgate/internal/record"
	"github.com/specgate/specgate/internal/telemetry"
)

// The spools of stores on PostgreSQL are in the user's cache where no folder is named: here, in one that goes with the tests.
func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "specgate-cache")
	if err == nil && os.Getenv("SPECGATE_TEST_POSTGRES") != "" {
		err = os.Setenv("XDG_CACHE_HOME", folder)
	}
	if err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(folder)
		os.Exit(code)
	}))
}

var update = flag.Bool("update", false, "write the transcripts in testdata instead of comparing with them")

const (
	testToken = "sg-test-token"
	testKey   = "sk-backend-key"

	completions = "/v1/completions"
	plainBody   = `{"model":"m","prompt":"x"}`

	answered = `{"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[{"text":" there","index":0,"logprobs":null,"finish_reason":"stop"}]}`

	// bounded is how long anything may take before a test gives it up.
	bounded = 20 * time.Second
)

// running is a gateway as it is put together for users, in front of a scripted backend.
type running struct {
	t       *testing.T
	backend *fakebackend.Backend
	front   string // http://host:port for callers
	ops     string // and for operators
	log     *logbook
	spec    []byte // the contract in force
	client  *http.Client
	end     context.CancelFunc // begins the shutdown
	free    func()             // ends what the parts hold, once
	tells   *prometheus.Registry
	ended   chan error
}

// start runs a gateway that is configured by OPENAI_BASE_URL and its companions alone.
func start(t *testing.T, replies ...fakebackend.Reply) *running {
	t.Helper()
	return startWith(t, "", replies...)
}

// script answers a request as the reply says that is kept under its x-request-id, so that many cases
// share one gateway.
type script map[string]fakebackend.Reply

func (s script) reply(c *fakebackend.Conn, r *fakebackend.Request) {
	reply, ok := s[r.Header.Get("X-Request-Id")]
	if !ok {
		reply = fakebackend.JSON(404, `{"error":{"message":"no reply is scripted"}}`)
	}
	reply(c, r)
}

// startWith runs a gateway with a configuration file. One that has upstreams names ${OPENAI_BASE_URL}.
func startWith(t *testing.T, settings string, replies ...fakebackend.Reply) *running {
	t.Helper()
	return startIn(t, nil, settings, replies...)
}

// startIn is startWith, with more variables.
func startIn(t *testing.T, more map[string]string, settings string, replies ...fakebackend.Reply) *running {
	t.Helper()
	backend := fakebackend.New(t, replies...)
	env := map[string]string{
		"OPENAI_BASE_URL":   backend.URL + "/v1",
		"OPENAI_API_KEY":    testKey,
		"OPENAI_ORG_ID":     "org-backend",
		"OPENAI_PROJECT_ID": "proj_backend",
		"SPECGATE_API_KEY":  testToken,
	}
	maps.Copy(env, more)
	if settings != "" {
		env["SPECGATE_CONFIG"] = filepath.Join(t.TempDir(), "specgate.yaml")
		if err := os.WriteFile(env["SPECGATE_CONFIG"], []byte(settings), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for mark, name := range map[string]string{"tokens:": "SPECGATE_API_KEY", "base_url: 'http": "OPENAI_BASE_URL"} {
		if strings.Contains(settings, mark) { // what a file says itself may not come from the environment as well
			delete(env, name)
		}
	}
	cfg, err := config.Load("", nil, func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Models) == 0 && cfg.Origins["health"] == "" {
		cfg.Health.Interval = 0 // the replies of a script are for what a test sends
	}
	g := &running{t: t, backend: backend, log: newLogbook(), ended: make(chan error, 1)}
	g.client = &http.Client{
		Transport:     &http.Transport{DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       bounded,
	}
	g.serve(cfg)
	return g
}

func (g *running) serve(cfg config.Config) {
	g.t.Helper()
	logger, err := telemetry.NewLogger(g.log, "json", "debug")
	if err != nil {
		g.t.Fatal(err)
	}
	gateway, err := newGateway(cfg, logger)
	if err != nil {
		g.t.Fatal(err)
	}
	g.spec, err = newContract(cfg.Contract)
	if err != nil {
		g.t.Fatal(err)
	}
	if g.client != nil {
		g.client.Transport = record.Transport(g.client.Transport, g.spec)
	}
	g.free, g.tells = sync.OnceFunc(gateway.free), gateway.registry
	front, ops := listenAnywhere(g.t), listenAnywhere(g.t)
	g.front, g.ops = "http://"+front.Addr().String(), "http://"+ops.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	g.end = cancel
	go func() { g.ended <- gateway.Serve(ctx, front, ops) }()
	g.t.Cleanup(func() {
		g.client.CloseIdleConnections()
		cancel()
		if err := g.awaitEnd(); err != nil {
			g.t.Errorf("the gateway ended with %v", err)
		}
		g.free()
	})
}

// awaitEnd waits until the gateway has shut down.
func (g *running) awaitEnd() error {
	select {
	case err := <-g.ended:
		g.ended <- err
		return err
	case <-time.After(bounded):
		return context.DeadlineExceeded
	}
}

func listenAnywhere(t *testing.T) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// answer is what a caller got.
type answer struct {
	status int
	header http.Header
	body   string
}

// complete asks for a completion.
func (g *running) complete(body string, header ...string) answer {
	g.t.Helper()
	return g.send("POST", completions, body, header...)
}

// send makes a request and reads the answer, which it holds to the contract. Header lines are
// «Name: value»; one without a value takes the header away.
func (g *running) send(method, path, body string, header ...string) answer {
	g.t.Helper()
	req := g.request(g.t.Context(), method, path, strings.NewReader(body), header...)
	got := g.do(req)
	mustKeepContract(g.t, req.URL.Path, got)
	return got
}

// request builds a request that bears the token.
func (g *running) request(ctx context.Context, method, path string, body io.Reader, header ...string) *http.Request {
	g.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, g.front+path, body)
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+testToken)
	req.Header.Set("Content-Type", "application/json")
	for _, line := range header {
		name, value, _ := strings.Cut(line, ":")
		if value = strings.TrimPrefix(value, " "); value == "" {
			req.Header.Del(name)
			continue
		}
		req.Header.Add(name, value)
		if name == "Authorization" || name == "Content-Type" {
			req.Header.Set(name, value)
		}
	}
	return req
}

func (g *running) do(req *http.Request) answer {
	g.t.Helper()
	resp, err := g.client.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatalf("the answer's body does not end well: %v\n%s", err, body)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// in is the gateway for a subtest: what fails there is the subtest.
func (g *running) in(t *testing.T) *running {
	t.Helper()
	sub := *g
	sub.t = t
	return &sub
}

// received is the one request that the backend got under an id.
func (g *running) received(id string) *fakebackend.Request {
	g.t.Helper()
	var found []*fakebackend.Request
	for _, r := range g.backend.Requests() {
		if r.Header.Get("X-Request-Id") == id {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		g.t.Fatalf("the backend got %d requests, want 1", len(found))
	}
	return found[0]
}

// metrics is what the operations listener tells of the gateway.
func (g *running) metrics() string {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), "GET", g.ops+"/metrics", nil)
	if err != nil {
		g.t.Fatal(err)
	}
	return g.do(req).body
}

// mustCount fails the test where a metric, given with its labels, is not what it should be.
func (g *running) mustCount(metric, want string) {
	g.t.Helper()
	if value := g.value(metric); value != want && (value != "" || want != "0") {
		g.t.Errorf("%s is %q, want %s", metric, value, want)
	}
}

// value is that of a metric, given with its labels; empty where it is not there.
func (g *running) value(metric string) string {
	g.t.Helper()
	for line := range strings.Lines(g.metrics()) {
		if value, ok := strings.CutPrefix(line, metric+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// mustMatchGolden compares with a file of testdata, to the byte.
func mustMatchGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
