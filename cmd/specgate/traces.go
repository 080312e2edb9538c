package main

import (
	"cmp"
	"context"
	"runtime/debug"

	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/guard"
	"github.com/specgate/specgate/internal/tracing"
)

// trace has requests traced, where that is set. What is held first ends last: the spans of all that ends before.
func (g *gateway) trace(t config.Traces) error {
	if !t.On {
		return nil
	}
	tracer, err := g.newTracer(t)
	if err != nil {
		return err
	}
	g.hold(tracer.Close)
	g.tracer = tracer
	return g.metrics.WatchTraces(tracer)
}

// newTracer makes it, of which only the names of models change with the settings.
func (g *gateway) newTracer(t config.Traces) (*tracing.Tracer, error) {
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
		Models: func(model string) string { return g.names.Load().Of(model) }, Logger: g.logger,
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
