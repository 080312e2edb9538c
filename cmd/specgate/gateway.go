package main

import (
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/limits"
	"github.com/specgate/specgate/internal/localmodel"
	"github.com/specgate/specgate/internal/routing"
	"github.com/specgate/specgate/internal/store"
	"github.com/specgate/specgate/internal/telemetry"
	"github.com/specgate/specgate/internal/tracing"
	"github.com/specgate/specgate/internal/usage"
	"github.com/specgate/specgate/server"
)

// gateway is what a process runs: what lasts as long as the process, and the generation of what the present settings
// make. Its methods are for one goroutine at a time, but for those of the server.
type gateway struct {
	*server.Server // the first, which serves
	logger         *slog.Logger
	registry       *prometheus.Registry
	metrics        *instruments
	reloads        *telemetry.Reloads
	tracer         *tracing.Tracer               // nil where nothing is traced
	names          atomic.Pointer[routing.Names] // of the models that the present settings have

	tls      *server.TLS
	kept     *store.Store         // nil where nothing is stored
	managed  server.Authenticator // of keys; nil where there are none
	recorder *usage.Recorder      // nil where nothing is recorded
	limiter  limits.Limiter       // nil until a caller has limits
	model    *localmodel.Model    // nil until it answers
	streams  atomic.Int64         // that are open

	present *generation
	alive   atomic.Int64   // generations that requests run with
	earlier sync.WaitGroup // for the end of those before
	over    chan struct{}  // closed when they are not waited for any more

	hurry func()   // keeps what would be lost by an end at once
	ends  []func() // end what lasts as long as the process, the last first
}

// newGateway puts the server, the handlers and the backend together.
func newGateway(cfg config.Config, logger *slog.Logger) (*gateway, error) {
	g := &gateway{logger: logger, registry: prometheus.NewRegistry(), over: make(chan struct{}), hurry: func() {}}
	g.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	err := g.assemble(cfg)
	if err == nil {
		err = g.begin(cfg)
	}
	if err != nil {
		g.free()
		return nil, err
	}
	return g, nil
}

// assemble makes what no change of settings replaces. On an error, what is there by then has to be freed.
func (g *gateway) assemble(cfg config.Config) (err error) {
	if g.metrics, err = newMetrics(g.registry, cfg); err != nil {
		return err
	}
	if g.reloads, err = g.metrics.WatchReloads(func() int { return int(g.alive.Load()) }); err != nil {
		return err
	}
	if err = g.trace(cfg.Traces); err != nil {
		return err
	}
	if g.tls, err = newTLS(cfg.TLS); err != nil {
		return err
	}
	var free func()
	if g.kept, free, err = openStore(cfg, g.logger); err != nil {
		return err
	}
	g.hold(free)
	if cfg.Auth.Mode == config.AuthKeys {
		if g.managed, free, err = newManagedKeys(g.kept, g.metrics, g.logger); err != nil {
			return err
		}
		g.hold(free)
	}
	if !cfg.Recorded() {
		return nil
	}
	if g.recorder, free, err = newRecorder(cfg, g.kept, g.metrics, g.logger); err != nil {
		return err
	}
	g.hold(free)
	g.hurry = func() {
		g.Hurry(hurriedRequests)
		g.recorder.Hurry(hurriedRecords)
	}
	return nil
}

// begin serves with the first settings.
func (g *gateway) begin(cfg config.Config) error {
	first, err := g.newGeneration(cfg)
	if err != nil {
		return err
	}
	g.Server = first.server
	g.install(first)
	return g.metrics.WatchServer(g.Server, first.meter.Streams)
}

// change has new requests go by other settings, of which none may need a restart. Requests that run go on as they
// began. On an error nothing has changed.
func (g *gateway) change(cfg config.Config) error {
	next, err := g.newGeneration(cfg)
	if err != nil {
		return err
	}
	before := g.present
	g.install(next)
	unused := next.server.Become()
	g.earlier.Go(func() {
		select {
		case <-unused:
		case <-g.over:
		}
		before.backends.free()
		g.alive.Add(-1)
	})
	return nil
}

func (g *gateway) install(next *generation) {
	names := routing.NewNames(modelNames(next.cfg))
	g.names.Store(&names)
	g.present = next
	g.alive.Add(1)
	g.metrics.upstreams.Store(&next.backends.upstreams)
}

// hold has something ended with the gateway, before all that was held before.
func (g *gateway) hold(free func()) { g.ends = append(g.ends, free) }

// free ends what the parts hold, whatever still runs.
func (g *gateway) free() {
	close(g.over)
	g.earlier.Wait()
	if g.present != nil {
		g.present.backends.free()
	}
	for _, end := range slices.Backward(g.ends) {
		end()
	}
}
