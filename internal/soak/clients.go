package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"time"
)

const (
	token    = "sg-soak"
	patience = time.Minute
)

// clients ask one request after the other, each on a connection of its own.
type clients struct {
	all    []*client
	books  *ledger
	report *report
}

type client struct {
	name      string
	asked     int
	url       string
	address   string
	draw      *rand.Rand
	transport *http.Transport
	written   chan struct{} // holds an item where something was written to the connection
}

func newClients(o options, address string, books *ledger, r *report) *clients {
	cs := &clients{books: books, report: r}
	for i := range o.clients {
		c := &client{
			name:    fmt.Sprintf("c%d", i),
			url:     "http://" + address + "/v1/completions",
			address: address,
			draw:    rand.New(rand.NewPCG(o.seed, uint64(i+1))), //nolint:gosec // a seed has to give the same again
			written: make(chan struct{}, 1),
		}
		c.transport = &http.Transport{DisableCompression: true, DialContext: c.dial}
		cs.all = append(cs.all, c)
	}
	return cs
}

// dial makes connections that tell what was written.
func (c *client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	return &telling{conn, c.written}, err
}

type telling struct {
	net.Conn
	written chan<- struct{}
}

func (t *telling) Write(p []byte) (int, error) {
	n, err := t.Conn.Write(p)
	select {
	case t.written <- struct{}{}:
	default:
	}
	return n, err
}

// ask lets all of them ask for a time, and waits until each has the end of its last request.
func (cs *clients) ask(ctx context.Context, d time.Duration) {
	until := time.Now().Add(d)
	var running sync.WaitGroup
	for _, c := range cs.all {
		running.Go(func() {
			defer c.transport.CloseIdleConnections()
			for time.Now().Before(until) && ctx.Err() == nil {
				c.asked++
				e := newErrand(c.draw, fmt.Sprintf("%s-%d", c.name, c.asked))
				began := time.Now()
				how, err := c.run(ctx, e)
				e.took = time.Since(began)
				cs.report.note(e, how, err, cs.books.settle(e.id))
				time.Sleep(time.Duration(c.draw.IntN(int(30 * time.Millisecond))))
			}
		})
	}
	running.Wait()
}

// run sends a request and reads the answer, or leaves. The error is what nobody may meet.
func (c *client) run(ctx context.Context, e errand) (ending, error) {
	if e.leaves.within {
		return left, c.sendHalf(ctx, e)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	sent := make(chan struct{})
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) {
		select { // what comes now is the rest of the request, which is in a buffer
		case <-c.written:
		default:
		}
		close(sent)
	}})
	var waiting sync.WaitGroup
	defer waiting.Wait()
	over := make(chan struct{})
	defer close(over)
	if e.leaves.after != 0 {
		waiting.Go(func() { c.leave(cancel, e.leaves.after, sent, over) })
	}
	how, err := c.exchange(ctx, e)
	if errors.Is(err, context.Canceled) && e.leaves.after != 0 || errors.Is(err, errLeft) {
		return left, nil
	}
	return how, err
}

var errLeft = errors.New("the client left")

// leave cancels a request some time after it was sent, as a whole: so the gateway gets, and counts, it.
func (c *client) leave(cancel func(), after time.Duration, sent, over <-chan struct{}) {
	for _, step := range []<-chan struct{}{sent, c.written} {
		select {
		case <-step:
		case <-over:
			return
		}
	}
	select {
	case <-time.After(after):
		cancel()
	case <-over:
	}
}

// sendHalf leaves in the middle of the request's body.
func (c *client) sendHalf(ctx context.Context, e errand) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.address)
	if err != nil {
		return err
	}
	body := e.body()
	_, err = fmt.Fprintf(conn, "POST /v1/completions HTTP/1.1\r\nHost: soak\r\nAuthorization: Bearer %s\r\nX-Request-Id: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		token, e.id, len(body), body[:len(body)/2])
	return errors.Join(err, conn.Close())
}

func (c *client) exchange(ctx context.Context, e errand) (ending, error) {
	body, bearer, mediaType := e.body(), token, "application/json"
	if e.fault != nil {
		e.fault.spoil(&body, &bearer, &mediaType)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, strings.NewReader(body))
	if err != nil {
		return ending{}, err
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	req.Header.Set("Content-Type", mediaType)
	req.Header.Set("X-Request-Id", e.id)
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return ending{}, err
	}
	defer resp.Body.Close() //nolint:errcheck // what matters was read
	if got := resp.Header.Get("X-Request-Id"); got != e.id {
		return ending{}, fmt.Errorf("the answer is that to %q", got)
	}
	reader := newReading(e)
	if resp.StatusCode == http.StatusOK && e.stream {
		return reader.stream(e.leaves.limit(resp.Body), resp.Header)
	}
	raw, err := io.ReadAll(e.leaves.limit(resp.Body))
	if err != nil {
		return ending{}, err
	}
	return reader.whole(resp, raw)
}

// limit ends the reading where the client leaves at a place of the answer.
func (l leaving) limit(body io.Reader) io.Reader {
	if l.bytes == 0 {
		return body
	}
	return &limited{body, l.bytes}
}

type limited struct {
	io.Reader
	left int
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left == 0 {
		return 0, errLeft
	}
	n, err := l.Reader.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}
