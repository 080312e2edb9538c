package main

import (
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/guard"
	"github.com/specgate/specgate/internal/telemetry"
	"github.com/specgate/specgate/internal/tracing"
)

// operations is what the operations listener serves beside the health checks. OpenMetrics has exemplars.
func operations(cfg config.Ops, registry *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	if cfg.Pprof {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return mux
}

// instruments are the metrics, and what is known of the parts that they watch. It is put together before anybody
// asks.
type instruments struct {
	*telemetry.Metrics
	tracer        *tracing.Tracer // nil where nothing is traced
	store, limits func() bool     // whether it is away; nil where there is none
	spool         func() int64
	upstreams     map[string]func() string
}

// WatchStore watches the store of keys.
func (i *instruments) WatchStore(away func() bool) error {
	i.store = away
	return i.Metrics.WatchStore(away)
}

// WatchLimits watches what counts limits.
func (i *instruments) WatchLimits(away func() bool) error {
	i.limits = away
	return i.Metrics.WatchLimits(away)
}

// WatchUsage watches the records of usage.
func (i *instruments) WatchUsage(r telemetry.Records) error {
	i.spool = r.SpoolSize
	return i.Metrics.WatchUsage(r)
}

// Watch watches an upstream.
func (i *instruments) Watch(name string, g *guard.Guard) error {
	i.upstreams[name] = g.State
	return i.Metrics.Watch(name, g)
}

// parts is what /readyz tells operators. What a gateway does not have is not there.
type parts struct {
	Store     string            `json:"store,omitempty"`     // ok, away
	Limits    string            `json:"limits,omitempty"`    // ok, away
	Usage     string            `json:"usage,omitempty"`     // ok, spooled
	Upstreams map[string]string `json:"upstreams,omitempty"` // see guard.Guard.State
}

// Parts says how each part is.
func (i *instruments) Parts() any {
	p := parts{Store: presence(i.store), Limits: presence(i.limits), Upstreams: map[string]string{}}
	if i.spool != nil {
		p.Usage = "ok"
		if i.spool() > 0 {
			p.Usage = "spooled"
		}
	}
	for name, state := range i.upstreams {
		p.Upstreams[name] = state()
	}
	return p
}

func presence(away func() bool) string {
	switch {
	case away == nil:
		return ""
	case away():
		return "away"
	default:
		return "ok"
	}
}
