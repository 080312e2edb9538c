package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/specgate/specgate/internal/fakebackend"
)

// open asks for a stream, and returns with its headers; the events are read as they come.
func (g *running) open() *bufio.Reader {
	g.t.Helper()
	resp, err := g.client.Do(g.request(g.t.Context(), "POST", completions, strings.NewReader(streamed)))
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		g.t.Fatalf("got %d", resp.StatusCode)
	}
	return bufio.NewReader(resp.Body)
}

// readLine reads the next line of a stream, which is there without anything further being sent.
func readLine(t *testing.T, in *bufio.Reader) string {
	t.Helper()
	line, err := in.ReadString('\n')
	if err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	return line
}

func readRest(t *testing.T, in *bufio.Reader) string {
	t.Helper()
	rest, err := io.ReadAll(in)
	if err != nil {
		t.Fatalf("the body does not end well: %v\n%s", err, rest)
	}
	return string(rest)
}

// Headers and events are passed on when they come, not when there is more of them.
func TestStreamPassesOnAtOnce(t *testing.T) {
	t.Parallel()
	headersSeen, firstSeen := make(chan struct{}), make(chan struct{})
	g := start(t, func(c *fakebackend.Conn, _ *fakebackend.Request) {
		c.Head(200, fakebackend.EventStream)
		c.Await(headersSeen)
		c.Chunk(fakebackend.Data(first))
		c.Await(firstSeen)
		c.Chunk(fakebackend.Data(last, "[DONE]"))
		c.End()
	})
	in := g.open()
	close(headersSeen)
	if line := readLine(t, in); line != "data: "+first+"\n" {
		t.Errorf("got %q", line)
	}
	close(firstSeen)
	mustBeStream(t, strings.TrimPrefix(readRest(t, in), "\n"))
}

// An event goes on although more has come with it that is nothing to the caller, or not yet: a comment,
// an event without data, usage that belongs at the end, half of the next event.
func TestStreamHoldsNoEventBack(t *testing.T) {
	t.Parallel()
	usage := strings.Replace(first, `"choices":[`, `"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2},"choices":[],"x":[`, 1)
	for name, more := range map[string]string{
		"nothing": "", "comment": ": busy\n\n", "empty": "data:\n\n", "null": "data: null\n\n", "usage": fakebackend.Data(usage),
		"half": "data: {\"id\":\n", "an end of line": "\n\n\n", "in CRLF": ": busy\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := make(chan struct{})
			g := start(t, func(c *fakebackend.Conn, _ *fakebackend.Request) {
				c.Head(200, fakebackend.EventStream)
				c.Chunk(fakebackend.Data(first, first) + more)
				c.Await(seen)
			})
			in := g.open()
			for range 2 {
				if line := readLine(t, in) + readLine(t, in); line != "data: "+first+"\n\n" {
					t.Errorf("got %q", line)
				}
			}
			close(seen)
		})
	}
}

func TestKeepalive(t *testing.T) {
	t.Parallel()
	pinged, pingedAgain := make(chan struct{}), make(chan struct{})
	g := startWith(t, "stream: {keepalive: 20ms}\n", func(c *fakebackend.Conn, _ *fakebackend.Request) {
		c.Head(200, fakebackend.EventStream)
		c.Await(pinged)
		c.Chunk(fakebackend.Data(first))
		c.Await(pingedAgain)
		c.Chunk(fakebackend.Data(last, "[DONE]"))
		c.End()
	})
	in := g.open()
	if line := readLine(t, in); line != ": ping\n" {
		t.Fatalf("got %q", line)
	}
	close(pinged)
	line := readLine(t, in)
	for line == ": ping\n" {
		line = readLine(t, in)
	}
	if line != "data: "+first+"\n" || readLine(t, in) != "\n" {
		t.Fatalf("got %q", line)
	}
	if line := readLine(t, in); line != ": ping\n" {
		t.Fatalf("got %q", line)
	}
	close(pingedAgain)
	rest := readRest(t, in)
	mustBeStream(t, rest)
	if !strings.HasSuffix(rest, "data: "+last+"\n\ndata: [DONE]\n\n") {
		t.Errorf("got %q", rest)
	}
}

// A caller who leaves costs no more generation: the backend sees its connection close at once.
func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
	tests := map[string]struct {
		request string
		begin   func(c *fakebackend.Conn)
	}{
		"stream before its headers": {streamed, func(*fakebackend.Conn) {}},
		"stream before any event":   {streamed, func(c *fakebackend.Conn) { c.Head(200, fakebackend.EventStream) }},
		"stream between events": {streamed, func(c *fakebackend.Conn) {
			c.Head(200, fakebackend.EventStream)
			c.Chunk(fakebackend.Data(first))
		}},
		"stream within an event": {streamed, func(c *fakebackend.Conn) {
			c.Head(200, fakebackend.EventStream)
			c.Chunk("data: {")
		}},
		"plain before its headers": {plainBody, func(*fakebackend.Conn) {}},
		"plain within its body":    {plainBody, func(c *fakebackend.Conn) { c.Send(head + `{"id":`) }},
	}
	// Each is unbuffered: who receives knows that the backend is at that point.
	reached, gone := make(chan struct{}), make(chan struct{})
	replies := script{}
	for name, test := range tests {
		replies[idOf(name)] = func(c *fakebackend.Conn, _ *fakebackend.Request) {
			test.begin(c)
			reached <- struct{}{}
			c.Await(nil) // fails the test where the connection stays
			gone <- struct{}{}
		}
	}
	shared := start(t, replies.reply)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := shared.in(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			req := g.request(ctx, "POST", completions, strings.NewReader(test.request), "X-Request-Id: "+idOf(name))
			left := make(chan struct{})
			go func() {
				defer close(left)
				resp, err := g.client.Do(req)
				if err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
			}()
			<-reached
			cancel()
			<-gone
			<-left
			g.log.await(t, `"id":"`+idOf(name)+`"`, `"status":499`, `"code":"client_closed"`)
		})
	}
	shared.mustCount(`specgate_requests_total{code="client_closed",route="/v1/completions",status="499"}`, strconv.Itoa(len(tests)))
}

const shortPatience = "upstreams: {gpu: {base_url: '${OPENAI_BASE_URL}', timeouts: {first_byte: 150ms, idle: 150ms}}}\n"

func TestBackendStalls(t *testing.T) {
	t.Parallel()
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
	tests := map[string]struct {
		request string
		reply   fakebackend.Reply
		retry   string
	}{
		"before the first byte":             {plainBody, fakebackend.Stall(""), ""},
		"before the first byte of a stream": {streamed, fakebackend.Stall(""), ""},
		"within the headers":                {plainBody, fakebackend.Stall(head[:30]), ""},
		"before the body":                   {plainBody, fakebackend.Stall(head), "false"},
		"within the body":                   {plainBody, fakebackend.Stall(head + answered[:50]), "false"},
	}
	replies := script{}
	for name, test := range tests {
		replies[idOf(name)] = test.reply
	}
	g := startWith(t, shortPatience, replies.reply)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := g.in(t).complete(test.request, "X-Request-Id: "+idOf(name))
			if e := got.error(t); got.status != 504 || orNull(e.Code) != "upstream_timeout" || e.Type != "server_error" {
				t.Errorf("got %d %s", got.status, got.body)
			}
			if retry := got.header.Get("X-Should-Retry"); retry != test.retry {
				t.Errorf("x-should-retry: %q, want %q", retry, test.retry)
			}
		})
	}
}

func TestBackendStallsInAStream(t *testing.T) {
	t.Parallel()
	stall := func(begin string) fakebackend.Reply {
		return func(c *fakebackend.Conn, _ *fakebackend.Request) {
			c.Head(200, fakebackend.EventStream)
			if begin != "" {
				c.Chunk(begin)
			}
			c.Await(nil)
		}
	}
	for name, test := range map[string]struct{ settings, begin, golden string }{
		"before the first event": {shortPatience, "", "stall_at_once"},
		"between events":         {shortPatience, fakebackend.Data(first), "stall"},
		"within an event":        {shortPatience, fakebackend.Data(first) + "data: {", "stall"},
		"in total": {
			"upstreams: {gpu: {base_url: '${OPENAI_BASE_URL}', timeouts: {idle: 0s, total: 300ms}}}\n",
			fakebackend.Data(first), "stall",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := startWith(t, test.settings, stall(test.begin)).complete(streamed)
			mustMatchGolden(t, test.golden, got.body)
		})
	}
}

// A backend that breaks its connection in a stream is told of in the stream, which ends well itself.
func TestBackendBreaksAStream(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(c *fakebackend.Conn){
		"closed":            func(c *fakebackend.Conn) { c.Close() },
		"closed midway":     func(c *fakebackend.Conn) { c.Send("ff\r\ndata: {"); c.Close() },
		"reset":             func(c *fakebackend.Conn) { c.Reset() },
		"chunk of nonsense": func(c *fakebackend.Conn) { c.Send("nonsense\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			read := make(chan struct{})
			g := start(t, func(c *fakebackend.Conn, _ *fakebackend.Request) {
				c.Head(200, fakebackend.EventStream)
				c.Chunk(fakebackend.Data(first))
				c.Await(read)
				end(c)
			})
			in := g.open()
			begin := readLine(t, in)
			close(read)
			text := begin + readRest(t, in)
			mustBeStream(t, text)
			golden := "stream_cut_in_event"
			if name == "chunk of nonsense" {
				golden = "unreadable"
			}
			mustMatchGolden(t, golden, text)
		})
	}
}

// The keepalive is the gateway's own: comments from the backend keep it waiting, but reach nobody.
func TestCommentsKeepABackendAlive(t *testing.T) {
	t.Parallel()
	const comments = 20 // and as many milliseconds between them, which is longer than the timeout
	g := startWith(t, shortPatience, fakebackend.Events(append(strings.SplitAfter(many(comments, ":\n\n"), "\n\n")[:comments], whole)...))
	mustMatchGolden(t, "stream_plain", g.complete(streamed).body)
}
