package telemetry

// WatchLimits registers the gauge that shows whether limits are counted where they should be.
func (m *Metrics) WatchLimits(away func() bool) error {
	return m.register(gauge{
		"limits_away", "Whether Redis, which counts the use of callers, is out of reach: 1, or 0 where it is not.",
		func() int { return one(away()) },
	})
}
