// Package telemetry makes the logger and the instruments, in a registry that is handed to it. What
// they are told never holds a token, a prompt, a completion or a backend's own words.
package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// NewLogger writes to w in the format text or json, from level (debug, info, warn, error) up.
func NewLogger(w io.Writer, format, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("read log level: %w", err)
	}
	options := &slog.HandlerOptions{Level: l}
	switch format {
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	default:
		return nil, fmt.Errorf("log format %q: neither text nor json", format)
	}
}

// Metrics are the instruments. Their labels take few values each: a route of the contract, never a
// path; a code of ours, never a backend's own.
type Metrics struct {
	registry prometheus.Registerer
	requests *prometheus.CounterVec
	repairs  *prometheus.CounterVec
	attempts *prometheus.CounterVec
}

// NewMetrics makes the instruments and registers them.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		registry: registry,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "specgate_requests_total",
			Help: "Requests that were answered or given up, by route, status and error code; a caller who left counts as 499, and a stream that broke has status 200 and a code.",
		}, []string{"route", "status", "code"}),
		repairs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "specgate_upstream_repairs_total",
			Help: "Answers of a backend that broke the contract and were repaired, by upstream and kind of deviation.",
		}, []string{"upstream", "kind"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "specgate_upstream_attempts_total",
			Help: "Requests to a backend that are over, by upstream and outcome; withheld ones were not sent.",
		}, []string{"upstream", "outcome"}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.repairs, m.attempts} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

// Request counts one request; code is that of its error, empty where there was none.
func (m *Metrics) Request(route string, status int, code string) {
	m.requests.WithLabelValues(route, strconv.Itoa(status), code).Inc()
}

// Repaired counts one deviation that was repaired in a backend's answer.
func (m *Metrics) Repaired(upstream, kind string) { m.repairs.WithLabelValues(upstream, kind).Inc() }
