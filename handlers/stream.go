package handlers

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/sse"
)

// streamResponse writes a completion as it is generated.
type streamResponse struct {
	answer    *completion.Answer
	keepalive time.Duration
}

// VisitCreateCompletionResponse sends the headers at once, then each event as it comes; those that came
// together go on together, when the next has to be waited for. A stream that breaks ends with an error
// event and no [DONE]; the error is returned for the log.
func (r *streamResponse) VisitCreateCompletionResponse(w http.ResponseWriter) (err error) {
	stream := r.answer.Stream
	defer func() { err = errors.Join(err, stream.Close()) }()
	out := newEventWriter(w, r.keepalive)
	defer out.stop()
	if err := out.open(r.answer.Header); err != nil {
		return err
	}
	out.gathers = completion.BeforeWait(stream, out.push)
	for {
		chunk, err := stream.Next()
		switch {
		case errors.Is(err, io.EOF):
			return out.done()
		case err != nil:
			return errors.Join(err, out.fail(err))
		}
		if err := out.event(chunk); err != nil {
			return err
		}
	}
}

// eventWriter writes events, each by one Write, and a comment into every long silence between them.
type eventWriter struct {
	w         http.ResponseWriter
	control   *http.ResponseController
	keepalive time.Duration

	mu      sync.Mutex // held while an event or a comment is written
	buf     []byte
	silent  *time.Timer // nil where there is no keepalive
	gathers bool        // whether push is called when what was written has to go
	pending bool        // whether something was written that has not gone
	failed  error       // why push could not send
	ended   bool
}

func newEventWriter(w http.ResponseWriter, keepalive time.Duration) *eventWriter {
	return &eventWriter{w: w, control: http.NewResponseController(w), keepalive: keepalive}
}

// open sends the status and the headers, before there is any event.
func (e *eventWriter) open(header http.Header) error {
	h := e.w.Header()
	maps.Copy(h, header)
	h["Content-Type"] = []string{"text/event-stream; charset=utf-8"}
	h["Cache-Control"] = []string{"no-cache"}
	h["X-Accel-Buffering"] = []string{"no"}
	e.mu.Lock() // the first comment may be due before the headers are out
	defer e.mu.Unlock()
	e.w.WriteHeader(http.StatusOK)
	if e.keepalive > 0 {
		e.silent = time.AfterFunc(e.keepalive, e.ping)
	}
	return e.flush()
}

// event writes one chunk, and sends it unless push will.
func (e *eventWriter) event(chunk []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failed != nil {
		return e.failed
	}
	e.buf = sse.AppendData(e.buf[:0], chunk)
	if e.gathers {
		return e.write()
	}
	return e.send()
}

// push sends what has been written. Where it cannot, the server has ended the request's context, and the
// next event tells why.
func (e *eventWriter) push() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.pending && e.failed == nil {
		e.failed = e.flush()
	}
}

// done ends a stream that was whole. The server flushes it together with the end of the body.
func (e *eventWriter) done() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ended = true
	e.buf = sse.AppendDone(e.buf[:0])
	return e.write()
}

// fail ends a stream that broke. Nothing follows its event, not even a comment.
func (e *eventWriter) fail(cause error) error {
	body, err := json.Marshal(gen.Error{Error: apierror.From(cause).Object()})
	if err != nil {
		return fmt.Errorf("encode error event: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ended = true
	e.buf = sse.AppendData(e.buf[:0], body)
	return e.send()
}

// ping tells whoever waits that the stream lives: proxies cut a connection that is silent for long.
func (e *eventWriter) ping() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended {
		return
	}
	e.buf = sse.AppendPing(e.buf[:0])
	// A caller who is gone is seen by the server, which ends the request's context.
	_ = e.send()
}

// send writes and flushes buf; mu is held.
func (e *eventWriter) send() error {
	if err := e.write(); err != nil {
		return err
	}
	return e.flush()
}

func (e *eventWriter) write() error {
	e.pending = true
	if _, err := e.w.Write(e.buf); err != nil {
		return apierror.ClientClosed(err)
	}
	return nil
}

// flush sends what has been written, after which the silence begins anew; mu is held.
func (e *eventWriter) flush() error {
	e.pending = false
	if e.silent != nil && !e.ended {
		e.silent.Reset(e.keepalive)
	}
	if err := e.control.Flush(); err != nil {
		return apierror.ClientClosed(err)
	}
	return nil
}

// stop ends the keepalive; once it has returned, nothing is written any more.
func (e *eventWriter) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ended = true
	if e.silent != nil {
		e.silent.Stop()
	}
}
