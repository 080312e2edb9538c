package telemetry

import "fmt"

// CountUnseeded registers the counter of failures to read what was used before. What it returns counts one.
func (m *Metrics) CountUnseeded() (failed func(), err error) {
	failures := counter("specgate_limits_unseeded_total",
		"Times that what a caller had used of a day or a month could not be read from the store; limits then count from what is known.")
	if err := m.registry.Register(failures); err != nil {
		return nil, fmt.Errorf("register metrics of limits: %w", err)
	}
	return failures.WithLabelValues().Inc, nil
}

// WatchLimits registers the gauge that shows whether limits are counted where they should be.
func (m *Metrics) WatchLimits(away func() bool) error {
	return m.register(gauge{
		"limits_away", "Whether Redis, which counts the use of callers, is out of reach: 1, or 0 where it is not.",
		func() int { return one(away()) },
	})
}
