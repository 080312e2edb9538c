package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/handlers"
	"github.com/specgate/specgate/internal/auth"
	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/contract"
	"github.com/specgate/specgate/internal/localmodel"
	"github.com/specgate/specgate/internal/telemetry"
	"github.com/specgate/specgate/internal/upstream"
	"github.com/specgate/specgate/server"
)

// gateway is what a process runs.
type gateway struct {
	*server.Server
	backend handlers.Backend
	free    func() // ends what the backend holds
}

// newGateway puts the server, the handlers and the backend together.
func newGateway(cfg config.Config, logger *slog.Logger) (*gateway, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	metrics, err := telemetry.NewMetrics(registry)
	if err != nil {
		return nil, err
	}
	tokens, err := newTokens(cfg.Auth.Tokens)
	if err != nil {
		return nil, err
	}
	script, err := newFaults(cfg.Faults)
	if err != nil {
		return nil, err
	}
	backend, free, err := newBackend(cfg, metrics)
	if err != nil {
		return nil, err
	}
	front, err := server.New(server.Options{
		Spec:    gen.Spec,
		API:     &handlers.API{Backend: backend, Keepalive: cfg.Stream.Keepalive},
		Tokens:  tokens,
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
		Shutdown:   server.Shutdown(cfg.Shutdown),
		Faults:     script,
		Operations: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}),
	})
	return &gateway{Server: front, backend: backend, free: free}, err
}

// newTokens keeps the hashes of the accepted tokens, and what each is bound to.
func newTokens(accepted []config.Token) (auth.Tokens, error) {
	tokens := make(auth.Tokens, len(accepted))
	for i, t := range accepted {
		tokens[i].Grant = auth.Grant{Name: t.Name, Organizations: t.Organizations, Projects: t.Projects, Models: t.Models}
		if t.SHA256.IsZero() {
			tokens[i].Hash = auth.Hash(t.Token.Reveal())
			continue
		}
		if _, err := hex.Decode(tokens[i].Hash[:], []byte(t.SHA256.Reveal())); err != nil {
			return nil, fmt.Errorf("auth.tokens[%d].sha256: not hexadecimal", i)
		}
	}
	return tokens, nil
}

// newBackend is the one upstream that the configuration has, or the embedded model where it has none.
// free ends what it holds.
func newBackend(cfg config.Config, metrics *telemetry.Metrics) (backend handlers.Backend, free func(), err error) {
	if len(cfg.Upstreams) == 0 {
		backend, err = localmodel.New(buildVersion())
		return backend, func() {}, err
	}
	client, err := newUpstream(cfg, metrics)
	if err != nil {
		return nil, nil, err
	}
	return client, client.Close, nil
}

// newUpstream is the client of the one upstream.
func newUpstream(cfg config.Config, metrics *telemetry.Metrics) (*upstream.Client, error) {
	doc, err := contract.Load(gen.Spec)
	if err != nil {
		return nil, err
	}
	whole, err := contract.Compile(doc.Components.Schemas["Completion"], upstream.CompletionFacts()...)
	if err != nil {
		return nil, err
	}
	chunk, err := contract.Compile(doc.Components.Schemas["CompletionChunk"], upstream.ChunkFacts()...)
	if err != nil {
		return nil, err
	}
	for name, b := range cfg.Upstreams {
		base, err := url.Parse(b.BaseURL)
		if err != nil {
			return nil, fmt.Errorf("upstreams.%s.base_url: %w", name, err)
		}
		return upstream.New(upstream.Options{
			Name: name, Kind: b.Kind, BaseURL: base,
			APIKey: b.APIKey.Reveal(), Organization: b.Organization, Project: b.Project,
			Timeouts:    upstream.Timeouts(b.Timeouts),
			MaxResponse: int(cfg.Upstream.MaxResponse),
			MaxEvent:    int(cfg.Upstream.MaxEvent),
			Completion:  whole,
			Chunk:       chunk,
			Repaired:    metrics.Repaired,
		}), nil
	}
	return nil, errors.New("no upstream is configured")
}
