package tracing

import (
	"context"
	"errors"
	"io"
	"net/url"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
)

// Completer answers one request, as handlers.Backend does.
type Completer interface {
	Complete(ctx context.Context, req *completion.Request) (*completion.Answer, error)
}

// Upstream is who is asked.
type Upstream struct {
	Name string   // in the settings
	Kind string   // which software it is
	URL  *url.URL // nil for one in this process
}

// Attempts is next, with a span for each request that it is sent; the backend is told of that as its caller's.
func (t *Tracer) Attempts(next Completer, u Upstream) Completer {
	if t == nil {
		return next
	}
	a := &attempts{Tracer: t, next: next, kind: trace.SpanKindInternal}
	a.fixed = []attribute.KeyValue{
		semconv.GenAIOperationNameTextCompletion, semconv.GenAIProviderNameKey.String(u.Kind), attrUpstream.String(u.Name),
	}
	if u.URL != nil {
		a.kind = trace.SpanKindClient
		a.fixed = append(a.fixed, semconv.ServerAddress(u.URL.Hostname()), semconv.ServerPort(port(u.URL)))
	}
	return a
}

func port(u *url.URL) int {
	const plain, secure = 80, 443
	if n, err := strconv.Atoi(u.Port()); err == nil {
		return n
	}
	if u.Scheme == "https" {
		return secure
	}
	return plain
}

type attempts struct {
	*Tracer
	next  Completer
	kind  trace.SpanKind
	fixed []attribute.KeyValue
}

// Complete asks next. The span of a stream ends with it.
func (a *attempts) Complete(ctx context.Context, req *completion.Request) (*completion.Answer, error) {
	began, from := time.Now(), completion.CallOf(ctx)
	model := a.model(from, req)
	ctx, span := a.tracer.Start(ctx, operation+" "+model, trace.WithSpanKind(a.kind), trace.WithTimestamp(began))
	call := *from // the caller's is that of the whole request
	call.Context = ctx
	a.hand(ctx, &call)
	if !span.IsRecording() {
		return a.next.Complete(&call, req) //nolint:contextcheck // the call has ctx
	}
	span.SetAttributes(a.fixed...)
	span.SetAttributes(asked(from, req, model)...)
	t := &attempt{span: span, began: began, found: found{asked: req.Model, named: model}}
	defer t.panicked()
	answer, err := a.next.Complete(&call, req) //nolint:contextcheck // the call has ctx
	from.Upstream = call.Upstream              // the model in this process names itself
	switch {
	case err != nil:
		t.end(err)
	case answer.Stream != nil:
		wrapped := *answer
		wrapped.Stream = &stream{Stream: answer.Stream, attempt: t}
		answer, t.streams = &wrapped, true
	default:
		t.found.read(answer.Body)
		t.end(nil)
	}
	return answer, err
}

var operation = semconv.GenAIOperationNameTextCompletion.Value.AsString()

// other is a model that the settings do not name.
const other = "other"

// model is what an attempt asks for: what a target calls it, which is in the settings, or else what those know of
// the caller's word.
func (t *Tracer) model(call *completion.Call, req *completion.Request) string {
	if call.Discreet(req.Model) != call.Model {
		return req.Model
	}
	if name := t.options.Models(req.Model); name != "" {
		return name
	}
	return other
}

// attempt is a request to a backend that is under way. It belongs to one goroutine.
type attempt struct {
	span    trace.Span
	began   time.Time
	found   found
	streams bool // whether it ends with its stream
	over    bool
}

// first notes that the first chunk has come.
func (t *attempt) first() {
	t.span.AddEvent("first token")
	t.span.SetAttributes(semconv.GenAIResponseTimeToFirstChunk(time.Since(t.began).Seconds()))
}

// end ends the span, once.
func (t *attempt) end(err error) {
	if t.over {
		return
	}
	t.over = true
	t.span.SetAttributes(t.found.attributes()...)
	blame(t.span, err)
	t.span.End()
}

// panicked ends the span of an attempt that did not return.
func (t *attempt) panicked() {
	if !t.streams {
		t.end(errUnknown)
	}
}

var errUnknown = errors.New("nobody knows what became of the request")

// cancelled is what became of an attempt that was given up, for the caller or for another part of his request.
const cancelled = "cancelled"

// errorType is a code of ours, or the status of a backend's, whose own code is its own word.
func errorType(err error) string {
	e := apierror.From(err)
	switch {
	case e.Quoted:
		return strconv.Itoa(e.Status)
	case e.Status == apierror.StatusClientClosed:
		return cancelled
	default:
		return e.Code
	}
}

// stream tells the attempt what comes, and of its end.
type stream struct {
	completion.Stream
	attempt *attempt
}

var _ completion.Waiting = (*stream)(nil)

// BeforeWait is that of the stream within.
func (s *stream) BeforeWait(f func()) bool { return completion.BeforeWait(s.Stream, f) }

// Next gives the next chunk as it comes.
func (s *stream) Next() ([]byte, error) {
	chunk, err := s.Stream.Next()
	switch {
	case errors.Is(err, io.EOF):
		s.attempt.end(nil)
	case err != nil:
		s.attempt.end(err)
	case s.attempt.found.read(chunk):
		s.attempt.first()
	}
	return chunk, err
}

// Close gives the backend up. A stream that is closed before its end was not wanted any more.
func (s *stream) Close() error {
	s.attempt.end(context.Canceled)
	return s.Stream.Close()
}
