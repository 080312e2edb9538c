// Package tracing follows requests: it makes spans of them, by OpenTelemetry's conventions, and sends these to
// whatever takes OTLP. What stands in a span is a number, a code of ours, a name of the settings or of the contract,
// or an id: never a token, a prompt, a completion, or other words of a caller's or a backend's.
package tracing

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"
)

// Options say where spans go, and which. All are needed but TLS, Headers, Resource and Logger.
type Options struct {
	Endpoint string // the URL that spans are posted to
	Headers  map[string]string
	Timeout  time.Duration // of one request there
	Gzip     bool

	TLS *tls.Config // of Certificates; nil for the system's, and none of its own

	Service, Version string            // of this process
	Resource         map[string]string // what else is told of it

	Sampler string  // as OTEL_TRACES_SAMPLER has it
	Ratio   float64 // for those samplers that take one

	Queue, Batch int           // spans that are held at most, and sent at one time
	Delay        time.Duration // how long a span waits for others at most
	Patience     time.Duration // how long a batch is tried for

	Context, Baggage bool // whether a caller's trace, and its baggage, are taken in and passed on

	// Models gives the id or the pattern of the settings that a model goes by, empty where there is none.
	Models func(model string) string
	Logger *slog.Logger // for what becomes of the spans; nil for nobody
}

// Tracer follows requests. It may be used by many goroutines at once. A nil Tracer puts itself before nothing.
type Tracer struct {
	options  Options
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	sender   *sender
	queue    *queue
}

// scope is what the spans say that they were made by.
const scope = "github.com/specgate/specgate"

// New returns a tracer. Close ends it.
func New(o Options) (*Tracer, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := newSender(o)
	if err != nil {
		return nil, err
	}
	exporter, err := otlptrace.New(context.Background(), s)
	if err != nil {
		return nil, fmt.Errorf("start to export traces: %w", err)
	}
	q := newQueue(exporter, o)
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(q), sdktrace.WithResource(process(o)), sdktrace.WithSampler(sampler(o)), sdktrace.WithRawSpanLimits(whole),
	)
	return &Tracer{
		options: o, provider: provider, sender: s, queue: q,
		tracer: provider.Tracer(scope, trace.WithInstrumentationVersion(o.Version), trace.WithSchemaURL(semconv.SchemaURL)),
	}, nil
}

// whole spans are never cut, whatever the environment says, which the SDK would ask: what stands in them is bounded where
// it is put there.
var whole = sdktrace.SpanLimits{
	AttributeValueLengthLimit: sdktrace.DefaultAttributeValueLengthLimit, AttributeValueDepthLimit: sdktrace.DefaultAttributeValueDepthLimit,
	AttributeCountLimit: sdktrace.DefaultAttributeCountLimit, EventCountLimit: sdktrace.DefaultEventCountLimit, LinkCountLimit: sdktrace.DefaultLinkCountLimit,
	AttributePerEventCountLimit: sdktrace.DefaultAttributePerEventCountLimit, AttributePerLinkCountLimit: sdktrace.DefaultAttributePerLinkCountLimit,
}

// process is what all spans tell of this process. What is set comes first.
func process(o Options) *resource.Resource {
	all := []attribute.KeyValue{
		semconv.ServiceName(o.Service), semconv.ServiceVersion(o.Version), semconv.ServiceInstanceID(uuid.NewString()),
		semconv.TelemetrySDKName("opentelemetry"), semconv.TelemetrySDKLanguageGo, semconv.TelemetrySDKVersion(sdkVersion()),
	}
	for key, value := range o.Resource {
		all = append(all, attribute.String(key, value))
	}
	return resource.NewSchemaless(all...)
}

func sampler(o Options) sdktrace.Sampler {
	switch o.Sampler {
	case "always_on":
		return sdktrace.AlwaysSample()
	case "always_off":
		return sdktrace.NeverSample()
	case "traceidratio":
		return sdktrace.TraceIDRatioBased(o.Ratio)
	case "parentbased_always_off":
		return sdktrace.ParentBased(sdktrace.NeverSample())
	case "parentbased_traceidratio":
		return sdktrace.ParentBased(sdktrace.TraceIDRatioBased(o.Ratio))
	default:
		return sdktrace.ParentBased(sdktrace.AlwaysSample())
	}
}

// lastTime is how long the end waits for what is left to be sent.
const lastTime = 5 * time.Second

// Close sends what has been gathered, once and for lastTime at most, and ends the tracer. The log is told of every span
// that was lost then.
func (t *Tracer) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), lastTime)
	defer cancel()
	t.sender.hurry()
	_ = t.provider.Shutdown(ctx) // what is lost has been counted
	t.sender.end()
	t.queue.end()
}

// Exported is how many spans have been taken by the endpoint.
func (t *Tracer) Exported() int64 { return t.queue.exported.Load() }

// Dropped is how many spans were lost: there were too many, or the endpoint did not take them.
func (t *Tracer) Dropped() int64 { return t.queue.dropped.Load() }
