package main

import (
	"cmp"
	"context"
	"crypto/tls"
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
	certificates, err := newTracesTLS(t)
	if err != nil {
		return err
	}
	tracer, err := g.newTracer(t, certificates)
	if err != nil {
		return err
	}
	g.hold(tracer.Close)
	g.tracer = tracer
	return g.metrics.WatchTraces(tracer)
}

// newTracesTLS reads the certificates that traces are sent with; nil where there are no traces.
func newTracesTLS(t config.Traces) (*tls.Config, error) {
	if !t.On {
		return nil, nil
	}
	return tracing.Certificates{Roots: t.Certificate, Client: t.ClientCertificate, Key: t.ClientKey}.Config(config.ReadPlain)
}

// newTracer makes it, of which only the names of models change with the settings.
func (g *gateway) newTracer(t config.Traces, certificates *tls.Config) (*tracing.Tracer, error) {
	headers := map[string]string{}
	for name, value := range t.Headers {
		headers[name] = value.Reveal()
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return tracing.New(tracing.Options{
		Endpoint: t.Endpoint, Headers: headers, Timeout: t.Timeout, Gzip: t.Gzip, TLS: certificates,
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
