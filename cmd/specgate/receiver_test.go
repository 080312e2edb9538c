package main

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/specgate/specgate/internal/fakebackend"
)

// receiver takes spans as OTLP over HTTP.
type receiver struct {
	*httptest.Server
	t *testing.T

	mu      sync.Mutex
	raw     bytes.Buffer // all that came, inflated
	header  http.Header  // of the last request
	path    string
	spans   []*tracepb.Span
	process map[string]any // what the last said of their process
	came    chan struct{}  // closed and made anew with every request
	status  int            // what it answers with; 0 for 200
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t, came: make(chan struct{})}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

// ServeHTTP takes one batch.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body := io.Reader(req.Body)
	if req.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = gzip.NewReader(body); err != nil {
			r.t.Error(err)
			return
		}
	}
	text, err := io.ReadAll(body)
	var data tracepb.TracesData
	if err == nil {
		err = proto.Unmarshal(text, &data)
	}
	if err != nil {
		r.t.Error(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.raw.Write(text)
	r.header, r.path = req.Header, req.URL.Path
	if r.status != 0 {
		w.WriteHeader(r.status)
		return
	}
	for _, resource := range data.GetResourceSpans() {
		r.process = attributes(resource.GetResource().GetAttributes())
		for _, scope := range resource.GetScopeSpans() {
			r.spans = append(r.spans, scope.GetSpans()...)
		}
	}
	close(r.came)
	r.came = make(chan struct{})
}

// span is one that came, in a form to be read.
type span struct {
	name, id, parent, trace, state string
	kind                           tracepb.Span_SpanKind
	failed                         bool
	attributes                     map[string]any
	events                         []string
	begin, end                     uint64
}

func spanOf(s *tracepb.Span) span {
	out := span{
		name: s.GetName(), id: hex.EncodeToString(s.GetSpanId()), parent: hex.EncodeToString(s.GetParentSpanId()), trace: hex.EncodeToString(s.GetTraceId()), state: s.GetTraceState(),
		kind: s.GetKind(), failed: s.GetStatus().GetCode() == tracepb.Status_STATUS_CODE_ERROR, attributes: attributes(s.GetAttributes()),
		begin: s.GetStartTimeUnixNano(), end: s.GetEndTimeUnixNano(),
	}
	for _, e := range s.GetEvents() {
		out.events = append(out.events, e.GetName())
	}
	return out
}

func attributes(all []*commonpb.KeyValue) map[string]any {
	out := map[string]any{}
	for _, a := range all {
		out[a.GetKey()] = value(a.GetValue())
	}
	return out
}

func value(v *commonpb.AnyValue) any {
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return v.StringValue
	case *commonpb.AnyValue_IntValue:
		return int(v.IntValue)
	case *commonpb.AnyValue_DoubleValue:
		return v.DoubleValue
	case *commonpb.AnyValue_BoolValue:
		return v.BoolValue
	case *commonpb.AnyValue_ArrayValue:
		var list []any
		for _, item := range v.ArrayValue.GetValues() {
			list = append(list, value(item))
		}
		return list
	default:
		return nil
	}
}

// of waits for the trace of a request, by its id: the request's own span first, then the others as they began.
func (r *receiver) of(id string) []span {
	r.t.Helper()
	timeout := time.After(bounded)
	for {
		found, more := r.find(id)
		if found != nil {
			return found
		}
		select {
		case <-more:
		case <-timeout:
			r.t.Fatalf("no trace of %s came", id)
		}
	}
}

func (r *receiver) find(id string) (found []span, more <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, root := range r.spans {
		s := spanOf(root)
		if ids, ok := s.attributes["http.response.header.x-request-id"].([]any); !ok || ids[0] != id {
			continue
		}
		for _, other := range r.spans {
			if o := spanOf(other); o.trace == s.trace && o.parent == s.id {
				found = append(found, o)
			}
		}
		slices.SortFunc(found, func(a, b span) int { return int(a.begin) - int(b.begin) })
		return append([]span{s}, found...), nil
	}
	return nil, r.came
}

// spansNamed are those of some spans that have a name.
func spansNamed(all []span, name string) (found []span) {
	for _, s := range all {
		if s.name == name {
			found = append(found, s)
		}
	}
	return found
}

// startTraced runs a gateway whose traces go to a receiver, at once.
func startTraced(t *testing.T, more map[string]string, settings string, replies ...fakebackend.Reply) (*running, *receiver) {
	t.Helper()
	r := newReceiver(t)
	env := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": r.URL, "OTEL_BSP_SCHEDULE_DELAY": "10"}
	maps.Copy(env, more)
	return startIn(t, env, settings, replies...), r
}
