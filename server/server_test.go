package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/auth"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/record"
	"github.com/specgate/specgate/server"
)

// client is that of tests that need none of their own.
var client = &http.Client{Transport: record.BeforeStandIns(http.DefaultTransport, gen.Spec)}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "sg-test-token"

// operations answers with the body that it was given, or as a test says.
type operations struct {
	complete func(ctx context.Context, req *completion.Request) (gen.CreateCompletionResponseObject, error)
}

func (o *operations) CreateCompletion(ctx context.Context, in gen.CreateCompletionRequestObject) (gen.CreateCompletionResponseObject, error) {
	req := (*in.Body).(*completion.Request)
	if o.complete != nil {
		return o.complete(ctx, req)
	}
	return raw(req.Body), nil
}

func (o *operations) ListModels(context.Context, gen.ListModelsRequestObject) (gen.ListModelsResponseObject, error) {
	return gen.ListModels200JSONResponse{Body: gen.ModelList{Object: "list", Data: []gen.Model{}}}, nil
}

func (o *operations) RetrieveModel(_ context.Context, in gen.RetrieveModelRequestObject) (gen.RetrieveModelResponseObject, error) {
	return gen.RetrieveModel200JSONResponse{Body: gen.Model{Id: in.Model, Object: "model"}}, nil
}

type raw []byte

func (r raw) VisitCreateCompletionResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	_, err := w.Write(r)
	return err
}

type counts struct {
	mu   sync.Mutex
	seen map[string]int
}

func (c *counts) Request(route string, status int, _ string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[fmt.Sprintf("%s %d", route, status)]++
}

func (c *counts) Completion(*completion.Call, time.Duration) {}

func (c *counts) Invalid(field, kind string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[field+" "+kind]++
}

func (c *counts) Unavailable(string) {}
func (c *counts) Stranger(string)    {}

// lines is a log that can be read while it is written.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

type running struct {
	t       *testing.T
	addr    string
	ops     string
	log     *lines
	metrics *counts
	end     context.CancelFunc
	ended   chan error
}

// usual are the options of a server that most tests want.
func usual(log io.Writer, metrics server.Metrics) server.Options {
	return server.Options{
		Spec:    gen.Spec,
		API:     &operations{},
		Tokens:  auth.Tokens{{Hash: auth.Hash(token), Grant: auth.Grant{Name: "tester"}}},
		Logger:  slog.New(slog.NewJSONHandler(log, nil)),
		Metrics: metrics,
		Limits: server.Limits{
			Body: 1 << 20, InflightBytes: 4 << 20, MaxConcurrent: 64,
			HeaderTimeout: 10 * time.Second, BodyTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
		},
		Shutdown: server.Shutdown{Drain: 5 * time.Second},
	}
}

// start runs a server with what change makes of the usual options.
func start(t *testing.T, change func(*server.Options)) *running {
	t.Helper()
	r := &running{t: t, log: &lines{}, metrics: &counts{seen: map[string]int{}}, ended: make(chan error, 1)}
	options := usual(r.log, r.metrics)
	if change != nil {
		change(&options)
	}
	s, err := server.New(options)
	if err != nil {
		t.Fatal(err)
	}
	main, ops := listen(t), listen(t)
	r.addr, r.ops = main.Addr().String(), ops.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	r.end = cancel
	go func() { r.ended <- s.Serve(ctx, main, ops) }()
	t.Cleanup(func() {
		cancel()
		client.CloseIdleConnections()
		if err := <-r.ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	return r
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

type answer struct {
	status int
	header http.Header
	body   string
	closed bool // whether the server ends the connection
}

// code is that of the error object, or "" where there is none.
func (a answer) code() string {
	var body struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	if json.Unmarshal([]byte(a.body), &body) != nil {
		return ""
	}
	return body.Error.Code
}

// send makes a request; header lines are "Name: value". The token goes with it unless a line names
// Authorization.
func (r *running) send(method, path, body string, header ...string) answer {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, "http://"+r.addr+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		req.Header.Set(name, value)
	}
	return r.do(req)
}

func (r *running) do(req *http.Request) answer {
	r.t.Helper()
	resp, err := client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body), resp.Close}
}

// dial opens a connection on which a test writes its own bytes.
func (r *running) dial() *net.TCPConn {
	r.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(r.t.Context(), "tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		r.t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

func TestTraceID(t *testing.T) {
	const id = "0af7651916cd43dd8448eb211c80319c"
	for header, want := range map[string]string{
		"00-" + id + "-b7ad6b7169203331-01":                      id,
		"00-" + id + "-b7ad6b7169203331-01-later":                "",
		"00-" + id + "-b7ad6b7169203331-01x":                     "",
		"cc-" + id + "-b7ad6b7169203331-01x":                     "",
		"cc-" + id + "-b7ad6b7169203331-01-later":                id,
		"ff-" + id + "-b7ad6b7169203331-01":                      "",
		"00-" + strings.Repeat("0", 32) + "-b7ad6b7169203331-01": "",
		"00-" + strings.Repeat("A", 32) + "-b7ad6b7169203331-01": "",
		"00-" + id + "-b7ad6b716920333-01":                       "",
		"00-" + id[:31] + "\"-b7ad6b7169203331-01":               "",
		"": "",
	} {
		r := start(t, nil)
		r.send("GET", "/nowhere", "", "traceparent: "+header)
		if got := r.log.String(); !strings.Contains(got, `"trace_id":"`+want+`"`) {
			t.Errorf("%s: %s", header, got)
		}
	}
}
