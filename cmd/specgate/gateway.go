package main

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/specgate/specgate/handlers"
	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/telemetry"
	"github.com/specgate/specgate/server"
)

// gateway is what a process runs.
type gateway struct {
	*server.Server
	backend handlers.Backend
	ends    []func() // end what the backend, the keys and the limits hold, in this order
}

// newGateway puts the server, the handlers and the backend together.
func newGateway(cfg config.Config, logger *slog.Logger) (*gateway, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	metrics, err := telemetry.NewMetrics(registry)
	if err != nil {
		return nil, err
	}
	o := server.Options{
		Logger:     logger,
		Metrics:    metrics,
		Limits:     serverLimits(cfg),
		H2C:        cfg.H2C,
		Shutdown:   server.Shutdown(cfg.Shutdown),
		Operations: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
	}
	if err := readFiles(cfg, &o); err != nil {
		return nil, err
	}
	g := &gateway{}
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

// assemble adds what answers, who may ask and how much. On an error, what is there by then has to be freed.
func (g *gateway) assemble(cfg config.Config, o server.Options, metrics *telemetry.Metrics) error {
	backend, free, err := newBackend(cfg, o.Spec, metrics, o.Logger)
	if err != nil {
		return err
	}
	g.backend, g.ends = backend, append(g.ends, free)
	who, free, err := newAuthenticator(cfg, o.Logger)
	if err != nil {
		return err
	}
	o.Tokens, g.ends = who, append(g.ends, free)
	counts, free, err := newMeter(cfg, metrics, o.Logger)
	if err != nil {
		return err
	}
	g.ends = append(g.ends, free)
	if counts != nil { // a meter that is nil would be one to the server
		o.Meter, backend = counts, counts.Before(backend)
	}
	o.API = &handlers.API{Backend: backend, Keepalive: cfg.Stream.Keepalive}
	g.Server, err = server.New(o)
	return err
}

// free ends what the parts hold.
func (g *gateway) free() {
	for _, end := range g.ends {
		end()
	}
}
