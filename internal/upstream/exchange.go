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
	ctx      context.Context // the caller's, which the exchange can end as well
	stages   *stages
	watch    watch
	response *http.Response
	body     io.Reader // the answer's body, decoded; nil until decode
	ended    bool      // whether all of the body has come

	connected bool        // whether there was a connection to send the request on
	begun     atomic.Bool // whether a byte of the answer has come
}

// open sends a request and returns once the headers of the answer are there, whatever they say.
func (c *Client) open(ctx context.Context, what call) (*exchange, error) {
	x := &exchange{name: c.options.Name, stages: c.stages}
	x.watch.total, x.watch.started = &c.stages.total, time.Now()
	x.ctx, x.watch.end = context.WithCancelCause(ctx)
	if err := x.roundTrip(c, what); err != nil { //nolint:contextcheck // the exchange has the caller's, and its own end
		x.close()
		return nil, err
	}
	c.recognize(x.response.Header)
	return x, nil
}

func (x *exchange) roundTrip(c *Client, what call) (err error) {
	r := c.request(httptrace.WithClientTrace(x.ctx, x.trace()), what)
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
			x.watch.start(&x.stages.connect)
		},
		GotConn: func(httptrace.GotConnInfo) {
			x.connected = true
			x.watch.start(&x.stages.firstByte)
		},
		GotFirstResponseByte: func() { x.begun.Store(true) }, // on a goroutine of the connection's
	}
}

// reading is the answer's body as it comes, watched.
type reading struct{ *exchange }

func (r reading) Read(p []byte) (int, error) {
	r.watch.start(&r.stages.idle)
	n, err := r.response.Body.Read(p)
	r.watch.stop()
	if errors.Is(err, io.EOF) {
		r.ended = true
	} else if err != nil {
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

// drainTime is how long the end of a body is waited for in all, after the last event. The backend has
// nothing more to say, so it is there at once or the connection isn't worth keeping.
const drainTime = 10 * time.Millisecond

// drain reads the end of a body that holds nothing more, so that the connection can be used again.
func (x *exchange) drain() {
	const pieces, size = 4, 512
	rest := make([]byte, size)
	x.watch.start(&x.stages.drain)
	for range pieces {
		if _, err := x.response.Body.Read(rest); err != nil {
			return
		}
	}
}

// close gives the exchange up, unless it is over: the backend sees its connection close.
func (x *exchange) close() {
	x.watch.stop()
	x.watch.end(errClosed)
	if x.response != nil {
		_ = x.response.Body.Close() // what it could say is of no use to anyone
	}
}

var errClosed = errors.New("the exchange was closed")
