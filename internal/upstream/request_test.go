package upstream_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/fakebackend"
	"github.com/specgate/specgate/internal/upstream"
)

const answer = `{"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[{"text":" <b>&\u2028😀","index":0,"logprobs":null,"finish_reason":"stop"}],"x":1.0}`

func withKeys(o *upstream.Options) {
	o.APIKey = "sk-gateway"
	o.Organization = "org-ours"
	o.Project = "proj_ours"
}

// head is the sorted lines of a request's head.
func head(r *fakebackend.Request) []string {
	lines := strings.Split(r.Head, "\r\n")
	slices.Sort(lines[1:])
	return lines
}

func TestRequestToTheByte(t *testing.T) {
	t.Parallel()
	body := []byte("{ \"model\" : \"m\",\"prompt\":\"<b>&\u2028😀\\u2028\", \"seed\":9223372036854775807,\"n\":2.0,\"z\":null }\n")
	call := completion.Call{
		ID: requestID, UserAgent: "openai-go/1", Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Tracestate: "a=b",
	}
	backend := fakebackend.New(t, fakebackend.JSON(200, answer))
	host := strings.TrimPrefix(backend.URL, "http://")
	tests := map[string]struct {
		set    func(*upstream.Options)
		call   completion.Call
		stream bool
		want   []string
	}{
		"everything": {withKeys, call, false, []string{
			"POST /v1/completions HTTP/1.1", "Accept: application/json", "Authorization: Bearer sk-gateway", "Content-Length: 92",
			"Content-Type: application/json", "Host: " + host, "Openai-Organization: org-ours", "Openai-Project: proj_ours",
			"Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "Tracestate: a=b",
			"User-Agent: openai-go/1", "X-Request-Id: " + requestID,
		}},
		"nothing": {func(*upstream.Options) {}, completion.Call{}, false, []string{
			"POST /v1/completions HTTP/1.1", "Accept: application/json", "Content-Length: 92",
			"Content-Type: application/json", "Host: " + host, "User-Agent: specgate",
		}},
		"stream": {func(*upstream.Options) {}, completion.Call{}, true, []string{
			"POST /v1/completions HTTP/1.1", "Accept: text/event-stream", "Connection: close", "Content-Length: 92",
			"Content-Type: application/json", "Host: " + host, "User-Agent: specgate",
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			seen := len(backend.Requests())
			test.call.Context = t.Context()
			ctx := &test.call
			_, err := newClient(t, backend.URL, test.set).Complete(ctx, &completion.Request{Body: body, Model: "m", Stream: test.stream})
			if err != nil {
				t.Fatal(err)
			}
			got := backend.Requests()[seen]
			if diff := cmp.Diff(test.want, head(got)); diff != "" {
				t.Errorf("head (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(string(body), string(got.Body)); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBaseURLKeepsPathAndQuery(t *testing.T) {
	t.Parallel()
	backend := fakebackend.New(t, fakebackend.JSON(200, answer))
	client := newClient(t, backend.URL, func(o *upstream.Options) {
		o.BaseURL = o.BaseURL.JoinPath("deployments/d/")
		o.BaseURL.RawQuery = "api-version=1"
	})
	if _, err := client.Complete(caller(t), plain()); err != nil {
		t.Fatal(err)
	}
	if got, want := backend.Requests()[0].Path, "/v1/deployments/d/completions?api-version=1"; got != want {
		t.Errorf("path %q, want %q", got, want)
	}
}

// The connection of a stream is used again once the backend has answered without the marks of a server
// that closes it unannounced.
func TestConnectionIsUsedAgain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		head        []string
		connections int
	}{
		"of nobody known": {nil, 2}, // the first, a stream, was not trusted yet
		"of uvicorn":      {[]string{"Server: uvicorn", "Keep-Alive: timeout=5"}, 2},
		"of llama.cpp":    {[]string{"Server: llama.cpp"}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stream := func(c *fakebackend.Conn, _ *fakebackend.Request) {
				c.Head(200, append([]string{fakebackend.EventStream}, test.head...)...)
				c.Send(chunked(fakebackend.Data(chunkOf(" a", "null"), "[DONE]")) + "0\r\n\r\n")
			}
			plainly := fakebackend.JSON(200, answer, test.head...)
			backend := fakebackend.New(t, stream, plainly, stream, fakebackend.JSON(429, `{}`, test.head...), stream, stream, plainly)
			client := newClient(t, backend.URL)
			for _, req := range []*completion.Request{streamed(), plain(), streamed(), plain(), streamed(), streamed(), plain()} {
				got, err := client.Complete(caller(t), req)
				if err == nil && got.Stream != nil {
					_, err = readStream(t, got.Stream)
				}
				if err != nil && toldOf(t, err).Status != http.StatusTooManyRequests {
					t.Fatal(err)
				}
			}
			if n := backend.Connections(); n != test.connections {
				t.Errorf("%d connections for 3 requests among 4 streams, want %d", n, test.connections)
			}
		})
	}
}

// As many connections are kept as were in use at one time: net/http's own default is two.
func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	const parallel = 16
	var arrived atomic.Int32
	all := make(chan struct{})
	reply := fakebackend.JSON(200, answer)
	backend := fakebackend.New(t, func(c *fakebackend.Conn, r *fakebackend.Request) {
		if arrived.Add(1) == parallel {
			close(all)
		}
		<-all // in the first round each needs a connection of its own
		reply(c, r)
	})
	client := newClient(t, backend.URL)
	for range 2 {
		var round sync.WaitGroup
		for range parallel {
			round.Go(func() {
				if _, err := client.Complete(caller(t), plain()); err != nil {
					t.Error(err)
				}
			})
		}
		round.Wait()
	}
	if n := backend.Connections(); n != parallel {
		t.Errorf("%d connections for twice %d requests at a time", n, parallel)
	}
}

func TestConnectionWithTLSIsUsedAgain(t *testing.T) {
	t.Parallel()
	backend := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, fakebackend.Data(chunkOf(" a", "null"), "[DONE]"))
	}))
	var connections atomic.Int32
	backend.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	backend.StartTLS()
	t.Cleanup(backend.Close)
	client := newClient(t, backend.URL)
	client.Trust(backend.Certificate())
	for range 3 {
		got, err := client.Complete(caller(t), streamed())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readStream(t, got.Stream); err != nil {
			t.Fatal(err)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections for 3 streams", n)
	}
}

// A connection may turn out to be dead when it is used again. Whether the backend has begun to work
// on the request is then unknown, so that it must not be sent a second time.
func TestPostIsSentOnce(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]fakebackend.Reply{
		"reset": fakebackend.Reset(""), "closed": fakebackend.Raw(""), "half a head": fakebackend.Raw("HTTP/1.1 200 OK\r\nA: b\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backend := fakebackend.New(t, fakebackend.JSON(200, answer), second)
			client := newClient(t, backend.URL)
			if _, err := client.Complete(caller(t), plain()); err != nil {
				t.Fatal(err)
			}
			_, err := client.Complete(caller(t), plain())
			want := upstreamError("The backend broke off before its answer was whole.")
			if diff := cmp.Diff(want, toldOf(t, err)); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if n := len(backend.Requests()); n != 2 {
				t.Errorf("%d requests, want 2", n)
			}
		})
	}
}

// A base URL without a path leads to the root.
func TestBaseWithoutAPath(t *testing.T) {
	t.Parallel()
	backend := fakebackend.New(t, fakebackend.JSON(200, `{"data":[]}`))
	c := newClient(t, backend.URL, func(o *upstream.Options) { o.BaseURL.Path = "" })
	if _, err := c.Models(caller(t)); err != nil {
		t.Error(err)
	}
	if err := c.Probe(t.Context(), "/health"); err != nil {
		t.Error(err)
	}
	var asked []string
	for _, r := range backend.Requests() {
		asked = append(asked, r.Path)
	}
	if diff := cmp.Diff([]string{"/models", "/health"}, asked); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
