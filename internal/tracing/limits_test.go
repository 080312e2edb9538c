package tracing_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/specgate/specgate/internal/tracing"
)

// Spans are whole, whatever limits the environment has for those of others.
func TestSpansAreWhole(t *testing.T) {
	for _, name := range []string{"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"} {
		t.Setenv(name, "1")
	}
	span := sent(t, func(tr *tracing.Tracer) { ask(t, tr) })
	for _, a := range span.GetAttributes() {
		if a.GetKey() == "http.route" && a.GetValue().GetStringValue() == "/v1/completions" {
			return
		}
	}
	t.Errorf("a span is cut: %v", span)
}

// sent is the first span that a receiver gets, of what is told to a tracer.
func sent(t *testing.T, tell func(*tracing.Tracer)) *tracepb.Span {
	t.Helper()
	came := make(chan []byte, 1)
	endpoint := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		came <- body
	}))
	defer endpoint.Close()
	tr, err := tracing.New(options(endpoint.URL))
	if err != nil {
		t.Fatal(err)
	}
	tell(tr)
	tr.Close()
	var data tracepb.TracesData
	if err := proto.Unmarshal(<-came, &data); err != nil {
		t.Fatal(err)
	}
	return data.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()[0]
}
