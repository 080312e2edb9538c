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
	free    func() // ends what the backend, the keys and the limits hold
}

// newGateway puts the server, the handlers and the backend together.
func newGateway(cfg config.Config, logger *slog.Logger) (*gateway, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	metrics, err := telemetry.NewMetrics(registry)
	if err != nil {
		return nil, err
	}
	script, err := newFaults(cfg.Faults)
	if err != nil {
		return nil, err
	}
	overTLS, err := newTLS(cfg.TLS)
	if err != nil {
		return nil, err
	}
	spec, err := newContract(cfg.Contract)
	if err != nil {
		return nil, err
	}
	backend, free, err := newBackend(cfg, spec, metrics, logger)
	if err != nil {
		return nil, err
	}
	who, forget, err := newAuthenticator(cfg, logger)
	if err != nil {
		free()
		return nil, err
	}
	free = both(free, forget)
	counts, uncount, err := newMeter(cfg, metrics, logger)
	if err != nil {
		free()
		return nil, err
	}
	free = both(free, uncount)
	o := server.Options{
		Spec:    spec,
		API:     &handlers.API{Backend: backend, Keepalive: cfg.Stream.Keepalive},
		Tokens:  who,
		Logger:  logger,
		Metrics: metrics,
		Limits: server.Limits{
			Body:          int64(cfg.Limits.Body),
			InflightBytes: int64(cfg.Limits.InflightBytes),
			MaxConcurrent: int64(cfg.Limits.MaxConcurrent),
			HeaderTimeout: cfg.Limits.HeaderTimeout,
			BodyTimeout:   cfg.Limits.BodyTimeout,
			WriteTimeout:  cfg.Stream.WriteTimeout,
		},
		TLS:        overTLS,
		H2C:        cfg.H2C,
		Shutdown:   server.Shutdown(cfg.Shutdown),
		Faults:     script,
		Operations: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
	}
	if counts != nil {
		o.API, o.Meter = &handlers.API{Backend: counts.Before(backend), Keepalive: cfg.Stream.Keepalive}, counts
	}
	front, err := server.New(o)
	if err != nil {
		free()
		return nil, err
	}
	return &gateway{Server: front, backend: backend, free: free}, nil
}

func both(first, second func()) func() {
	return func() {
		first()
		second()
	}
}
