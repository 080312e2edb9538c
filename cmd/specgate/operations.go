package main

import (
	"net/http"
	"net/http/pprof"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/telemetry"
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

// instruments are the metrics, and what is known of the parts that they watch.
type instruments struct {
	*telemetry.Metrics
	upstreams atomic.Pointer[upstreams] // that requests go to at present
	settings  atomic.Value              // what became of them when they were read last, a string

	mu            sync.Mutex
	store, limits func() bool // whether it is away; nil where there is none
	spool         func() int64
}

// WatchStore watches the store of keys.
func (i *instruments) WatchStore(away func() bool) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.store = away
	return i.Metrics.WatchStore(away)
}

// WatchLimits watches what counts limits.
func (i *instruments) WatchLimits(away func() bool) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.limits = away
	return i.Metrics.WatchLimits(away)
}

// WatchUsage watches the records of usage.
func (i *instruments) WatchUsage(r telemetry.Records) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.spool = r.SpoolSize
	return i.Metrics.WatchUsage(r)
}

// present are the upstreams that requests go to.
func (i *instruments) present() upstreams {
	if all := i.upstreams.Load(); all != nil {
		return *all
	}
	return nil
}

// watched are the same for the metrics.
func (i *instruments) watched() map[string]telemetry.Upstream {
	all := map[string]telemetry.Upstream{}
	for name, u := range i.present() {
		all[name] = u
	}
	return all
}

// parts is what /readyz tells operators. What a gateway does not have is not there.
type parts struct {
	Settings  string            `json:"settings"`            // ok, refused, restart needed
	Store     string            `json:"store,omitempty"`     // ok, away
	Limits    string            `json:"limits,omitempty"`    // ok, away
	Usage     string            `json:"usage,omitempty"`     // ok, spooled
	Upstreams map[string]string `json:"upstreams,omitempty"` // see guard.Guard.State
}

// Parts says how each part is.
func (i *instruments) Parts() any {
	i.mu.Lock()
	defer i.mu.Unlock()
	p := parts{Settings: settingsOK, Store: presence(i.store), Limits: presence(i.limits), Upstreams: map[string]string{}}
	if state, ok := i.settings.Load().(string); ok {
		p.Settings = state
	}
	if i.spool != nil {
		p.Usage = "ok"
		if i.spool() > 0 {
			p.Usage = "spooled"
		}
	}
	for name, u := range i.present() {
		p.Upstreams[name] = u.State()
	}
	return p
}

// What can be said of the settings as they were read last.
const (
	settingsOK      = "ok"
	settingsRefused = "refused"        // those before are in force
	settingsWait    = "restart needed" // for some of them
)

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
