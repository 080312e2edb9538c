package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"github.com/specgate/specgate/internal/apierror"
)

// exchange is one request and its answer. It belongs to one goroutine, which closes it.
type exchange struct {
	name     string
	timeouts Timeouts
	ctx      context.Context // the caller's, which the exchange can end as well
	end      context.CancelCauseFunc
	free     context.CancelFunc // frees the timer of the total
	watch    watch
	response *http.Response
	body     io.Reader // the answer's body, decoded; nil until decode

	connected bool        // whether there was a connection to send the request on
	begun     atomic.Bool // whether a byte of the answer has come
}

// open sends a request and returns once the headers of the answer are there, whatever they say.
func (c *Client) open(ctx context.Context, what call) (*exchange, error) {
	x := &exchange{name: c.options.Name, timeouts: c.options.Timeouts, free: func() {}}
	x.ctx, x.end = context.WithCancelCause(ctx)
	if total := x.timeouts.Total; total > 0 {
		x.ctx, x.free = context.WithTimeoutCause(x.ctx, total, &slow{"everything", total})
	}
	if err := x.roundTrip(c, what); err != nil { //nolint:contextcheck // the exchange has the caller's, and its own end
		x.close()
		return nil, err
	}
	return x, nil
}

func (x *exchange) roundTrip(c *Client, what call) error {
	r, err := c.request(httptrace.WithClientTrace(x.ctx, x.trace()), what)
	if err != nil {
		return err
	}
	x.response, err = c.transport.RoundTrip(r) //nolint:bodyclose // close closes it
	x.watch.stop()
	if err != nil {
		return x.failure(err)
	}
	return nil
}

// trace moves the watch from one stage to the next. net/http calls the first two hooks on the goroutine
// that waits for the answer, and both again where it takes another connection.
func (x *exchange) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) {
			x.connected = false
			x.watch.start(x.end, "connecting", x.timeouts.Connect)
		},
		GotConn: func(httptrace.GotConnInfo) {
			x.connected = true
			x.watch.start(x.end, "the first byte", x.timeouts.FirstByte)
		},
		GotFirstResponseByte: func() { x.begun.Store(true) }, // on a goroutine of the connection's
	}
}

// reading is the answer's body as it comes, watched.
type reading struct{ *exchange }

func (r reading) Read(p []byte) (int, error) {
	r.watch.restart(r.end, "the next piece", r.timeouts.Idle)
	n, err := r.response.Body.Read(p)
	r.watch.pause()
	if err != nil && !errors.Is(err, io.EOF) {
		err = r.failure(err)
	}
	return n, err
}

// mediaType is that of the answer, without parameters.
func (x *exchange) mediaType() string {
	value, _, _ := strings.Cut(x.response.Header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(value))
}

// readAll reads the whole body; a limit of 0 is none.
func (x *exchange) readAll(limit int) ([]byte, error) {
	const firstSize, lastGuess = 4 << 10, 1 << 20
	size := firstSize
	if n := x.response.ContentLength; n > 0 {
		size = int(min(n+1, lastGuess)) // one more, to meet the end without growing
	}
	body := make([]byte, 0, size)
	for {
		n, err := x.body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case limit > 0 && len(body) > limit:
			return nil, apierror.Upstream(fmt.Sprintf("The backend's answer is larger than %d bytes.", limit), nil)
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			return nil, x.unreadable(err)
		case len(body) == cap(body):
			body = append(body, 0)[:len(body)]
		}
	}
}

// drainTime is how long the end of a body is waited for, after the last event. The backend has
// nothing more to say, so it is there at once or the connection isn't worth keeping.
const drainTime = 10 * time.Millisecond

// drain reads the end of a body that holds nothing more, so that the connection can be used again.
func (x *exchange) drain() {
	const pieces, size = 4, 512
	x.watch.stop()
	x.timeouts.Idle = drainTime
	rest := make([]byte, size)
	for range pieces {
		if _, err := (reading{x}).Read(rest); err != nil {
			return
		}
	}
}

// close gives the exchange up, unless it is over: the backend sees its connection close.
func (x *exchange) close() {
	x.watch.stop()
	x.end(errClosed)
	x.free()
	if x.response != nil {
		_ = x.response.Body.Close() // what it could say is of no use to anyone
	}
}

var errClosed = errors.New("the exchange was closed")
