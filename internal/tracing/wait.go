package tracing

import (
	"context"
	"time"

	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"
)

// Waits has a span made of each wait in the queue of an upstream, by its name in the settings, that is over: of the request
// of ctx, how long it was, and why it led to no place, nil where it did.
func (t *Tracer) Waits(upstream string) func(ctx context.Context, d time.Duration, err error) {
	if t == nil {
		return func(context.Context, time.Duration, error) {}
	}
	return func(ctx context.Context, d time.Duration, err error) {
		now := time.Now()
		_, span := t.tracer.Start(ctx, "queue", trace.WithTimestamp(now.Add(-d)), trace.WithAttributes(attrUpstream.String(upstream)))
		blame(span, err)
		span.End(trace.WithTimestamp(now))
	}
}

// blame tells why what a span is of came to nothing, if it did. That it was given up is nobody's fault.
func blame(span trace.Span, err error) {
	if err == nil {
		return
	}
	if kind := errorType(err); kind != cancelled {
		fail(span, kind)
		return
	}
	span.SetAttributes(semconv.ErrorTypeKey.String(cancelled))
}
