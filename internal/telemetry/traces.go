package telemetry

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Spans is what shows whether traces arrive. It is asked at each scrape.
type Spans interface {
	Exported() int64
	Dropped() int64
}

// WatchTraces registers the counters of spans.
func (m *Metrics) WatchTraces(s Spans) error {
	for result, count := range map[string]func() int64{"exported": s.Exported, "dropped": s.Dropped} {
		c := prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name:        "specgate_trace_spans_total",
			Help:        "Spans of traces that are over, by result: exported, dropped.",
			ConstLabels: prometheus.Labels{"result": result},
		}, func() float64 { return float64(count()) })
		if err := m.registry.Register(c); err != nil {
			return fmt.Errorf("register metrics of traces: %w", err)
		}
	}
	return nil
}
