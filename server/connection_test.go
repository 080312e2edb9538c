package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/server"
)

func readAll(t *testing.T, conn net.Conn) string {
	t.Helper()
	b, err := io.ReadAll(conn)
	if err != nil && !strings.Contains(err.Error(), "reset") {
		t.Fatal(err)
	}
	return string(b)
}

func head(lines ...string) string {
	return "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
}

const bearer = "Authorization: Bearer " + token

func chunked(body string) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body) }

// A refused request's body is never read as the next request: what stands behind it on the same
// connection is answered as itself, or the connection is closed.
func TestConnectionAfterRefusal(t *testing.T) {
	r := start(t, nil)
	smuggled := "POST /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	large := strings.Repeat(smuggled, 1<<21/len(smuggled))
	length := func(body string) string { return fmt.Sprintf("Content-Length: %d", len(body)) }
	tests := []struct {
		name, first string
		status      int
	}{
		{"invalid", head(bearer, length("{}")) + "{}", 422},
		{"invalid, chunked", head(bearer, "Transfer-Encoding: chunked") + chunked("{}"), 422},
		{"over the limit", head(bearer, length(large)) + large, 413},
		{"over the limit, chunked", head(bearer, "Transfer-Encoding: chunked") + chunked(large), 413},
		{"no token", head(length(valid)) + valid, 401},
		{"no token, large", head(length(large[:1<<19])) + large[:1<<19], 401},
		{"no token, large, chunked", head("Transfer-Encoding: chunked") + chunked(large), 401},
		{"another encoding", head(bearer, "Content-Encoding: br", length(smuggled)) + smuggled, 415},
		{"not gzip, chunked", head(bearer, "Content-Encoding: gzip", "Transfer-Encoding: chunked") + chunked(large[:1<<19]), 400},
		{"broken chunks", head(bearer, "Transfer-Encoding: chunked") + "zz\r\n" + smuggled, 400},
		{"another path", strings.Replace(head(bearer, length(smuggled)), "/v1/completions", "/v1/nothing", 1) + smuggled, 404},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conn := r.dial()
			second := "GET /v1/models HTTP/1.1\r\nHost: x\r\n" + bearer + "\r\nConnection: close\r\n\r\n"
			go func() { _, _ = io.WriteString(conn, tt.first+second) }()
			in := bufio.NewReader(conn)
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tt.status {
				t.Fatalf("got %d, want %d", resp.StatusCode, tt.status)
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			next, err := http.ReadResponse(in, nil)
			if err != nil {
				return // closed
			}
			defer func() { _ = next.Body.Close() }()
			if body, _ := io.ReadAll(next.Body); next.StatusCode != 200 || !strings.Contains(string(body), `"list"`) {
				t.Errorf("what came next was answered with %d %s", next.StatusCode, body)
			}
		})
	}
	if n := r.metrics.seen["none 404"]; n > 1 {
		t.Errorf("%d smuggled requests were answered", n-1)
	}
}

// The answer is there before the body is: it was not read.
func TestUnauthenticatedBodyIsNotRead(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Limits.Body = 16 << 20 })
	conn := r.dial()
	if _, err := io.WriteString(conn, head("Expect: 100-continue", "Content-Length: 10485760")); err != nil {
		t.Fatal(err)
	}
	got := readAll(t, conn)
	if !strings.HasPrefix(got, "HTTP/1.1 401 ") || strings.Contains(got, "100 Continue") {
		t.Errorf("got %s", got)
	}
}

func TestExpectContinue(t *testing.T) {
	r := start(t, nil)
	conn := r.dial()
	if _, err := io.WriteString(conn, head(bearer, "Expect: 100-continue", "Connection: close", "Content-Length: 26")); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	if line, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatalf("got %q, %v", line, err)
	}
	if _, err := io.WriteString(conn, valid); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(in)
	if err != nil || !strings.Contains(string(rest), "HTTP/1.1 200 ") {
		t.Errorf("got %s, %v", rest, err)
	}
}

// A caller who closes his side within a body is told nothing, above all no 200.
func TestBodyCutOff(t *testing.T) {
	r := start(t, nil)
	conn := r.dial()
	if _, err := io.WriteString(conn, head(bearer, "Content-Length: 100")+valid); err != nil {
		t.Fatal(err)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, conn); got != "" {
		t.Errorf("got %s", got)
	}
}

// The deadline of a body must not end the wait for the answer to it.
func TestAnswerMayTakeLongerThanTheBody(t *testing.T) {
	r := start(t, func(o *server.Options) {
		o.Limits.BodyTimeout = 200 * time.Millisecond
		o.API = &operations{complete: func(ctx context.Context, req *completion.Request) (gen.CreateCompletionResponseObject, error) {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(600 * time.Millisecond):
				return raw(req.Body), nil
			}
		}}
	})
	if got := r.send("POST", "/v1/completions", valid); got.status != 200 {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

// unread answers with more than any socket buffer holds.
type unread struct{ failed chan error }

func (u unread) VisitCreateCompletionResponse(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(make([]byte, 64<<20))
	u.failed <- err
	return err
}

func TestCallerWhoDoesNotRead(t *testing.T) {
	failed := make(chan error, 1)
	r := start(t, func(o *server.Options) {
		o.Limits.WriteTimeout = 200 * time.Millisecond
		o.API = &operations{complete: func(context.Context, *completion.Request) (gen.CreateCompletionResponseObject, error) {
			return unread{failed}, nil
		}}
	})
	conn := r.dial()
	if _, err := io.WriteString(conn, head(bearer, "Content-Length: 26")+valid); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-failed:
		if err == nil {
			t.Error("64 MB were written to nobody")
		}
	case <-time.After(15 * time.Second):
		t.Error("the answer is held up for good")
	}
}

func TestPages(t *testing.T) {
	r := start(t, func(o *server.Options) {
		o.Operations = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "operations") })
	})
	noToken := "Authorization: "
	if got := r.send("GET", "/openapi.yaml", "", noToken); got.body != string(gen.Spec) {
		t.Error("/openapi.yaml is not the file")
	}
	got := r.send("GET", "/openapi.json", "", noToken)
	doc, err := openapi3.NewLoader().LoadFromData([]byte(got.body))
	if err != nil || !json.Valid([]byte(got.body)) {
		t.Fatalf("/openapi.json: %v", err)
	}
	if doc.Components.Schemas["CompletionRequest"].Value.Extensions["x-rules"] == nil {
		t.Error("/openapi.json has lost the rules")
	}
	if got := r.send("GET", "/docs", "", noToken); got.status != 200 || !strings.Contains(got.body, "/openapi.json") {
		t.Errorf("/docs: %d %s", got.status, got.body)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if got := r.send("GET", path, "", noToken); got.status != 200 || got.body != `{"status":"ok"}`+"\n" {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if got := r.send("GET", "/docs/nothing", "", noToken); got.status != 404 || got.code() != "not_found" {
		t.Errorf("/docs/nothing: %d %s", got.status, got.body)
	}
	if got := r.send("HEAD", "/healthz", "", noToken); got.status != 200 {
		t.Errorf("HEAD /healthz: %d", got.status)
	}
	main := r.addr
	r.addr = r.ops
	if got := r.send("GET", "/metrics", "", noToken); got.body != "operations" {
		t.Errorf("operations: %s", got.body)
	}
	if got := r.send("GET", "/readyz", "", noToken); got.status != 200 {
		t.Errorf("readyz on the operations listener: %d", got.status)
	}
	if got := r.send("GET", "/nothing", "", noToken); got.status != 404 {
		t.Errorf("an unknown path on the operations listener: %d", got.status)
	}
	r.addr = main
	if got := r.send("GET", "/metrics", ""); got.status != 404 {
		t.Errorf("the metrics stand in front: %d", got.status)
	}
}

func TestShutdown(t *testing.T) {
	entered := make(chan struct{})
	r := start(t, func(o *server.Options) {
		o.Shutdown = server.Shutdown{Delay: time.Second, Drain: 300 * time.Millisecond}
		o.API = &operations{complete: func(ctx context.Context, req *completion.Request) (gen.CreateCompletionResponseObject, error) {
			if req.Model == "forever" {
				entered <- struct{}{}
				<-ctx.Done()
				return nil, context.Cause(ctx)
			}
			return raw(req.Body), nil
		}}
	})
	running := make(chan answer, 1)
	go func() { running <- r.send("POST", "/v1/completions", `{"model":"forever","prompt":"x"}`) }()
	<-entered
	r.end()
	for r.send("GET", "/readyz", "").status == 200 {
		time.Sleep(time.Millisecond)
	}
	got := r.send("POST", "/v1/completions", valid)
	if got.status != 200 || !got.closed {
		t.Errorf("during the delay: %d, connection closed: %v", got.status, got.closed)
	}
	if got := <-running; got.status != 503 || got.code() != "unavailable" || got.header.Get("Retry-After") == "" {
		t.Errorf("what ran longer than the drain: %d %s", got.status, got.body)
	}
	r.ended <- <-r.ended // for the clean-up, which looks at it
	if _, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", r.addr); err == nil {
		t.Error("the listener is still open")
	}
}

// halfDone begins an answer and meets a bug.
type halfDone struct{}

func (halfDone) VisitCreateCompletionResponse(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(w, "data: {}\n\n")
	_ = http.NewResponseController(w).Flush()
	panic("a secret")
}

func TestBugInMidAnswerBreaksTheConnection(t *testing.T) {
	r := start(t, func(o *server.Options) {
		o.API = &operations{complete: func(context.Context, *completion.Request) (gen.CreateCompletionResponseObject, error) {
			return halfDone{}, nil
		}}
	})
	conn := r.dial()
	if _, err := io.WriteString(conn, head(bearer, "Content-Length: 26")+valid); err != nil {
		t.Fatal(err)
	}
	got := readAll(t, conn)
	if !strings.Contains(got, "data: {}") || strings.Contains(got, "\r\n0\r\n") {
		t.Errorf("the answer looks whole: %q", got)
	}
	if log := r.log.String(); !strings.Contains(log, "connection_test.go:") || strings.Contains(log, "a secret") {
		t.Errorf("log: %s", log)
	}
}

func TestOptions(t *testing.T) {
	r := start(t, nil)
	if got := r.send("OPTIONS", "/v1/completions", ""); got.status != 204 || got.header.Get("Allow") != "OPTIONS, POST" {
		t.Errorf("got %d, Allow %q", got.status, got.header.Get("Allow"))
	}
	conn := r.dial()
	if _, err := io.WriteString(conn, "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, conn); !strings.HasPrefix(got, "HTTP/1.1 404 ") || !strings.Contains(got, `"code":"not_found"`) {
		t.Errorf("OPTIONS *: %s", got)
	}
}
