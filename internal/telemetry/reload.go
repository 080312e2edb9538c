package telemetry

import "github.com/prometheus/client_golang/prometheus"

// Reloads are the instruments of settings that change while the gateway runs.
type Reloads struct {
	total      *prometheus.CounterVec
	successful prometheus.Gauge
	at         prometheus.Gauge
	waiting    prometheus.Gauge
}

// WatchReloads registers them. generations is how many settings requests run with at present.
func (m *Metrics) WatchReloads(generations func() int) (*Reloads, error) {
	r := &Reloads{
		total: counter("specgate_config_reloads_total",
			"Settings that were read again, by result: taken, same, refused.", "result"),
		successful: alone("config_last_reload_successful", "Whether the settings were in order when they were read last: 1, or 0 where they were refused."),
		at:         alone("config_last_reload_success_timestamp_seconds", "When the settings were read last and were in order, in seconds since 1970."),
		waiting:    alone("config_restart_pending", "Settings that were changed and wait for a restart."),
	}
	for _, c := range []prometheus.Collector{r.total, r.successful, r.at, r.waiting} {
		if err := m.registry.Register(c); err != nil {
			return nil, err
		}
	}
	r.successful.Set(1)
	r.at.SetToCurrentTime()
	return r, m.register(gauge{
		"config_generations", "Settings that requests run with at present: more than 1 where some run with earlier ones.", generations,
	})
}

func alone(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: "specgate_" + name, Help: help})
}

// What can become of settings that are read again.
const (
	ReloadTaken   = "taken"
	ReloadSame    = "same" // as those that are in force
	ReloadRefused = "refused"
)

// ReloadResults lists what Read is called with.
func ReloadResults() []string { return []string{ReloadTaken, ReloadSame, ReloadRefused} }

// Read notes that settings were read again, and how many wait for a restart since.
func (r *Reloads) Read(result string, waiting int) {
	r.total.WithLabelValues(result).Inc()
	if result == ReloadRefused {
		r.successful.Set(0)
		return
	}
	r.successful.Set(1)
	r.waiting.Set(float64(waiting))
	r.at.SetToCurrentTime()
}
