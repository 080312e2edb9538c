package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/specgate/specgate/internal/fakebackend"
)

// remains is what a process holds for its callers.
type remains struct{ goroutines, descriptors int }

// count counts the goroutines and, where the system tells, the descriptors.
func count() remains {
	n := remains{goroutines: runtime.NumGoroutine()}
	if all, err := os.ReadDir("/proc/self/fd"); err == nil {
		n.descriptors = len(all)
	}
	return n
}

// settled is what a gateway holds that has answered, and is at rest: neither does something end that was there before,
// nor begin what a request that is under way will keep.
func settled(g *running) (at remains) {
	g.t.Helper()
	conn := g.connect()
	mustWrite(g.t, conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if _, err := io.ReadAll(conn); err != nil {
		g.t.Fatal(err)
	}
	_ = conn.Close()
	const alike, pause = 100, time.Millisecond
	same := 0
	for range bounded / pause {
		time.Sleep(pause)
		if now := count(); now != at {
			at, same = now, 0
		}
		if same++; same == alike {
			return at
		}
	}
	g.t.Fatalf("never at rest: %+v", at)
	return at
}

// mustGoBackTo waits until there is no more than before.
func mustGoBackTo(t *testing.T, before remains) {
	t.Helper()
	const pause = time.Millisecond
	for range bounded / pause {
		now := count()
		if now.goroutines <= before.goroutines && now.descriptors <= before.descriptors {
			return
		}
		time.Sleep(pause)
	}
	stacks := make([]byte, 1<<20)
	t.Fatalf("%+v before, %+v now\n%s", before, count(), stacks[:runtime.Stack(stacks, true)])
}

// awaited is a place that a backend reached, under the request's id, and when its connection closed.
type awaited struct{ reached, gone chan string }

// leaver plays begin, and then waits for its client to go.
func (a awaited) leaver(begin func(c *fakebackend.Conn)) fakebackend.Reply {
	return func(c *fakebackend.Conn, r *fakebackend.Request) {
		id := r.Header.Get("X-Request-Id")
		begin(c)
		a.reached <- id
		c.Await(nil) // fails the test where the connection stays
		a.gone <- id
	}
}

const (
	manyPrompts       = `{"model":"m","prompt":["a","b","c","d","e"]}`
	manyPromptsStream = `{"model":"m","prompt":["a","b","c","d","e"],"stream":true}`
)

// departures are when a caller leaves: what was read of the answer, and how far the backend was.
var departures = map[string]struct {
	request string
	begin   func(c *fakebackend.Conn)
	until   string // what the caller has read when it leaves; "" for nothing
	parts   int    // requests that the backend has got by then
}{
	"plain before the headers":         {plainBody, func(*fakebackend.Conn) {}, "", 1},
	"plain within the headers":         {plainBody, func(c *fakebackend.Conn) { c.Send("HTTP/1.1 200 OK\r\nContent-") }, "", 1},
	"plain within the body":            {plainBody, func(c *fakebackend.Conn) { c.Send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{") }, "", 1},
	"stream before the headers":        {streamed, func(*fakebackend.Conn) {}, "", 1},
	"stream before the first event":    {streamed, func(c *fakebackend.Conn) { c.Head(200, fakebackend.EventStream) }, "\r\n\r\n", 1},
	"stream between events":            {streamed, beginStream(fakebackend.Data(first)), "null}]}\n\n", 1},
	"stream within what has come":      {streamed, beginStream(fakebackend.Data(first) + "data: {"), "null}]}\n\n", 1},
	"stream with half of an event":     {streamed, beginStream(fakebackend.Data(first)), `"choices"`, 1},
	"stream with half of a large one":  {streamed, beginStream(fakebackend.Data(piece(many(500_000, "0123456789"), "null", ""))), "0123456789", 1},
	"stream with an event unread":      {streamed, beginStream(fakebackend.Data(first, last)), "", 1},
	"parts before the headers":         {manyPrompts, func(*fakebackend.Conn) {}, "", 2},
	"parts within the bodies":          {manyPrompts, func(c *fakebackend.Conn) { c.Send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{") }, "", 2},
	"streamed parts before headers":    {manyPromptsStream, func(*fakebackend.Conn) {}, "", 2},
	"streamed parts between events":    {manyPromptsStream, beginStream(fakebackend.Data(first)), "null}]}\n\n", 2},
	"streamed parts with half of each": {manyPromptsStream, beginStream(fakebackend.Data(first) + "data: {"), `"choices"`, 2},
}

func beginStream(events string) func(c *fakebackend.Conn) {
	return func(c *fakebackend.Conn) {
		c.Head(200, fakebackend.EventStream)
		c.Chunk(events)
	}
}

// A caller who leaves takes all with it that was there for it: the backend's work, and what the gateway
// holds. It runs alone, for it counts what the process holds.
func TestCallerLeavesNothingBehind(t *testing.T) {
	const times = 3
	at := awaited{make(chan string), make(chan string)}
	replies := script{}
	for name, test := range departures {
		replies[idOf(name)] = at.leaver(test.begin)
	}
	g := startWith(t, "upstreams: {gpu: {base_url: '${OPENAI_BASE_URL}', kind: ollama, fanout_width: 2}}\n", replies.reply)
	for name, test := range departures {
		t.Run(name, func(t *testing.T) {
			before := settled(g.in(t))
			asked := len(g.backend.Requests())
			for range times {
				conn := g.in(t).connect()
				mustWrite(t, conn, rawRequest("1.1", test.request, "X-Request-Id: "+idOf(name)))
				for range test.parts {
					await(t, "for the backend to be asked", at.reached)
				}
				readUntil(t, conn, test.until)
				_ = conn.Close()
				for range test.parts {
					await(t, "for the backend to be given up", at.gone)
				}
			}
			line := g.log.await(t, `"msg":"request"`, `"id":"`+idOf(name)+`"`)
			if !strings.Contains(line, `"status":499`) || !strings.Contains(line, `"code":"client_closed"`) {
				t.Errorf("the log says %s", line)
			}
			if n := len(g.backend.Requests()) - asked; n != times*test.parts {
				t.Errorf("the backend got %d requests, want %d", n, times*test.parts)
			}
			mustGoBackTo(t, before)
		})
	}
	g.eventually(`specgate_requests_total{code="client_closed",route="/v1/completions",status="499"}`, fmt.Sprint(times*len(departures)))
}

// readUntil reads as far as the end of text, and no further.
func readUntil(t *testing.T, in io.Reader, text string) {
	t.Helper()
	var got []byte
	for one := make([]byte, 1); !strings.HasSuffix(string(got), text); got = append(got, one...) {
		if _, err := io.ReadFull(in, one); err != nil {
			t.Fatalf("after %q: %v", got, err)
		}
	}
}

// A caller who waits for a place leaves the queue, and its backend never hears of it.
func TestCallerLeavesTheQueue(t *testing.T) {
	const waiting = 3
	reply, asked, let := held(fakebackend.JSON(200, answered))
	a := fakebackend.New(t, reply)
	g := startBefore(t, several{"a": a}, quiet+"models: {m: {targets: [{upstream: a}]}}\n", map[string]string{"a": ", kind: ollama, max_concurrent: 1, max_queue: 16, queue_timeout: 0s"})
	got := make(chan tried, 1)
	go func() { got <- g.try() }()
	<-asked
	for name, request := range map[string]string{"plain": plainBody, "stream": streamed, "parts": manyPrompts, "streamed-parts": manyPromptsStream} {
		t.Run(name, func(t *testing.T) {
			before := settled(g.in(t))
			var conns []io.Closer
			for i := range waiting {
				conn := g.in(t).connect()
				mustWrite(t, conn, rawRequest("1.1", request, fmt.Sprintf("X-Request-Id: %s-%d", name, i)))
				conns = append(conns, conn)
			}
			g.in(t).eventually(`specgate_upstream_queued{upstream="a"}`, fmt.Sprint(waiting)) // one each, however many parts
			for i, conn := range conns {
				_ = conn.Close()
				g.log.await(t, `"msg":"request"`, fmt.Sprintf(`"id":"%s-%d"`, name, i), `"status":499`)
			}
			g.in(t).eventually(`specgate_upstream_queued{upstream="a"}`, "0")
			g.client.CloseIdleConnections()
			mustGoBackTo(t, before)
		})
	}
	close(let)
	if one := await(t, "for the one that was asked", got); one.status != 200 {
		t.Errorf("%+v", one)
	}
	if n := calls(a); n != 1 {
		t.Errorf("the backend got %d requests", n)
	}
	if got := g.complete(plainBody); got.status != 200 {
		t.Errorf("afterwards: %d", got.status)
	}
	g.mustCount(`specgate_upstream_inflight{upstream="a"}`, "0")
}

// A caller who leaves between two requests, or in the middle of sending one, leaves nothing either.
func TestCallerLeavesWithinTheRequest(t *testing.T) {
	g := start(t, fakebackend.JSON(200, answered))
	if got := g.complete(plainBody); got.status != 200 { // which leaves a connection to the backend
		t.Fatalf("got %d", got.status)
	}
	g.client.CloseIdleConnections()
	request := rawRequest("1.1", plainBody)
	before := settled(g)
	for at := range request {
		conn := g.connect()
		mustWrite(t, conn, request[:at])
		_ = conn.Close()
	}
	mustGoBackTo(t, before)
	if n := calls(g.backend); n != 1 {
		t.Errorf("the backend got %d requests", n)
	}
	conn := g.connect()
	mustWrite(t, conn, request)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("got %v, %v", resp, err)
	}
	_ = resp.Body.Close()
	_ = conn.Close()
	mustGoBackTo(t, before)
}

// Many callers leave at one time, at all places at once.
func TestManyCallersLeave(t *testing.T) {
	const callers = 100
	at := awaited{make(chan string, callers), make(chan string, callers)}
	begin := []func(*fakebackend.Conn){func(*fakebackend.Conn) {}, beginStream(fakebackend.Data(first)), beginStream("data: {")}
	var replies []fakebackend.Reply
	for i := range callers {
		replies = append(replies, at.leaver(begin[i%len(begin)]))
	}
	g := start(t, replies...)
	before := settled(g)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	left := make(chan error, callers)
	for range callers {
		req := g.request(ctx, "POST", completions, strings.NewReader(streamed))
		go func() {
			resp, err := g.client.Do(req)
			if err == nil {
				_, err = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
			left <- err
		}()
	}
	for range callers {
		await(t, "for the backend to be asked", at.reached)
	}
	leave()
	for range callers {
		await(t, "for the backend to be given up", at.gone)
		if err := await(t, "for a caller to leave", left); err == nil {
			t.Error("a caller who left had a whole answer")
		}
	}
	mustGoBackTo(t, before)
}
