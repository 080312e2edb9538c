// Package fakebackend is a backend for tests: it records every request to the byte and answers from
// a script, to the byte as well, so that it can also be wrong in each way in which real ones are.
package fakebackend

import (
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// patience is how long a script waits for what the test has to bring about, before it fails the test.
const patience = 10 * time.Second

// Backend listens on a free port of the loopback until the test ends.
type Backend struct {
	URL string // http://127.0.0.1:port, with no path

	t        testing.TB
	listener net.Listener
	serving  sync.WaitGroup
	over     chan struct{} // closed when the test is over

	mu       sync.Mutex
	replies  []Reply
	requests []*Request
	conns    map[net.Conn]struct{}
	dialled  int
}

// New starts a backend. Its first request is answered by the first reply, the next by the next, and
// all further ones by the last. With no replies at all, every request is answered with 404.
func New(tb testing.TB, replies ...Reply) *Backend {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("listen: %v", err)
	}
	b := &Backend{
		URL:      "http://" + listener.Addr().String(),
		t:        tb,
		listener: listener,
		over:     make(chan struct{}),
		replies:  replies,
		conns:    map[net.Conn]struct{}{},
	}
	b.serving.Go(b.accept)
	tb.Cleanup(b.close)
	return b
}

// Requests returns the requests that have come so far, in their order.
func (b *Backend) Requests() []*Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.requests)
}

// Connections tells how many connections were made so far, open or not.
func (b *Backend) Connections() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dialled
}

func (b *Backend) accept() {
	for {
		conn, err := b.listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				b.t.Errorf("accept: %v", err)
			}
			return
		}
		if !b.keep(conn) {
			_ = conn.Close()
			return
		}
		b.serving.Go(func() { b.serve(conn) })
	}
}

// keep notes a connection, unless the test is over.
func (b *Backend) keep(conn net.Conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conns == nil {
		return false
	}
	b.conns[conn] = struct{}{}
	b.dialled++
	return true
}

func (b *Backend) forget(conn net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.conns, conn)
}

// record keeps a request and finds the reply to it.
func (b *Backend) record(r *Request) Reply {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := len(b.requests)
	b.requests = append(b.requests, r)
	if len(b.replies) == 0 {
		return JSON(404, `{"error":{"message":"no reply is scripted"}}`)
	}
	return b.replies[min(i, len(b.replies)-1)]
}

func (b *Backend) close() {
	close(b.over)
	_ = b.listener.Close()
	b.mu.Lock()
	for conn := range b.conns {
		_ = conn.Close()
	}
	b.conns = nil
	b.mu.Unlock()
	b.serving.Wait()
}
