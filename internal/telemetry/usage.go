package telemetry

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Records is what shows whether records of usage are kept. It is asked at each scrape.
type Records interface {
	Dropped() int64
	SpoolSize() int64
}

// WatchUsage registers the instruments of the records of usage.
func (m *Metrics) WatchUsage(r Records) error {
	dropped := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "specgate_usage_dropped_total",
		Help: "Records of usage that were lost, since neither the store nor the spool took them.",
	}, func() float64 { return float64(r.Dropped()) })
	spooled := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "specgate_usage_spool_bytes",
		Help: "Records of usage that wait in the spool until the store takes them, in bytes.",
	}, func() float64 { return float64(r.SpoolSize()) })
	for _, c := range []prometheus.Collector{dropped, spooled} {
		if err := m.registry.Register(c); err != nil {
			return fmt.Errorf("register metrics of usage: %w", err)
		}
	}
	return nil
}
