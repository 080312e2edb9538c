package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/fakebackend"
	"github.com/specgate/specgate/internal/record"
)

// balancer sends each new connection to the next process that says it is ready, and looks no further
// into it: what it does, the least of them does.
type balancer struct {
	t        *testing.T
	listener net.Listener
	running  sync.WaitGroup

	mu    sync.Mutex
	slots []*slot
	turn  int
}

// slot is one place for a process.
type slot struct {
	address string
	ready   bool
	sent    int // connections so far
}

func startBalancer(t *testing.T, processes ...*process) *balancer {
	t.Helper()
	b := &balancer{t: t, listener: listenAnywhere(t)}
	for _, p := range processes {
		b.slots = append(b.slots, &slot{address: strings.TrimPrefix(p.url, "http://")})
	}
	over := make(chan struct{})
	for _, s := range b.slots {
		b.running.Go(func() { b.watch(s, over) })
	}
	b.running.Go(b.accept)
	t.Cleanup(func() {
		close(over)
		_ = b.listener.Close()
		b.running.Wait()
	})
	return b
}

// watch asks a process again and again whether it is ready.
func (b *balancer) watch(s *slot, over <-chan struct{}) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		b.mu.Lock()
		address := s.address
		b.mu.Unlock()
		ready := isReady(address)
		b.mu.Lock()
		s.ready = ready && address == s.address
		b.mu.Unlock()
		select {
		case <-tick.C:
		case <-over:
			return
		}
	}
}

func isReady(address string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func (b *balancer) accept() {
	for {
		conn, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.running.Go(func() { b.relay(conn) })
	}
}

// relay joins a connection with one to a process, until either side ends it.
func (b *balancer) relay(client net.Conn) {
	defer client.Close() //nolint:errcheck // whoever ended it knows
	address := b.choose()
	for ; address == "" && b.t.Context().Err() == nil; address = b.choose() { // it may have been asked on a busy machine, and late to answer
		time.Sleep(5 * time.Millisecond)
	}
	server, err := (&net.Dialer{}).DialContext(b.t.Context(), "tcp", address)
	if err != nil {
		b.t.Errorf("a process that is ready refuses a connection: %v", err)
		return
	}
	defer server.Close() //nolint:errcheck // the same
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	})
	_, _ = io.Copy(server, client)
	_ = server.Close()
	back.Wait()
}

func (b *balancer) choose() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range b.slots {
		s := b.slots[b.turn%len(b.slots)]
		if b.turn++; s.ready {
			s.sent++
			return s.address
		}
	}
	return ""
}

// put places a new process where another was, and waits until it gets connections.
func (b *balancer) put(i int, p *process) {
	b.t.Helper()
	b.mu.Lock()
	s := b.slots[i]
	s.address, s.ready, s.sent = strings.TrimPrefix(p.url, "http://"), false, 0
	b.mu.Unlock()
	b.await(i)
}

// await waits until a process gets connections.
func (b *balancer) await(i int) {
	b.t.Helper()
	for end := time.Now().Add(bounded); ; time.Sleep(5 * time.Millisecond) {
		b.mu.Lock()
		sent := b.slots[i].sent
		b.mu.Unlock()
		if sent > 0 {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("process %d gets no connections", i)
		}
	}
}

// How a restart is timed. What runs for less than the delay may use its connection again, for it hears
// in time that it must not; what runs longer ends within the drain.
const (
	restartDelay = 2500 * time.Millisecond
	shortStream  = 10 // events
	longStream   = 110
	eventPause   = 30 * time.Millisecond
)

// paced streams as many events as the request's max_tokens says, each with its number.
func paced(c *fakebackend.Conn, r *fakebackend.Request) {
	n := shortStream
	if strings.Contains(string(r.Body), fmt.Sprintf(`"max_tokens":%d`, longStream)) {
		n = longStream
	}
	c.Head(http.StatusOK, fakebackend.EventStream)
	for i := range n {
		c.Chunk(fakebackend.Data(piece(fmt.Sprint(i), "null", "")))
		time.Sleep(eventPause)
	}
	c.Chunk(fakebackend.Data("[DONE]"))
	c.End()
}

// Two processes behind a balancer are replaced one after the other, while fifty clients stream: nobody
// is refused, and nothing is cut.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	backend := fakebackend.New(t, paced)
	settings := fmt.Sprintf("shutdown: {delay: %v, drain: 15s}", restartDelay)
	processes := []*process{startProcess(t, backend.URL, settings), startProcess(t, backend.URL, settings)}
	b := startBalancer(t, processes...)
	for end := time.Now().Add(bounded); !b.allReady(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the processes do not get ready")
		}
	}

	over := make(chan struct{})
	var clients sync.WaitGroup
	var whole atomic.Int64
	for i := range 50 {
		clients.Go(func() { whole.Add(int64(streamUntil(t, b.listener.Addr().String(), i, over))) })
	}
	b.await(0)
	b.await(1)
	for i, p := range processes {
		p.signal(syscall.SIGTERM)
		if code := p.code(); code != exitOK {
			t.Errorf("process %d ended with exit code %d", i, code)
		}
		b.put(i, startProcess(t, backend.URL, settings))
	}
	close(over)
	clients.Wait()
	t.Logf("%d streams, all whole", whole.Load())
}

func (b *balancer) allReady() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.slots {
		if !s.ready {
			return false
		}
	}
	return true
}

// streamUntil asks for streams, one after the other, and returns how many were whole, which all have to
// be. Every second client keeps its connection and asks for short ones.
func streamUntil(t *testing.T, address string, client int, over <-chan struct{}) (count int) {
	t.Helper()
	long := client%2 == 0
	transport := &http.Transport{DisableKeepAlives: long}
	defer transport.CloseIdleConnections()
	n := shortStream
	if long {
		n = longStream
	}
	var want strings.Builder
	for i := range n {
		want.WriteString(fakebackend.Data(piece(fmt.Sprint(i), "null", "")))
	}
	want.WriteString(fakebackend.Data("[DONE]"))
	for {
		select {
		case <-over:
			return count
		default:
		}
		body := fmt.Sprintf(`{"model":"m","prompt":"x","stream":true,"max_tokens":%d}`, n)
		if err := streamOnce(t.Context(), transport, "http://"+address+completions, body, want.String()); err != nil {
			t.Errorf("client %d after %d streams: %v", client, count, err)
			return count
		}
		count++
	}
}

// streamOnce fails where a stream is not what is wanted, to the byte.
func streamOnce(ctx context.Context, transport http.RoundTripper, url, body, want string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer sg-process")
	req.Header.Set("Content-Type", "application/json")
	resp, err := record.Transport(transport, gen.Spec).RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read to its end
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || string(got) != want {
		return errors.Join(fmt.Errorf("status %d: %s", resp.StatusCode, abridged(string(got))), err)
	}
	return nil
}
