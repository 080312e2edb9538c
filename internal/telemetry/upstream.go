package telemetry

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Upstream is what a backend's gauges show. It is asked at each scrape.
type Upstream interface {
	Healthy() bool
	Circuit() int // 0 closed, 1 half open, 2 open
	InFlight() int
	Queued() int
}

// Attempted counts one request to a backend.
func (m *Metrics) Attempted(upstream, outcome string) {
	m.attempts.WithLabelValues(upstream, outcome).Inc()
}

// Watch registers the gauges of a backend.
func (m *Metrics) Watch(name string, u Upstream) error {
	for _, g := range []struct {
		name, help string
		value      func() int
	}{
		{"healthy", "Whether requests go to the backend: 1, or 0 where it does not answer or its circuit is open.", func() int { return one(u.Healthy()) }},
		{"circuit_state", "The backend's circuit: 0 closed, 1 half open, 2 open.", u.Circuit},
		{"inflight", "Requests that the backend has at present.", u.InFlight},
		{"queued", "Requests that wait for the backend at present.", u.Queued},
	} {
		gauge := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "specgate_upstream_" + g.name, Help: g.help, ConstLabels: prometheus.Labels{"upstream": name},
		}, func() float64 { return float64(g.value()) })
		if err := m.registry.Register(gauge); err != nil {
			return fmt.Errorf("register metrics of %s: %w", name, err)
		}
	}
	return nil
}

func one(yes bool) int { //nolint:revive // it is the value that is counted
	if yes {
		return 1
	}
	return 0
}
