package main

import (
	"cmp"
	"context"
	"log/slog"
	"runtime/debug"

	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/guard"
	"github.com/specgate/specgate/internal/tracing"
	"github.com/specgate/specgate/server"
)

// trace has requests traced, where that is set. What is held first ends last: the spans of all that ends before.
func (g *gateway) trace(cfg config.Config, o *server.Options, metrics *instruments) error {
	if !cfg.Traces.On {
		return nil
	}
	tracer, err := newTracer(cfg, o.Logger)
	if err != nil {
		return err
	}
	if err := metrics.WatchTraces(tracer); err != nil {
		tracer.Close()
		return err
	}
	g.hold(tracer.Close)
	metrics.tracer, o.Tracer = tracer, tracer
	return nil
}

func newTracer(cfg config.Config, logger *slog.Logger) (*tracing.Tracer, error) {
	t := cfg.Traces
	headers := map[string]string{}
	for name, value := range t.Headers {
		headers[name] = value.Reveal()
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return tracing.New(tracing.Options{
		Endpoint: t.Endpoint, Headers: headers, Timeout: t.Timeout, Gzip: t.Gzip,
		Certificate: t.Certificate, ClientCertificate: t.ClientCertificate, ClientKey: t.ClientKey,
		Service: cmp.Or(t.Service, "specgate"), Version: release(info), Resource: t.Resource,
		Sampler: t.Sampler, Ratio: t.Ratio,
		Queue: t.Queue, Batch: t.Batch, Delay: t.Delay, Patience: t.Patience,
		Context: t.Context, Baggage: t.Baggage,
		Models: namesOf(cfg), Logger: logger,
	})
}

// traced is a backend whose attempts are traced.
type traced struct {
	guard.Backend
	attempts tracing.Completer
}

// Complete makes an attempt.
func (t traced) Complete(ctx context.Context, req *completion.Request) (*completion.Answer, error) {
	return t.attempts.Complete(ctx, req)
}
