package main

import (
	"log/slog"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/specgate/specgate/handlers"
	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/meter"
	"github.com/specgate/specgate/internal/store"
	"github.com/specgate/specgate/server"
)

// gateway is what a process runs.
type gateway struct {
	*server.Server
	backend  handlers.Backend
	registry *prometheus.Registry
	hurry    func()   // keeps what would be lost by an end at once
	ends     []func() // end what the parts hold, the last first
}

// newGateway puts the server, the handlers and the backend together.
func newGateway(cfg config.Config, logger *slog.Logger) (*gateway, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	metrics, err := newMetrics(registry, cfg)
	if err != nil {
		return nil, err
	}
	o := server.Options{
		Logger:     logger,
		Metrics:    metrics,
		Limits:     serverLimits(cfg),
		H2C:        cfg.H2C,
		Shutdown:   server.Shutdown(cfg.Shutdown),
		Operations: operations(cfg.Ops, registry),
		OpsToken:   cfg.Ops.Token.Reveal(),
		Parts:      metrics.Parts,
	}
	if err := readFiles(cfg, &o); err != nil {
		return nil, err
	}
	g := &gateway{registry: registry, hurry: func() {}}
	if err := g.trace(cfg, &o, metrics); err != nil {
		return nil, err
	}
	if err := g.assemble(cfg, o, metrics); err != nil {
		g.free()
		return nil, err
	}
	return g, nil
}

// readFiles takes in what the settings give as files.
func readFiles(cfg config.Config, o *server.Options) (err error) {
	if o.Faults, err = newFaults(cfg.Faults); err != nil {
		return err
	}
	if o.TLS, err = newTLS(cfg.TLS); err != nil {
		return err
	}
	o.Spec, err = newContract(cfg.Contract)
	return err
}

func serverLimits(cfg config.Config) server.Limits {
	return server.Limits{
		Body:          int64(cfg.Limits.Body),
		InflightBytes: int64(cfg.Limits.InflightBytes),
		MaxConcurrent: int64(cfg.Limits.MaxConcurrent),
		HeaderTimeout: cfg.Limits.HeaderTimeout,
		BodyTimeout:   cfg.Limits.BodyTimeout,
		WriteTimeout:  cfg.Stream.WriteTimeout,
	}
}

// assemble adds what answers, who may ask, how much, and what is kept of it. On an error, what is there by then
// has to be freed.
func (g *gateway) assemble(cfg config.Config, o server.Options, metrics *instruments) error {
	kept, free, err := openStore(cfg, o.Logger)
	if err != nil {
		return err
	}
	g.hold(free)
	if g.backend, free, err = newBackend(cfg, o.Spec, metrics, o.Logger); err != nil {
		return err
	}
	g.hold(free)
	if o.Tokens, free, err = newAuthenticator(cfg, kept, metrics, o.Logger); err != nil {
		return err
	}
	g.hold(free)
	m, err := g.newMeter(cfg, kept, &o, metrics)
	if err != nil {
		return err
	}
	o.API = &handlers.API{Backend: m.Before(g.backend), Keepalive: cfg.Stream.Keepalive}
	if g.Server, err = server.New(o); err != nil {
		return err
	}
	return metrics.WatchServer(g.Server, m.Streams)
}

// newMeter makes what stands in front of the backend: it counts and records use where that is to be, and notes for the
// metrics what answers tell of it. The server is handed it where it has to do with requests that come to no backend.
func (g *gateway) newMeter(cfg config.Config, kept *store.Store, o *server.Options, metrics *instruments) (*meter.Meter, error) {
	mo := meter.Options{Refused: metrics.Refused}
	if cfg.Recorded() {
		recorder, free, err := newRecorder(cfg, kept, metrics, o.Logger)
		if err != nil {
			return nil, err
		}
		g.hold(free)
		g.hurry = func() { recorder.Hurry(hurriedRecords) }
		mo.Recorder = recorder
	}
	if cfg.Limited() {
		limiter, free, err := newLimiter(cfg, kept, metrics, o.Logger)
		if err != nil {
			return nil, err
		}
		g.hold(free)
		mo.Limiter = limiter
	}
	m := meter.New(mo)
	if mo.Limiter != nil {
		o.Meter = m
	}
	if mo.Recorder != nil {
		o.Usage = m
	}
	return m, nil
}

// hold has something ended with the gateway, before all that was held before.
func (g *gateway) hold(free func()) { g.ends = append(g.ends, free) }

// free ends what the parts hold.
func (g *gateway) free() {
	for _, end := range slices.Backward(g.ends) {
		end()
	}
}
