package server_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/record"
	"github.com/specgate/specgate/server"
)

// front is a running server, and a client that speaks one protocol to it.
type front struct {
	*running
	base   string
	proto  string
	client *http.Client
}

// transports are the ways to a server but for that of all other tests.
var transports = []string{"h2c", "h2", "http/1.1 over TLS"}

// opener is a test over one of the transports.
type opener struct {
	*testing.T
	name string
}

func (o opener) open(change func(*server.Options)) *front {
	o.Helper()
	return open(o.T, o.name, change)
}

// over runs a test over each of the transports.
func over(t *testing.T, names []string, test func(t opener)) {
	t.Helper()
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(opener{t, name})
		})
	}
}

func open(t *testing.T, name string, change func(*server.Options)) *front {
	t.Helper()
	f := &front{base: "https://", proto: "HTTP/2.0"}
	var protocols http.Protocols
	transport := &http.Transport{Protocols: &protocols, DisableCompression: true}
	f.client = &http.Client{Transport: record.BeforeStandIns(transport, gen.Spec), Timeout: 20 * time.Second}
	t.Cleanup(transport.CloseIdleConnections) // before the server's end, which else waits for it a while
	protocols.SetHTTP2(name == "h2")
	protocols.SetHTTP1(name == "http/1.1 over TLS")
	protocols.SetUnencryptedHTTP2(name == "h2c")
	if name == "http/1.1 over TLS" {
		f.proto = "HTTP/1.1"
	}
	pair := newPair(t, t.TempDir())
	if name != "h2c" {
		transport.TLSClientConfig = &tls.Config{RootCAs: pair.roots}
	} else {
		f.base = "http://"
	}
	f.running = start(t, func(o *server.Options) {
		if o.H2C = name == "h2c"; !o.H2C {
			o.TLS = pair.options(t)
		}
		if change != nil {
			change(o)
		}
	})
	f.base += f.addr
	t.Cleanup(transport.CloseIdleConnections)
	return f
}

// request is one for a completion, unless change makes another of it.
func (f *front) request(ctx context.Context, body io.Reader, change func(*http.Request)) *http.Request {
	f.t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.base+"/v1/completions", body)
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Request-Id", "one")
	if change != nil {
		change(req)
	}
	return req
}

// ask makes a request and reads its answer; conn is the address from which it was made.
func (f *front) ask(req *http.Request) (got answer, conn string) {
	f.t.Helper()
	trace := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { conn = i.Conn.LocalAddr().String() }}
	resp, err := f.client.Do(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.Proto != f.proto {
		f.t.Errorf("the answer came over %s, want %s", resp.Proto, f.proto)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body), resp.Close}, conn
}

// must fails the test where a simple request is not answered, and gives its connection.
func (f *front) must() (conn string) {
	f.t.Helper()
	got, conn := f.ask(f.request(f.t.Context(), strings.NewReader(valid), nil))
	if got.status != http.StatusOK || got.body != valid {
		f.t.Errorf("a simple request is answered with %d %s", got.status, got.body)
	}
	return conn
}

// Whatever is asked is answered as over HTTP/1.1. Only that says that a connection ends: here a refusal
// ends its stream, and the same connection takes the next request.
func TestSameAnswersOverEveryTransport(t *testing.T) {
	large := strings.Repeat(" ", 4<<20)
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	line := func(method, path string) func(*http.Request) {
		return func(r *http.Request) { r.Method, r.URL.Path = method, path }
	}
	noToken := func(r *http.Request) { r.Header.Del("Authorization") }
	asked := []struct {
		name    string
		body    string
		unsized bool
		change  func(*http.Request)
		status  int
	}{
		{"valid", valid, false, nil, 200},
		{"valid, without length", valid, true, nil, 200},
		{"gzip", zipped(t, valid), false, header("Content-Encoding", "gzip"), 200},
		{"expecting to be asked", valid, false, header("Expect", "100-continue"), 200},
		{"no body", "", false, nil, 422},
		{"no body, without length", "", true, nil, 422},
		{"malformed", large[:1000], false, nil, 422},
		{"invalid", `{"model":"m","prompt":5}`, true, nil, 422},
		{"no token", large[:1<<19], false, noToken, 401},
		{"no token, without length", large, true, noToken, 401},
		{"over the limit", large, false, nil, 413},
		{"over the limit, without length", large, true, nil, 413},
		{"over the limit, inflated", zipped(t, large), false, header("Content-Encoding", "gzip"), 413},
		{"another type", valid, false, header("Content-Type", "text/plain"), 415},
		{"another encoding", large[:1<<19], false, header("Content-Encoding", "br"), 415},
		{"no gzip", large[:1<<19], false, header("Content-Encoding", "gzip"), 400},
		{"another path", large[:1<<19], false, line("POST", "/v1/nothing"), 404},
		{"another method", valid, false, line("PUT", "/v1/completions"), 405},
		{"options", "", false, line("OPTIONS", "/v1/completions"), 204},
		{"models", "", false, line("GET", "/v1/models"), 200},
		{"a page", "", false, line("GET", "/openapi.yaml"), 200},
		{"documentation", "", false, line("GET", "/docs"), 200},
		{"a page that is not there", "", false, line("GET", "/docs/nothing"), 404},
		{"the head of a page", "", false, line("HEAD", "/healthz"), 200},
		{"the head of nothing", "", false, line("HEAD", "/nothing"), 404},
		{"readiness", "", false, line("GET", "/readyz"), 200},
	}
	plain := start(t, nil)
	over(t, transports, func(t opener) {
		f := t.open(nil)
		before := f.must()
		for _, tt := range asked {
			t.Run(tt.name, func(t *testing.T) {
				body := func() io.Reader {
					if tt.unsized {
						return io.MultiReader(strings.NewReader(tt.body))
					}
					return strings.NewReader(tt.body)
				}
				got, _ := f.ask(f.request(t.Context(), body(), tt.change))
				req := f.request(t.Context(), body(), tt.change)
				req.URL.Scheme, req.URL.Host, req.Host = "http", plain.addr, ""
				want := plain.do(req)
				if got.status != tt.status {
					t.Errorf("status %d, want %d", got.status, tt.status)
				}
				if f.proto == "HTTP/2.0" && got.header["Connection"] != nil {
					t.Errorf("HTTP/2 has no Connection header, and this is %q", got.header["Connection"])
				}
				for _, h := range []http.Header{got.header, want.header} {
					for _, name := range []string{"Date", "Connection", "Content-Length"} {
						h.Del(name)
					}
				}
				if diff := cmp.Diff(want.header, got.header); diff != "" {
					t.Errorf("header (-HTTP/1.1 +this):\n%s", diff)
				}
				if diff := cmp.Diff(want.body, got.body); diff != "" {
					t.Errorf("body (-HTTP/1.1 +this):\n%s", diff)
				}
				if after := f.must(); f.proto == "HTTP/2.0" && after != before {
					t.Errorf("the connection from %s was given up for one from %s", before, after)
				}
			})
		}
	})
}

// A body that stops coming ends its own stream alone.
func TestSlowBodyOverHTTP2(t *testing.T) {
	over(t, transports[:2], func(t opener) {
		f := t.open(func(o *server.Options) { o.Limits.BodyTimeout = time.Second })
		before := f.must()
		for _, length := range []int64{-1, 100} {
			body, rest := io.Pipe()
			go func() { _, _ = io.WriteString(rest, `{"model":`) }()
			got, _ := f.ask(f.request(t.Context(), body, func(r *http.Request) { r.ContentLength = length }))
			_ = rest.Close()
			if got.status != http.StatusRequestTimeout || got.code() != "request_timeout" {
				t.Errorf("length %d: got %d %s", length, got.status, got.body)
			}
			if after := f.must(); after != before {
				t.Error("the connection was given up")
			}
		}
	})
}

// A refusal waits for the rest of its request, but not for long, and never with the answer.
func TestRefusalWaitsForNobody(t *testing.T) {
	over(t, transports[:2], func(t opener) {
		f := t.open(nil)
		before := f.must()
		for _, length := range []int64{-1, 100, 1 << 19} {
			body, rest := io.Pipe()
			begin := time.Now()
			got, _ := f.ask(f.request(t.Context(), body, func(r *http.Request) {
				r.ContentLength = length
				r.Header.Del("Authorization")
			}))
			_ = rest.Close()
			if took := time.Since(begin); got.status != http.StatusUnauthorized || took > 10*time.Second {
				t.Errorf("length %d: got %d after %v", length, got.status, took)
			}
			if after := f.must(); after != before {
				t.Error("the connection was given up")
			}
		}
	})
}

// The pace of a body is not that of the answer, and a body may take longer than one deadline.
func TestPaceOverHTTP2(t *testing.T) {
	over(t, transports, func(t opener) {
		f := t.open(func(o *server.Options) {
			o.Limits.HeaderTimeout, o.Limits.BodyTimeout, o.Limits.WriteTimeout = time.Second, time.Second, time.Second
			o.API = &operations{complete: func(ctx context.Context, req *completion.Request) (gen.CreateCompletionResponseObject, error) {
				return slowly{ctx}, nil
			}}
		})
		body, rest := io.Pipe()
		go func() {
			for i := range len(valid) {
				_, _ = io.WriteString(rest, valid[i:i+1])
				time.Sleep(60 * time.Millisecond)
			}
			_ = rest.Close()
		}()
		got, _ := f.ask(f.request(t.Context(), body, nil))
		if got.status != http.StatusOK || got.body != "data: 0\n\ndata: 1\n\n" {
			t.Errorf("got %d %q", got.status, got.body)
		}
	})
}

// slowly answers with two events, and silence before each that is longer than any deadline.
type slowly struct{ ctx context.Context }

func (s slowly) VisitCreateCompletionResponse(w http.ResponseWriter) error {
	for i := range 2 {
		select {
		case <-s.ctx.Done():
			return s.ctx.Err()
		case <-time.After(1500 * time.Millisecond):
		}
		if _, err := fmt.Fprintf(w, "data: %d\n\n", i); err != nil {
			return err
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			return err
		}
	}
	return nil
}

// endless streams until its request ends, and says why that was.
type endless struct {
	ctx   context.Context
	ended chan error
}

func (e endless) VisitCreateCompletionResponse(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(w, "data: {}\n\n")
	_ = http.NewResponseController(w).Flush()
	<-e.ctx.Done()
	e.ended <- context.Cause(e.ctx)
	return e.ctx.Err()
}

// A caller who leaves ends his own request, whether he resets its stream or drops the connection.
func TestCallerWhoLeavesOverHTTP2(t *testing.T) {
	over(t, transports, func(t opener) {
		ended := make(chan error, 1)
		f := t.open(func(o *server.Options) {
			o.API = &operations{complete: func(ctx context.Context, req *completion.Request) (gen.CreateCompletionResponseObject, error) {
				if req.Model == "m" {
					return raw(req.Body), nil
				}
				return endless{ctx, ended}, nil
			}}
		})
		before := f.must()
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		resp, err := f.client.Do(f.request(ctx, strings.NewReader(`{"model":"endless","prompt":"x"}`), nil))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if _, err := io.ReadFull(resp.Body, make([]byte, len("data: {}\n\n"))); err != nil {
			t.Fatal(err)
		}
		leave()
		select {
		case err := <-ended:
			if err == nil {
				t.Error("there is no reason")
			}
		case <-time.After(15 * time.Second):
			t.Fatal("the request goes on without its caller")
		}
		if after := f.must(); f.proto == "HTTP/2.0" && after != before {
			t.Error("the connection was given up")
		}
	})
}

// What breaks in the middle of an answer looks broken, and takes nothing else with it.
func TestBugInMidAnswerBreaksTheStream(t *testing.T) {
	over(t, transports, func(t opener) {
		f := t.open(func(o *server.Options) {
			o.API = &operations{complete: func(_ context.Context, req *completion.Request) (gen.CreateCompletionResponseObject, error) {
				if req.Model == "m" {
					return raw(req.Body), nil
				}
				return halfDone{}, nil
			}}
		})
		before := f.must()
		resp, err := f.client.Do(f.request(t.Context(), strings.NewReader(`{"model":"bug","prompt":"x"}`), nil))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		got, err := io.ReadAll(resp.Body)
		if err == nil || string(got) != "data: {}\n\n" {
			t.Errorf("the answer looks whole: %q, %v", got, err)
		}
		if after := f.must(); f.proto == "HTTP/2.0" && after != before {
			t.Error("the connection was given up")
		}
	})
}

// At the end what runs may finish; what runs longer than the drain is told so; nobody new is let in.
func TestShutdownOverHTTP2(t *testing.T) {
	over(t, transports, func(t opener) {
		entered, finish := make(chan struct{}), make(chan struct{})
		f := t.open(func(o *server.Options) {
			o.Shutdown = server.Shutdown{Delay: time.Second, Drain: 2 * time.Second}
			o.API = &operations{complete: func(ctx context.Context, req *completion.Request) (gen.CreateCompletionResponseObject, error) {
				if req.Model == "m" {
					return raw(req.Body), nil
				}
				entered <- struct{}{}
				if req.Model == "finishes" {
					<-finish
					return raw(req.Body), nil
				}
				<-ctx.Done()
				return nil, context.Cause(ctx)
			}}
		})
		answers := make(chan answer, 2)
		for _, model := range []string{"finishes", "forever"} {
			req := f.request(t.Context(), strings.NewReader(`{"model":"`+model+`","prompt":"x"}`), nil)
			go func() {
				got, _ := f.ask(req)
				answers <- got
			}()
			<-entered
		}
		f.end()
		ready := f.request(t.Context(), http.NoBody, func(r *http.Request) { r.Method, r.URL.Path = "GET", "/readyz" })
		for got, _ := f.ask(ready); got.status == http.StatusOK; got, _ = f.ask(ready) {
			time.Sleep(time.Millisecond)
		}
		f.must()
		close(finish)
		if got := <-answers; got.status != http.StatusOK {
			t.Errorf("what was running: %d %s", got.status, got.body)
		}
		if got := <-answers; got.status != http.StatusServiceUnavailable || got.code() != "unavailable" {
			t.Errorf("what ran longer than the drain: %d %s", got.status, got.body)
		}
		f.ended <- <-f.ended // for the clean-up, which looks at it
		if resp, err := f.client.Do(ready); err == nil {
			t.Errorf("after the end: %d", resp.StatusCode)
			_ = resp.Body.Close()
		}
	})
}

// Without the setting, who begins with HTTP/2 gets an error of HTTP/1.1.
func TestPlainListenerHasNoHTTP2Unasked(t *testing.T) {
	r := start(t, nil)
	conn := r.dial()
	if _, err := io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, conn); !strings.HasPrefix(got, "HTTP/1.1 ") {
		t.Errorf("got %q", got)
	}
}
