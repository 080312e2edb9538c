package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// The backends.
const (
	flap = "flap" // comes and goes, and breaks all connections when it goes
	slow = "slow" // takes its time, and sometimes for ever
	liar = "liar" // says what no backend should
)

// backends are the three.
type backends struct {
	all  []*backend
	end  context.CancelFunc
	flap sync.WaitGroup // the one that comes and goes
}

func startBackends(ctx context.Context, seed uint64, books *ledger) (*backends, error) {
	ctx, cancel := context.WithCancel(ctx)
	bs := &backends{end: cancel}
	for _, name := range []string{flap, slow, liar} {
		b := &backend{name: name, address: "127.0.0.1:0", seed: seed, books: books}
		if err := b.open(); err != nil {
			bs.close()
			return nil, err
		}
		bs.all = append(bs.all, b)
	}
	bs.flap.Go(func() { bs.all[0].comeAndGo(ctx) })
	return bs, nil
}

// running is how many requests the backends still have.
func (bs *backends) running() int64 {
	var n int64
	for _, b := range bs.all {
		n += b.active.Load()
	}
	return n
}

// release closes the connections that the gateway keeps and does not use.
func (bs *backends) release() {
	for _, b := range bs.all {
		b.release()
	}
}

func (bs *backends) close() {
	bs.end()
	bs.flap.Wait()
	for _, b := range bs.all {
		b.leave(inOrder)
	}
}

// backend is a server of completions, on one address, over and over.
type backend struct {
	name    string
	address string
	seed    uint64
	books   *ledger
	active  atomic.Int64 // requests that it has

	mu     sync.Mutex
	server *http.Server // nil while it is away
	conns  map[net.Conn]bool
}

// open listens.
func (b *backend) open() error {
	l, err := net.Listen("tcp", b.address) //nolint:noctx // at once or not at all
	if err != nil {
		return fmt.Errorf("listen for %s: %w", b.name, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.address = l.Addr().String()
	b.conns = map[net.Conn]bool{}
	stay := b.books.stay(b.name)
	serve := func(w http.ResponseWriter, r *http.Request) { b.serve(w, r, stay) }
	b.server = &http.Server{Handler: http.HandlerFunc(serve), ReadHeaderTimeout: time.Minute, ConnState: b.track}
	go b.server.Serve(l) //nolint:errcheck // it ends by leave
	return nil
}

func (b *backend) track(c net.Conn, s http.ConnState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conns[c] = true; s == http.StateClosed || s == http.StateHijacked {
		delete(b.conns, c)
	}
}

// How a connection is closed, as SetLinger takes it.
const (
	inOrder   = -1
	withReset = 0
)

// leave closes the listener and all connections.
func (b *backend) leave(linger int) {
	b.mu.Lock()
	server := b.server
	b.server = nil
	for c := range b.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(linger)
		}
	}
	b.mu.Unlock()
	b.books.cutAll(b.name)
	if server != nil {
		_ = server.Close()
	}
}

func (b *backend) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.server != nil {
		b.server.SetKeepAlivesEnabled(false)
		b.server.SetKeepAlivesEnabled(true)
	}
}

// comeAndGo is there for some seconds, away for one or two, and so on; in the end it is there.
func (b *backend) comeAndGo(ctx context.Context) {
	draw := rand.New(rand.NewPCG(b.seed, 0)) //nolint:gosec // a seed has to give the same again
	wait := func(least, most int) bool {
		select {
		case <-time.After(time.Duration(least+draw.IntN(most-least)) * time.Millisecond):
			return true
		case <-ctx.Done():
			return false
		}
	}
	for wait(2000, 6000) {
		b.leave([]int{inOrder, withReset}[draw.IntN(2)])
		there := wait(500, 2500)
		for b.open() != nil && wait(50, 100) { // its port may be another's for a moment
		}
		if !there {
			return
		}
	}
}

// serve answers as the seed and the request, and nothing else, make it.
func (b *backend) serve(w http.ResponseWriter, r *http.Request, stay int) {
	if r.Method == http.MethodGet {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"object":"list","data":[]}`)
		return
	}
	b.active.Add(1)
	defer b.active.Add(-1)
	id := r.Header.Get("X-Request-Id")
	raw, err := io.ReadAll(r.Body)
	draw := b.draw(id, raw)
	how := b.choose(draw)
	note := b.books.note(id, b.name, how, stay)
	if err != nil {
		b.books.spoil(note) // the connection broke before the request was there
		return
	}
	a, err := newAnswering(w, r, id, raw)
	if err != nil {
		w.WriteHeader(http.StatusTeapot) // the gateway has sent what it should not have; nothing explains it
		return
	}
	a.draw = draw
	how.tell(a)
}

func (b *backend) choose(draw *rand.Rand) behaviour {
	switch b.name {
	case slow:
		return pick(draw, slowness)
	case liar:
		return pick(draw, lies)
	default:
		return honest
	}
}

// pick draws a behaviour by its weight.
func pick(draw *rand.Rand, from []behaviour) behaviour {
	sum := 0
	for _, b := range from {
		sum += b.weight
	}
	n := draw.IntN(sum)
	for _, b := range from {
		if n -= b.weight; n < 0 {
			return b
		}
	}
	return honest
}
