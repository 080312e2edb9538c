package server

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/faults"
	"github.com/specgate/specgate/internal/sse"
)

// Faults says what is to go wrong on purpose with the nth completion request that keeps the contract,
// counted from 1; nil where nothing is.
type Faults interface {
	Decide(nth int64, h http.Header) *faults.Fault
}

var (
	errInjected = errors.New("a fault was injected")
	// errCut is the end of an answer whose connection is to be broken. No caller is told of it.
	errCut = errors.New("a fault cuts the stream")
)

// completions is the id of the one operation that goes wrong.
const completions = "createCompletion"

// inject brings about the fault that a request falls under. It stands right before the operation, so
// that only what would have been answered goes wrong.
func (s *Server) inject(operation string, script Faults) echo.MiddlewareFunc {
	if script == nil || operation != completions {
		return func(next echo.HandlerFunc) echo.HandlerFunc { return next }
	}
	return s.spoil
}

func (s *Server) spoil(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		fault := s.options.Faults.Decide(s.asked.Add(1), c.Request().Header)
		if fault == nil {
			return next(c)
		}
		ctx := c.Request().Context()
		w := &faultyWriter{ResponseWriter: c.Response().Writer, ctx: ctx, fault: fault, call: completion.CallOf(ctx)}
		c.Response().Writer = w
		if err := w.beforeFirstByte(); err != nil {
			return err
		}
		err := next(c)
		if errors.Is(err, errCut) {
			return errCut
		}
		return err
	}
}

// faultyWriter stands in front of an operation and spoils what it writes. An operation writes each event
// of a stream, and nothing else, by one Write; a comment is an event to no client, and passes.
type faultyWriter struct {
	http.ResponseWriter
	ctx    context.Context
	fault  *faults.Fault
	call   *completion.Call
	events int // that were sent, those of our own not counted
	spoilt bool
}

// Unwrap gives the writer that flushes and has deadlines.
func (f *faultyWriter) Unwrap() http.ResponseWriter { return f.ResponseWriter }

// Write sends p, or what the fault makes of it.
func (f *faultyWriter) Write(p []byte) (int, error) {
	if strings.HasPrefix(f.Header().Get("Content-Type"), "text/event-stream") && !bytes.HasPrefix(p, []byte{':'}) {
		return f.event(p)
	}
	return f.send(p)
}

// beforeFirstByte waits, and gives the error that is answered in place of a completion.
func (f *faultyWriter) beforeFirstByte() error {
	f.pause(f.fault.BeforeFirstByte)
	if f.ctx.Err() != nil {
		return context.Cause(f.ctx)
	}
	switch f.fault.Status {
	case 0:
		return nil
	case http.StatusTooManyRequests:
		f.happened()
		return apierror.RateLimited(f.fault.RetryAfter)
	default:
		f.happened()
		return apierror.Internal(errInjected)
	}
}

// event sends an event of a stream, and before it what is due by then. Where the stream ends earlier
// than a fault was to come, it comes before the end.
func (f *faultyWriter) event(p []byte) (int, error) {
	done := string(p) == string(sse.AppendDone(nil))
	if f.events > 0 {
		f.pause(f.fault.BetweenEvents)
	}
	if errors.Is(context.Cause(f.ctx), context.Canceled) { // the caller left; a gateway that ends still says so
		return 0, context.Canceled
	}
	if !f.spoilt && f.due(f.fault.MalformedAfter, done) {
		f.happened()
		f.spoilt = true
		if _, err := f.send(malformed); err != nil {
			return 0, err
		}
	}
	if f.due(f.fault.CutAfter, done) {
		f.happened()
		return 0, errCut
	}
	if done && f.fault.NoDone {
		f.happened()
		return len(p), nil
	}
	f.events++
	n, err := f.send(p)
	if err != nil {
		return n, err
	}
	return n, http.NewResponseController(f.ResponseWriter).Flush() // or it would wait out a pause, or be cut off
}

// malformed is an event as a server leaves it that loses the thread: its JSON does not end.
var malformed = sse.AppendData(nil, []byte(`{"id":"cmpl-malformed","object":"text_completion","choices":[{"text":"`))

func (f *faultyWriter) due(after *int, done bool) bool {
	return after != nil && (f.events >= *after || done)
}

// send writes p at once, or each byte on its own.
func (f *faultyWriter) send(p []byte) (int, error) {
	if !f.fault.ByteByByte {
		return f.ResponseWriter.Write(p)
	}
	f.happened()
	control := http.NewResponseController(f.ResponseWriter)
	for i := range p {
		if _, err := f.ResponseWriter.Write(p[i : i+1]); err != nil {
			return i, err
		}
		if err := control.Flush(); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

// pause waits for d, or until the request ends.
func (f *faultyWriter) pause(d time.Duration) {
	if d == 0 {
		return
	}
	f.happened()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.ctx.Done():
	}
}

// faultOf is what the log says of a fault; nothing, which no line holds, where none came about.
func faultOf(call *completion.Call) slog.Attr {
	if call.Fault == "" {
		return slog.Attr{}
	}
	return slog.String("fault", call.Fault)
}

// happened names the fault for the log, now that it has come about.
func (f *faultyWriter) happened() { f.call.Fault = f.fault.Name }
