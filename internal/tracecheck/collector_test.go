package tracecheck

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

const bounded = 30 * time.Second

// collector is the Collector's receiver of OTLP, and what it has received.
type collector struct {
	address string

	mu     sync.Mutex
	traces []ptrace.Traces
	came   chan struct{} // closed and made anew with every batch
}

// free is an address that nobody listens on yet.
func free(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// listen starts the receiver at its address.
func (c *collector) listen(t *testing.T) {
	t.Helper()
	factory := otlpreceiver.NewFactory()
	config := factory.CreateDefaultConfig()
	settings := map[string]any{"protocols": map[string]any{"http": map[string]any{"endpoint": c.address}}}
	if err := confmap.NewFromStringMap(settings).Unmarshal(config); err != nil {
		t.Fatal(err)
	}
	sink, err := consumer.NewTraces(c.consume)
	if err != nil {
		t.Fatal(err)
	}
	r, err := factory.CreateTraces(t.Context(), receivertest.NewNopSettings(factory.Type()), config, sink)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func newCollector(t *testing.T) *collector {
	t.Helper()
	return &collector{address: free(t), came: make(chan struct{})}
}

func (c *collector) consume(_ context.Context, traces ptrace.Traces) error {
	copied := ptrace.NewTraces()
	traces.CopyTo(copied)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.traces = append(c.traces, copied)
	close(c.came)
	c.came = make(chan struct{})
	return nil
}

// span is one that was received, and who made it.
type span struct {
	ptrace.Span
	resource map[string]any
	scope    string
}

// spans are those received so far, by name.
func (c *collector) spans() (all map[string][]span, more <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all = map[string][]span{}
	for _, traces := range c.traces {
		for _, resource := range traces.ResourceSpans().All() {
			for _, scope := range resource.ScopeSpans().All() {
				for _, s := range scope.Spans().All() {
					all[s.Name()] = append(all[s.Name()], span{s, resource.Resource().Attributes().AsRaw(), scope.Scope().Name()})
				}
			}
		}
	}
	return all, c.came
}

// await waits until so many spans of a name have come.
func (c *collector) await(t *testing.T, name string, n int) map[string][]span {
	t.Helper()
	timeout := time.After(bounded)
	for {
		all, more := c.spans()
		if len(all[name]) >= n {
			return all
		}
		select {
		case <-more:
		case <-timeout:
			t.Fatalf("%d spans of the name %q came, want %d", len(all[name]), name, n)
		}
	}
}

// json is all that was received, as the Collector writes it.
func (c *collector) json(t *testing.T) string {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []byte
	for _, traces := range c.traces {
		text, err := (&ptrace.JSONMarshaler{}).MarshalTraces(traces)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	return string(all)
}
