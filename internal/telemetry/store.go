package telemetry

import "fmt"

// CountLookUps registers the counter of look-ups of keys. What it returns counts one by how it ended.
func (m *Metrics) CountLookUps() (looked func(result string), err error) {
	lookups := counter("specgate_key_lookups_total",
		"Look-ups of keys that were not remembered, by result: found, unknown, away where the store did not answer, busy where too many ids that were never seen are looked up.",
		"result")
	if err := m.registry.Register(lookups); err != nil {
		return nil, fmt.Errorf("register metrics of keys: %w", err)
	}
	return func(result string) { lookups.WithLabelValues(result).Inc() }, nil
}

// WatchStore registers the gauge that shows whether the store of keys answers.
func (m *Metrics) WatchStore(away func() bool) error {
	return m.register(gauge{
		"store_away", "Whether the store of keys is out of reach: 1, or 0 where it is not.",
		func() int { return one(away()) },
	})
}
