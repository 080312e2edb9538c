package telemetry

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// WatchLimits registers the gauge that shows whether limits are counted where they should be.
func (m *Metrics) WatchLimits(away func() bool) error {
	gauge := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "specgate_limits_away",
		Help: "Whether Redis, which counts the use of callers, is out of reach: 1, or 0 where it is not.",
	}, func() float64 { return float64(one(away())) })
	if err := m.registry.Register(gauge); err != nil {
		return fmt.Errorf("register metrics of limits: %w", err)
	}
	return nil
}
