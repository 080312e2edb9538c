package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/specgate/specgate/internal/fakebackend"
)

// deadline is when a connection is given up that should have moved on long before.
func deadline() time.Time { return time.Now().Add(bounded) }

// faucet is a backend that writes a stream as fast as it is let.
type faucet struct {
	url     string
	written atomic.Int64
	blocked chan struct{} // closed when a write has not ended in stillness
	ended   chan error    // holds why it has stopped
}

const (
	stillness = time.Second // in which nothing is taken from a backend that is held up
	pressed   = 32 << 20    // what a faucet has to give, which no socket holds
	eventText = 16 << 10
)

// numbered is an event that is told from all others.
func numbered(i int) string {
	return fakebackend.Data(piece(fmt.Sprintf("%08d", i)+many(eventText/8-1, "01234567"), "null", ""))
}

const events = pressed / eventText

func open(t *testing.T) *faucet {
	t.Helper()
	f := &faucet{blocked: make(chan struct{}), ended: make(chan error, 1)}
	l := listenAnywhere(t)
	f.url = "http://" + l.Addr().String()
	t.Cleanup(func() { _ = l.Close() })
	go func() { f.ended <- f.serve(l) }()
	return f
}

// serve answers one request.
func (f *faucet) serve(l net.Listener) error {
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(64 << 10)
	}
	if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
		return err
	}
	if err := f.write(conn, streamHead); err != nil {
		return err
	}
	for i := range events {
		if err := f.write(conn, chunk(numbered(i))); err != nil {
			return err
		}
	}
	return f.write(conn, chunk(fakebackend.Data("[DONE]"))+"0\r\n\r\n")
}

// write notes when a write is held up, and goes on with it.
func (f *faucet) write(conn net.Conn, text string) error {
	for rest := []byte(text); len(rest) > 0; {
		if err := conn.SetWriteDeadline(time.Now().Add(stillness)); err != nil {
			return err
		}
		n, err := conn.Write(rest)
		f.written.Add(int64(n))
		rest = rest[n:]
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && n == 0:
			select {
			case <-f.blocked:
			default:
				close(f.blocked)
			}
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		}
	}
	return nil
}

func await[T any](t *testing.T, what string, signal <-chan T) (got T) {
	t.Helper()
	select {
	case got = <-signal:
	case <-time.After(bounded):
		t.Fatalf("waited in vain: %s", what)
	}
	return got
}

// heap is what is in use after a collection.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A caller who reads slowly slows his backend: what lies between them is bounded, in the kernel and here,
// and nothing of it is lost. It runs alone, for it weighs the process.
func TestSlowReaderSlowsTheBackend(t *testing.T) {
	const (
		inSockets = 16 << 20 // the kernel's most for a buffer each way, 4 and 6 MiB, and some
		inHeap    = 4 << 20
	)
	f := open(t)
	g := startWith(t, "upstreams: {gpu: {base_url: '"+f.url+"/v1'}}\nstream: {write_timeout: 1m}\n")
	conn := g.connect()
	before := heap()
	mustWrite(t, conn, rawRequest("1.1", streamed))
	await(t, "for the backend to be held up", f.blocked)
	if n := f.written.Load(); n > inSockets {
		t.Errorf("the backend could write %d bytes to a caller who reads nothing", n)
	}
	if grown := heap() - before; grown > inHeap {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	in := bufio.NewReader(resp.Body)
	for i := range events {
		want := numbered(i)
		got := make([]byte, len(want))
		if _, err := io.ReadFull(in, got); err != nil || string(got) != want {
			t.Fatalf("event %d: %s, %v", i, abridged(string(got)), err)
		}
		_ = conn.SetReadDeadline(deadline())
	}
	if rest := readRest(t, in); rest != "data: [DONE]\n\n" {
		t.Errorf("the stream ends with %q", rest)
	}
	if err := await(t, "for the backend to end", f.ended); err != nil {
		t.Error(err)
	}
}

const hastyWrites = "stream: {write_timeout: 200ms}\n"

// A caller who never reads is dropped, and the backend given up.
func TestStreamThatIsNeverRead(t *testing.T) {
	t.Parallel()
	f := open(t)
	g := startWith(t, "upstreams: {gpu: {base_url: '"+f.url+"/v1'}}\n"+hastyWrites)
	conn := g.connect()
	mustWrite(t, conn, rawRequest("1.1", streamed))
	if err := await(t, "for the backend to be given up", f.ended); err == nil {
		t.Error("the backend could write all")
	}
	g.log.await(t, `"msg":"request"`, `"status":499`, `"code":"client_closed"`)
	mustLookBroken(t, conn)
}

// mustLookBroken reads an answer whose end may not look like one.
func mustLookBroken(t *testing.T, conn net.Conn) {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) || strings.Contains(string(body), "[DONE]") {
		t.Errorf("%d bytes came, and the end was %v", len(body), err)
	}
}

func TestBodyThatIsNeverRead(t *testing.T) {
	t.Parallel()
	body := strings.Replace(answered, " there", many(3<<20, "0123456789"), 1)
	g := startWith(t, hastyWrites, fakebackend.JSON(200, body))
	conn := g.connect()
	mustWrite(t, conn, rawRequest("1.1", plainBody))
	g.log.await(t, `"msg":"request"`, `"status":499`, `"code":"client_closed"`)
	mustLookBroken(t, conn)
}

// Who takes some of what is written in each deadline is slow, not gone, however long all of it takes.
func TestSlowReaderIsKept(t *testing.T) {
	t.Parallel()
	const timeout, pauses = 2 * time.Second, 6
	f := open(t)
	g := startWith(t, "upstreams: {gpu: {base_url: '"+f.url+"/v1'}}\nstream: {write_timeout: 2s}\n")
	conn := g.connect()
	mustWrite(t, conn, rawRequest("1.1", streamed))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	all := int64(0)
	for range pauses {
		time.Sleep(timeout / pauses * 3 / 2)
		n, err := io.CopyN(io.Discard, resp.Body, pressed/pauses/2)
		if all += n; err != nil {
			t.Fatalf("after %d bytes: %v", all, err)
		}
	}
	_ = conn.SetReadDeadline(deadline())
	rest, err := io.ReadAll(resp.Body)
	if err != nil || !strings.HasSuffix(string(rest), "data: [DONE]\n\n") {
		t.Errorf("after %d bytes: %v", all+int64(len(rest)), err)
	}
	if err := await(t, "for the backend to end", f.ended); err != nil {
		t.Error(err)
	}
}

// Headers have their time as a whole: a byte now and then does not prolong it.
func TestHeadersThatTrickle(t *testing.T) {
	t.Parallel()
	g := startWith(t, "limits: {header_timeout: 200ms}\n")
	for name, begin := range map[string]string{
		"nothing":        "",
		"no line":        "POST",
		"no headers":     "POST /v1/completions HTTP/1.1\r\n",
		"half of one":    "POST /v1/completions HTTP/1.1\r\nHost: x\r\nAuthor",
		"all but an end": strings.TrimSuffix(rawRequest("1.1", ""), "\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := g.in(t).connect()
			mustWrite(t, conn, begin)
			over := make(chan struct{})
			trickled := make(chan struct{})
			go func() {
				defer close(trickled)
				for every := time.NewTicker(20 * time.Millisecond); ; {
					select {
					case <-over:
						every.Stop()
						return
					case <-every.C:
						_, _ = io.WriteString(conn, "x")
					}
				}
			}()
			got, err := io.ReadAll(conn)
			close(over)
			<-trickled
			if errors.Is(err, os.ErrDeadlineExceeded) || strings.Contains(string(got), " 200 ") {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// A body that stops coming is a 408, and no backend hears of it.
func TestBodiesThatStop(t *testing.T) {
	t.Parallel()
	g := startWith(t, "limits: {body_timeout: 200ms}\n", fakebackend.JSON(200, answered))
	half := plainBody[:len(plainBody)/2]
	for name, request := range map[string]string{
		"length":           strings.TrimSuffix(rawRequest("1.1", plainBody), plainBody[len(half):]),
		"length, nothing":  strings.TrimSuffix(rawRequest("1.1", plainBody), plainBody),
		"length, a stream": strings.TrimSuffix(rawRequest("1.1", streamed), streamed[10:]),
		"chunks":           strings.Replace(rawRequest("1.1", ""), "Content-Length: 0", "Transfer-Encoding: chunked", 1) + "ff\r\n" + half,
		"between chunks":   strings.Replace(rawRequest("1.1", ""), "Content-Length: 0", "Transfer-Encoding: chunked", 1) + chunk(plainBody),
		"gzip":             strings.Replace(rawRequest("1.1", plainBody, "Content-Encoding: gzip"), plainBody, "\x1f\x8b\x08", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := g.in(t).connect()
			mustWrite(t, conn, request)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			got := answer{resp.StatusCode, resp.Header, string(body)}
			mustKeepContract(t, completions, got)
			if e := got.error(t); got.status != 408 || orNull(e.Code) != "request_timeout" || !resp.Close {
				t.Errorf("got %d %s, closes: %v", got.status, got.body, resp.Close)
			}
			if rest, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) || len(rest) > 0 {
				t.Errorf("then came %q, %v", rest, err)
			}
		})
	}
	t.Cleanup(func() {
		if n := len(g.backend.Requests()); n > 0 {
			t.Errorf("the backend got %d requests", n)
		}
	})
}
