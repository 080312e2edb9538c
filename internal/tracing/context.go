package tracing

import (
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/propagation"

	"github.com/specgate/specgate/internal/completion"
)

// headers are what a call has of a trace, as the W3C's headers.
type headers struct{ *completion.Call }

const traceparent, tracestate = "traceparent", "tracestate"

// Get reads one of them.
func (h headers) Get(name string) string {
	switch name {
	case traceparent:
		return h.Traceparent
	case tracestate:
		return h.Tracestate
	default:
		return ""
	}
}

// Set sets one of them.
func (h headers) Set(name, value string) {
	switch name {
	case traceparent:
		h.Traceparent = value
	case tracestate:
		h.Tracestate = value
	}
}

// Keys lists them.
func (headers) Keys() []string { return []string{traceparent, tracestate} }

// parent is ctx with the span of the caller's, where that is to be taken in and makes sense.
func (t *Tracer) parent(ctx context.Context, call *completion.Call) context.Context {
	if !t.options.Context {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, headers{call})
}

// hand has the span of ctx go to the backend as the one that asks it.
func (t *Tracer) hand(ctx context.Context, call *completion.Call) {
	call.Traceparent, call.Tracestate = "", ""
	if t.options.Context {
		propagation.TraceContext{}.Inject(ctx, headers{call})
	}
}

// baggage is what a caller sends along for whoever takes it, but for tokens.
func (t *Tracer) baggage(call *completion.Call, h http.Header) string {
	if !t.options.Baggage {
		return ""
	}
	return call.Members(strings.Join(h["Baggage"], ","))
}
