package tracecheck

import (
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

const (
	trace    = "0af7651916cd43dd8448eb211c80319c"
	parent   = "b7ad6b7169203331"
	request  = "POST /v1/completions"
	attempt  = "text_completion other"
	validate = "validate"
)

// What the gateway sends is understood by the Collector: spans in one trace, with their kinds, times, states and
// attributes, and nothing of what they are about.
func TestCollectorUnderstandsTraces(t *testing.T) {
	c, b := newCollector(t), newBackend(t)
	c.listen(t)
	g := startGateway(t, b, "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+c.address, "OTEL_EXPORTER_OTLP_COMPRESSION=gzip",
		"OTEL_SERVICE_NAME=front", "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test")
	want := []int{200, 200, 422, 500}
	got := []int{
		g.ask(`,"max_tokens":9`, "traceparent: 00-"+trace+"-"+parent+"-01", "tracestate: vendor=1", "X-Request-Id: one"),
		g.ask(`,"stream":true`), g.ask(`,"n":0,"` + marked + `":1`), g.ask(`,"seed":500`),
	}
	if !slices.Equal(got, want) {
		t.Fatalf("answered %v, want %v", got, want)
	}
	all := c.await(t, request, len(want))
	g.end()
	if len(all[validate]) != 4 || len(all[attempt]) != 3 {
		t.Errorf("%d validations and %d attempts", len(all[validate]), len(all[attempt]))
	}
	mustBeOneTrace(t, all, b)
	for _, s := range all[attempt] {
		failed := s.Status().Code() == ptrace.StatusCodeError
		if kind, ok := s.Attributes().Get("error.type"); ok != failed || ok && kind.Str() != "500" {
			t.Errorf("an attempt is %v with %v", s.Status().Code(), s.Attributes().AsRaw())
		}
	}
	if text := c.json(t); strings.Contains(text, marked) || !strings.Contains(text, "cmpl-1") {
		t.Errorf("received\n%s", text)
	}
}

// mustBeOneTrace looks at the spans of the request that came with a trace.
func mustBeOneTrace(t *testing.T, all map[string][]span, b *backend) {
	t.Helper()
	of := func(name string) span {
		for _, s := range all[name] {
			if s.TraceID().String() == trace {
				return s
			}
		}
		t.Fatalf("no span %s in the caller's trace", name)
		return span{}
	}
	root, asked, checked := of(request), of(attempt), of(validate)
	if root.ParentSpanID().String() != parent || root.Kind() != ptrace.SpanKindServer || root.TraceState().AsRaw() != "vendor=1" {
		t.Errorf("the request's span has the parent %s, the kind %v, the state %q", root.ParentSpanID(), root.Kind(), root.TraceState().AsRaw())
	}
	if asked.ParentSpanID() != root.SpanID() || checked.ParentSpanID() != root.SpanID() || asked.Kind() != ptrace.SpanKindClient || checked.Kind() != ptrace.SpanKindInternal {
		t.Error("the spans within the request are not its own")
	}
	if asked.StartTimestamp() < checked.EndTimestamp() || root.EndTimestamp() < asked.EndTimestamp() || root.StartTimestamp() > checked.StartTimestamp() {
		t.Error("the spans are not in their order")
	}
	if root.resource["service.name"] != "front" || root.resource["deployment.environment.name"] != "test" || root.scope != "github.com/specgate/specgate" {
		t.Errorf("made by %v, %s", root.resource, root.scope)
	}
	for name, want := range map[string]any{
		"gen_ai.operation.name": "text_completion", "gen_ai.request.max_tokens": int64(9), "gen_ai.response.id": "cmpl-1", "gen_ai.response.model": "m-0101",
		"gen_ai.usage.input_tokens": int64(7), "gen_ai.usage.output_tokens": int64(3),
	} {
		if got := asked.Attributes().AsRaw()[name]; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !slices.Contains(b.contexts, "00-"+trace+"-"+asked.SpanID().String()+"-01") {
		t.Errorf("the backend was told %q, and not of the span %s", b.contexts, asked.SpanID())
	}
}

// A Collector that comes later than the gateway gets what was traced by then.
func TestCollectorComesLater(t *testing.T) {
	c, b := newCollector(t), newBackend(t)
	g := startGateway(t, b, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://"+c.address+"/v1/traces")
	if status := g.ask(""); status != 200 {
		t.Fatalf("answered %d", status)
	}
	c.listen(t)
	if all := c.await(t, request, 1); len(all[attempt]) != 1 {
		t.Errorf("%d attempts", len(all[attempt]))
	}
	g.end()
}
