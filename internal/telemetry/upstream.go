package telemetry

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// queueBuckets go up to what a request is let wait.
var queueBuckets = []float64{.001, .005, .01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// upstreams are the instruments of requests to backends.
type upstreams struct {
	attempts, trials *prometheus.CounterVec
	queue            *prometheus.HistogramVec
}

func newUpstreams() upstreams {
	return upstreams{
		attempts: counter("specgate_upstream_attempts_total",
			"Requests to a backend that are over, by upstream and outcome; withheld ones were not sent.",
			"upstream", "outcome"),
		trials: counter("specgate_upstream_trials_total",
			"Requests that tried a half-open circuit, by upstream and what they said of the backend: sound, faulty, silent.",
			"upstream", "verdict"),
		queue: histogram("specgate_upstream_queue_seconds",
			"Seconds that requests waited in the queue of a backend, whether they got a place or not.",
			queueBuckets, "upstream"),
	}
}

func (u upstreams) all() []prometheus.Collector {
	return []prometheus.Collector{u.attempts, u.trials, u.queue}
}

// Upstream is what a backend's gauges show. It is asked at each scrape.
type Upstream interface {
	Known() bool // whether anything tells if it is healthy
	Healthy() bool
	Circuit() int // 0 closed, 1 half open, 2 open
	InFlight() int
	Queued() int
	Parts() int
}

// Attempted counts one request to a backend.
func (m *Metrics) Attempted(upstream, outcome string) {
	m.upstreams.attempts.WithLabelValues(upstream, outcome).Inc()
}

// Tried counts one request that tried a half-open circuit.
func (m *Metrics) Tried(upstream, verdict string) {
	m.upstreams.trials.WithLabelValues(upstream, verdict).Inc()
}

// Waited observes one request that waited for a place at a backend.
func (m *Metrics) Waited(upstream string, d time.Duration) {
	m.upstreams.queue.WithLabelValues(upstream).Observe(d.Seconds())
}

// Watch registers the gauges of backends, which present gives by their names at each scrape.
func (m *Metrics) Watch(present func() map[string]Upstream) error {
	if err := m.registry.Register(watched(present)); err != nil {
		return fmt.Errorf("register metrics of upstreams: %w", err)
	}
	return nil
}

// watched are the gauges of those backends that there are when they are asked for.
type watched func() map[string]Upstream

var _ prometheus.Collector = watched(nil)

var upstreamHealthy = upstreamDesc("healthy", "Whether the backend is well: 1, or 0 where it does not answer or its circuit is open; nothing where that is not known.")

// upstreamGauges are those of each backend.
var upstreamGauges = []struct {
	desc  *prometheus.Desc
	value func(Upstream) int
}{
	{upstreamHealthy, func(u Upstream) int { return one(u.Healthy()) }},
	{upstreamDesc("circuit_state", "The backend's circuit: 0 closed, 1 half open, 2 open."), Upstream.Circuit},
	{upstreamDesc("inflight", "Requests that the backend has at present."), Upstream.InFlight},
	{upstreamDesc("queued", "Requests that wait for the backend at present."), Upstream.Queued},
	{upstreamDesc("parts_waiting", "Parts of split requests that wait at present for a place which others of them have or wait for."), Upstream.Parts},
}

func upstreamDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("specgate_upstream_"+name, help, []string{"upstream"}, nil)
}

// Describe tells of the gauges.
func (w watched) Describe(all chan<- *prometheus.Desc) {
	for _, g := range upstreamGauges {
		all <- g.desc
	}
}

// Collect asks the backends.
func (w watched) Collect(all chan<- prometheus.Metric) {
	for name, u := range w() {
		for _, g := range upstreamGauges {
			if g.desc == upstreamHealthy && !u.Known() {
				continue
			}
			all <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, float64(g.value(u)), name)
		}
	}
}

func one(yes bool) int { //nolint:revive // it is the value that is counted
	if yes {
		return 1
	}
	return 0
}
