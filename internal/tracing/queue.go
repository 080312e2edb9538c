package tracing

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/sdk"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// queue holds spans until they are sent, in batches and by one goroutine. The SDK's batches say nothing of what
// they drop, so that the queue lets no more in than they hold, and counts the rest itself.
type queue struct {
	sdktrace.SpanProcessor // the batches
	next                   sdktrace.SpanExporter
	logger                 *slog.Logger
	most                   int64
	held                   atomic.Int64
	exported, dropped      atomic.Int64

	told  time.Time     // when the log had last that spans are lost; the rest is the exporting goroutine's alone, until it is over
	known int64         // dropped, as the log has it
	cause error         // why the last batch was not taken, nil where it was
	over  chan struct{} // closed when there will be no more batches
}

func newQueue(next sdktrace.SpanExporter, o Options) *queue {
	q := &queue{next: next, logger: o.Logger, most: int64(o.Queue), over: make(chan struct{})}
	q.SpanProcessor = sdktrace.NewBatchSpanProcessor(exporting{q},
		sdktrace.WithMaxQueueSize(o.Queue), sdktrace.WithMaxExportBatchSize(o.Batch),
		sdktrace.WithBatchTimeout(o.Delay), sdktrace.WithExportTimeout(o.Patience))
	return q
}

// OnEnd takes a span that is over. It never waits.
func (q *queue) OnEnd(s sdktrace.ReadOnlySpan) {
	if q.held.Add(1) > q.most {
		q.held.Add(-1)
		q.dropped.Add(1)
		return
	}
	q.SpanProcessor.OnEnd(s)
}

// exporting is what the batches are handed to.
type exporting struct{ *queue }

// ExportSpans sends a batch. That it was not taken is the log's to tell, and not to be told once more by the SDK.
func (e exporting) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.next.ExportSpans(ctx, spans)
	n, lost := int64(len(spans)), int64(0)
	var some rejection
	if err != nil {
		lost = n
	}
	if errors.As(err, &some) {
		lost = min(some.spans, n)
	}
	e.exported.Add(n - lost)
	e.dropped.Add(lost)
	e.held.Add(-n)
	e.tell(err)
	return nil
}

// Shutdown ends the exporter, once all batches have been handed to it.
func (e exporting) Shutdown(ctx context.Context) error {
	defer close(e.over)
	return e.next.Shutdown(ctx)
}

// end waits for the last batch, which is given up by then, and has the log say what it does not know yet.
func (q *queue) end() {
	<-q.over
	if lost := q.dropped.Load() - q.known; lost > 0 {
		q.logger.Warn("spans are lost", "dropped", lost, "cause", q.cause)
	}
}

// silence is how long the log says nothing more of spans that are lost.
const silence = time.Minute

// tell has the log say that spans are lost, and that they are taken again.
func (q *queue) tell(err error) {
	dropped := q.dropped.Load()
	switch {
	case dropped > q.known && time.Since(q.told) > silence:
		q.logger.Warn("spans are lost", "dropped", dropped-q.known, "cause", err)
		q.known, q.told = dropped, time.Now()
	case err == nil && q.cause != nil:
		q.logger.Info("spans are taken again", "dropped", dropped-q.known)
		q.known = dropped
	}
	q.cause = err
}

func sdkVersion() string { return sdk.Version() }
