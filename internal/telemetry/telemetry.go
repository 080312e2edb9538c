// Package telemetry makes the logger and the instruments, in a registry that is handed to it. What
// they are told never holds a token, a prompt, a completion or a backend's own words.
package telemetry

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// Build is which program it is: its version, its commit, and the Go release that it was built with.
type Build struct{ Version, Commit, Go string }

// Options are what the labels of the instruments may be.
type Options struct {
	Build Build
	// Models gives the id or the pattern of the settings that a model goes by, empty where there is none.
	Models func(model string) string
	Kinds  map[string]string // by upstream, which software it is
}

// Other is the label of what neither the contract nor the settings name.
const Other = "other"

// Metrics are the instruments. Their labels take few values each: a route of the contract, never a
// path; a code of ours, never a backend's own; a model of the settings, never what a caller asked for.
type Metrics struct {
	registry    prometheus.Registerer
	options     Options
	requests    *prometheus.CounterVec
	invalid     *prometheus.CounterVec
	repairs     *prometheus.CounterVec
	refusals    *prometheus.CounterVec
	retries     *prometheus.CounterVec
	unavailable *prometheus.CounterVec
	strangers   *prometheus.CounterVec
	upstreams   upstreams
	completions completions
}

// NewMetrics makes the instruments and registers them.
func NewMetrics(registry prometheus.Registerer, o Options) (*Metrics, error) {
	m := &Metrics{
		registry: registry,
		options:  o,
		requests: counter("specgate_requests_total",
			"Requests that were answered or given up, by route, status and error code; a caller who left counts as 499, and a stream that broke has status 200 and a code.",
			"route", "status", "code"),
		invalid: counter("specgate_validation_errors_total",
			"What was wrong with requests that broke the contract, by field of the contract and type of error; body is the whole of it, other a field that the contract does not have.",
			"field", "type"),
		repairs: counter("specgate_upstream_repairs_total",
			"Answers of a backend that broke the contract and were repaired, by upstream and kind of deviation.",
			"upstream", "kind"),
		refusals: counter("specgate_limit_refusals_total",
			"Requests that a limit refused, by whose it is and what of.",
			"scope", "limit"),
		retries: counter("specgate_retries_total",
			"Requests that were sent to a backend once more, or were not since the budget of retries was spent, by result: sent, withheld.",
			"result"),
		unavailable: counter("specgate_unavailable_total",
			"Requests that the gateway answered 503 of its own, by reason: overloaded, busy, circuit_open, limits_away, store_away, shutting_down.",
			"reason"),
		strangers: counter("specgate_operations_refused_total",
			"Requests that the operations listener refused, by reason: token, host.",
			"reason"),
		upstreams:   newUpstreams(),
		completions: newCompletions(),
	}
	all := []prometheus.Collector{m.requests, m.invalid, m.repairs, m.refusals, m.retries, m.unavailable, m.strangers, build(o.Build)}
	all = append(append(all, m.upstreams.all()...), m.completions.all()...)
	for _, c := range all {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

// With gives the same instruments with labels of other settings.
func (m *Metrics) With(o Options) *Metrics {
	other := *m
	other.options = o
	return &other
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
}

func build(b Build) prometheus.Collector {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "specgate_build_info", Help: "1, with the version, the commit and the Go release of the program."}, []string{"version", "commit", "goversion"})
	g.WithLabelValues(b.Version, b.Commit, b.Go).Set(1)
	return g
}

// Request counts one request; code is that of its error, empty where there was none.
func (m *Metrics) Request(route string, status int, code string) {
	m.requests.WithLabelValues(route, statusLabel(status), code).Inc()
}

// statuses are those that the gateway answers with by itself, and that have a label of their own.
var statuses = []int{200, 204, 206, 304, 400, 401, 403, 404, 405, 408, 413, 415, 416, 422, 429, 499, 500, 502, 503, 504}

// statusLabel is a status, or the class of one that only a backend can have thought of.
func statusLabel(status int) string {
	if slices.Contains(statuses, status) {
		return strconv.Itoa(status)
	}
	return strconv.Itoa(status/100) + "xx"
}

// Unavailable counts one request that the gateway answered 503.
func (m *Metrics) Unavailable(reason string) { m.unavailable.WithLabelValues(reason).Inc() }

// Stranger counts one request that the operations listener refused.
func (m *Metrics) Stranger(reason string) { m.strangers.WithLabelValues(reason).Inc() }

// Invalid counts one thing that was wrong with a request. field is one of the contract, body, or Other.
func (m *Metrics) Invalid(field, kind string) { m.invalid.WithLabelValues(field, kind).Inc() }

// Repaired counts one deviation that was repaired in a backend's answer.
func (m *Metrics) Repaired(upstream, kind string) { m.repairs.WithLabelValues(upstream, kind).Inc() }

// Refused counts one request that a limit refused.
func (m *Metrics) Refused(scope, limit string) { m.refusals.WithLabelValues(scope, limit).Inc() }

// Retried counts one request that was sent once more, or was to be.
func (m *Metrics) Retried(result string) { m.retries.WithLabelValues(result).Inc() }

// gauge is what is asked at each scrape.
type gauge struct {
	name, help string
	value      func() int
}

// register registers gauges, whose names follow specgate_.
func (m *Metrics) register(gauges ...gauge) error {
	for _, g := range gauges {
		c := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "specgate_" + g.name, Help: g.help},
			func() float64 { return float64(g.value()) })
		if err := m.registry.Register(c); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	return nil
}
