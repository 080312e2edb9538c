package server_test

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
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

// smuggled is a request that is sent within bodies alone.
const smuggled = "POST /v1/completions HTTP/1.1\r\nHost: x\r\n" + bearer + "\r\nX-Request-Id: smuggled\r\n" +
	"Content-Type: application/json\r\nContent-Length: 26\r\n\r\n" + valid

// framing is a way to send a body.
type framing struct {
	name   string
	header string
	wire   func(body string) string
}

func framings(t *testing.T) []framing {
	t.Helper()
	plain := func(body string) string { return body }
	zip := func(body string) string { return zipped(t, body) }
	return []framing{
		{"length", "", plain},
		{"chunked", "Transfer-Encoding: chunked\r\n", chunked},
		{"gzip", "Content-Encoding: gzip\r\n", zip},
		{"gzip, chunked", "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", func(body string) string { return chunked(zip(body)) }},
		{"stored, chunked", "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", func(body string) string { return chunked(stored(t, body)) }},
	}
}

// chunked sends a body in pieces that are no multiple of anything.
func chunked(body string) string {
	var b strings.Builder
	for body != "" {
		piece := body[:min(len(body), 4_099)]
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(piece), piece)
		body = body[len(piece):]
	}
	return b.String() + "0\r\n\r\n"
}

// stored is gzip that makes nothing smaller.
func stored(t *testing.T, text string) string {
	t.Helper()
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, gzip.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// expecting is what a caller does about 100 Continue.
type expecting string

const (
	nothing   expecting = "expects nothing"
	waiting   expecting = "waits for 100"
	impatient expecting = "does not wait for 100"
)

// refused is a request that is refused. Its body is sent in each of the framings, or in the one that
// it names.
type refused struct {
	name   string
	header string // lines of it; those that have no token are without
	body   string
	status int

	line    string // "" for that of a completion
	framing string
	unread  bool // refused before the body is looked at
	open    bool // refused once all of it was read: the connection is as good as new
	halting bool // half of the body is sent, and the rest once the answer is there
}

const authorized = bearer + "\r\n"

// A refused request's body is never read as the next request: what stands behind it on the same
// connection is answered as itself, or the connection is closed. A caller who was not asked for his body
// may send it all the same or go on without, so there it has to be closed.
func TestConnectionAfterRefusal(t *testing.T) {
	large := strings.Repeat(smuggled, 1<<21/len(smuggled))
	small := large[:40*len(smuggled)]
	t.Run("usual", func(t *testing.T) {
		eachRefused(t, start(t, nil), []refused{
			{name: "malformed", header: authorized, body: small, status: 422, open: true},
			{name: "invalid", header: authorized, body: `{"model":"m","prompt":5}`, status: 422, open: true},
			{name: "duplicate key", header: authorized, body: `{"model":"m","model":"m"}`, status: 422, open: true},
			{name: "too deep", header: authorized, body: strings.Repeat("[", 65) + smuggled, status: 422, open: true},
			{name: "malformed, large", header: authorized, body: large[:1<<19], status: 422, open: true},
			{name: "no token", body: small, status: 401, unread: true},
			{name: "no token, large", body: large[:1<<19], status: 401, unread: true},
			{name: "another path", line: "POST /v1/nothing", header: authorized, body: small, status: 404, unread: true},
			{name: "another method", line: "PUT /v1/completions", header: authorized, body: small, status: 405, unread: true},
			{name: "over the limit", header: authorized, body: large, status: 413},
			{name: "over the limit, declared", header: authorized, body: large, status: 413, framing: "length", unread: true},
			{name: "over the limit, no token", body: large, status: 401, framing: "chunked", unread: true},
			{name: "another type", header: authorized + "Content-Type: text/plain\r\n", body: small, status: 415},
			{name: "another encoding", header: authorized + "Content-Encoding: br\r\n", body: small, status: 415, framing: "length", unread: true},
			{name: "another encoding", header: authorized + "Content-Encoding: br\r\n", body: small, status: 415, framing: "chunked", unread: true},
			{name: "no gzip", header: authorized + "Content-Encoding: gzip\r\n", body: small, status: 400, framing: "length"},
			{name: "no gzip", header: authorized + "Content-Encoding: gzip\r\n", body: small, status: 400, framing: "chunked"},
			{name: "more than gzip", header: authorized + "Content-Encoding: gzip\r\n", body: zipped(t, valid) + small, status: 400, framing: "length"},
			{name: "more than gzip", header: authorized + "Content-Encoding: gzip\r\n", body: zipped(t, valid) + small, status: 400, framing: "chunked"},
			{name: "gzip cut off", header: authorized + "Content-Encoding: gzip\r\n", body: zipped(t, large)[:999], status: 400, framing: "length"},
		})
	})
	t.Run("too many requests", func(t *testing.T) {
		full := start(t, func(o *server.Options) { o.Limits.MaxConcurrent = 0 })
		eachRefused(t, full, []refused{{name: "small", header: authorized, body: small, status: 503, unread: true}})
	})
	t.Run("too many bytes", func(t *testing.T) {
		full := start(t, func(o *server.Options) { o.Limits.InflightBytes = 64 })
		eachRefused(t, full, []refused{
			{name: "small", header: authorized, body: small, status: 503},
			{name: "large", header: authorized, body: large[:1<<19], status: 503},
		})
	})
	t.Run("slow", func(t *testing.T) {
		hasty := start(t, func(o *server.Options) { o.Limits.BodyTimeout = 100 * time.Millisecond })
		eachRefused(t, hasty, []refused{{name: "small", header: authorized, body: small, status: 408, halting: true}})
	})
}

func eachRefused(t *testing.T, r *running, all []refused) {
	t.Helper()
	for _, tt := range all {
		for _, f := range framings(t) {
			if tt.framing != "" && tt.framing != f.name {
				continue
			}
			for _, e := range []expecting{nothing, waiting, impatient} {
				t.Run(fmt.Sprintf("%s/%s/%s", tt.name, f.name, e), func(t *testing.T) { tt.exchange(t, r, f, e) })
			}
		}
	}
	if strings.Contains(r.log.String(), "smuggled") {
		t.Error("a smuggled request was answered")
	}
}

// request is the request's header and, apart, its body as it is sent.
func (tt *refused) request(f framing, e expecting) (head, wire string) {
	wire = f.wire(tt.body)
	header := tt.header + f.header
	if !strings.Contains(header, "Transfer-Encoding") {
		header += fmt.Sprintf("Content-Length: %d\r\n", len(wire))
	}
	if !strings.Contains(header, "Content-Type") {
		header += "Content-Type: application/json\r\n"
	}
	if e != nothing {
		header += "Expect: 100-continue\r\n"
	}
	line := cmp.Or(tt.line, "POST /v1/completions")
	return line + " HTTP/1.1\r\nHost: x\r\n" + header + "\r\n", wire
}

// exchange sends the request and another behind it, and looks at the answers.
func (tt *refused) exchange(t *testing.T, r *running, f framing, e expecting) {
	t.Helper()
	conn := r.dial()
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	send := func(text string) { go func() { _, _ = io.WriteString(conn, text) }() }
	head, wire := tt.request(f, e)
	rest := "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: second\r\nConnection: close\r\n\r\n"
	if tt.halting {
		rest, wire = wire[len(wire)/2:]+rest, wire[:len(wire)/2]
	} else {
		rest, wire = "", wire+rest
	}
	if e != waiting {
		head, wire = head+wire, ""
	}
	send(head)
	first := response(t, in)
	asked := first.status == http.StatusContinue
	if asked {
		send(wire)
		first = response(t, in)
	}
	if first.status != tt.status {
		t.Fatalf("got %d, want %d", first.status, tt.status)
	}
	if asked && tt.unread {
		t.Error("the body was asked for")
	}
	if tt.open && first.closed {
		t.Error("the connection is closed, though the body was read")
	}
	if !asked {
		rest = wire + rest
	}
	send(rest)
	if !first.closed && e == waiting && !asked {
		t.Error("whether the body comes now is left to guess")
	}
	if !first.closed {
		second := response(t, in)
		if id := second.header.Get("X-Request-Id"); second.status != http.StatusOK || id != "second" {
			t.Errorf("what came next was answered with %d %s", second.status, id)
		}
	}
	if more, _ := io.ReadAll(in); len(more) > 0 {
		t.Errorf("there is another answer: %.80q", more)
	}
}

// response reads one answer.
func response(t *testing.T, in *bufio.Reader) answer {
	t.Helper()
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body), resp.Close}
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
		mux := http.NewServeMux()
		mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "operations") })
		o.Operations = mux
	})
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
	for _, path := range []string{"/healthz", "/readyz"} {
		if got := r.send("GET", path, "", noToken); got.status != 200 || got.body != `{"status":"ok"}`+"\n" {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
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

// Where a chunk that is none begins, nobody knows where the body ends.
func TestBrokenChunks(t *testing.T) {
	r := start(t, nil)
	for _, body := range []string{"zz\r\n" + smuggled, "5\r\n" + valid + smuggled, "-1\r\n" + smuggled, "ffffffffffffffffff\r\n" + smuggled} {
		conn := r.dial()
		request := "POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + authorized + "Transfer-Encoding: chunked\r\n\r\n"
		if _, err := io.WriteString(conn, request+body); err != nil {
			t.Fatal(err)
		}
		answers := readAll(t, conn)
		if !strings.HasPrefix(answers, "HTTP/1.1 400 ") || strings.Count(answers, "HTTP/1.1 ") != 1 {
			t.Errorf("%.20q was answered with %s", body, answers)
		}
	}
}
