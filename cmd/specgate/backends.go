package main

import (
	"fmt"
	"log/slog"
	"net/url"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/handlers"
	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/contract"
	"github.com/specgate/specgate/internal/guard"
	"github.com/specgate/specgate/internal/localmodel"
	"github.com/specgate/specgate/internal/routing"
	"github.com/specgate/specgate/internal/telemetry"
	"github.com/specgate/specgate/internal/upstream"
)

// newBackend is what the configuration puts behind the gateway: targets by model, or one upstream for
// all of them, or the embedded model. free ends what it holds, and waits for it.
func newBackend(cfg config.Config, metrics *telemetry.Metrics, logger *slog.Logger) (backend handlers.Backend, free func(), err error) {
	if len(cfg.Upstreams) == 0 {
		model, err := localmodel.New(buildVersion())
		return routing.Sole{Name: localmodel.Name, Completer: model, Lister: model, Expose: cfg.Upstream.Expose}, func() {}, err
	}
	all, err := newUpstreams(cfg, metrics, logger)
	if err != nil {
		all.free()
		return nil, nil, err
	}
	if len(cfg.Models) == 0 {
		for name, u := range all {
			return routing.Sole{Name: name, Completer: u.completer, Lister: u.Guard, Expose: cfg.Upstream.Expose}, all.free, nil
		}
	}
	router := newRouter(cfg, all)
	return router, func() {
		router.Close()
		all.free()
	}, nil
}

// guarded is an upstream, and how it is asked.
type guarded struct {
	*guard.Guard
	completer routing.Completer
	client    *upstream.Client
}

type upstreams map[string]guarded

func (all upstreams) free() {
	for _, u := range all {
		u.Close()
		u.client.Close()
	}
}

// newUpstreams makes the upstreams that can get requests. On an error, those that were made must be freed.
func newUpstreams(cfg config.Config, metrics *telemetry.Metrics, logger *slog.Logger) (upstreams, error) {
	all := upstreams{}
	whole, chunk, err := checkers()
	if err != nil {
		return all, err
	}
	used := cfg.Targeted()
	for name, b := range cfg.Upstreams {
		if len(cfg.Models) > 0 && !used[name] {
			continue
		}
		base, err := url.Parse(b.BaseURL)
		if err != nil {
			return all, fmt.Errorf("upstreams.%s.base_url: %w", name, err)
		}
		client := upstream.New(upstream.Options{
			Name: name, Kind: b.Kind, BaseURL: base,
			APIKey: b.APIKey.Reveal(), Organization: b.Organization, Project: b.Project,
			Timeouts:    upstream.Timeouts(b.Timeouts),
			MaxResponse: int(cfg.Upstream.MaxResponse),
			MaxEvent:    int(cfg.Upstream.MaxEvent),
			Completion:  whole,
			Chunk:       chunk,
			Repaired:    metrics.Repaired,
		})
		g := guard.New(client, guards(cfg, name, metrics, logger))
		all[name] = guarded{Guard: g, completer: g, client: client}
		if err := metrics.Watch(name, g); err != nil {
			return all, err
		}
	}
	return all, nil
}

// guards is how an upstream is guarded. One that gets every request, whatever happens, is neither given
// up nor asked whether it is well.
func guards(cfg config.Config, name string, metrics *telemetry.Metrics, logger *slog.Logger) guard.Options {
	b := cfg.Upstreams[name]
	o := guard.Options{
		Name:          name,
		MaxConcurrent: b.MaxConcurrent,
		MaxQueue:      b.MaxQueue,
		QueueTimeout:  b.QueueTimeout,
		Attempted:     func(outcome string) { metrics.Attempted(name, outcome) },
		Logger:        logger,
	}
	if len(cfg.Models) > 0 {
		o.Breaker = guard.Breaker(cfg.Breaker)
		o.Health = guard.Health(cfg.Health)
	}
	return o
}

// checkers are the compiled schemas of what a backend answers.
func checkers() (whole, chunk *contract.Program, err error) {
	doc, err := contract.Load(gen.Spec)
	if err != nil {
		return nil, nil, err
	}
	if whole, err = contract.Compile(doc.Components.Schemas["Completion"], upstream.CompletionFacts()...); err != nil {
		return nil, nil, err
	}
	chunk, err = contract.Compile(doc.Components.Schemas["CompletionChunk"], upstream.ChunkFacts()...)
	return whole, chunk, err
}

// newRouter sends each model to its targets.
func newRouter(cfg config.Config, all upstreams) *routing.Router {
	models := map[string][]routing.Target{}
	for name, m := range cfg.Models {
		for _, t := range m.Targets {
			u := all[t.Upstream]
			models[name] = append(models[name], routing.Target{
				Upstream: u, Completer: u.completer, Model: t.Model, Weight: t.Weight, Priority: t.Priority,
			})
		}
	}
	return routing.New(routing.Options{Models: models, Retry: routing.Retry(cfg.Retry), Expose: cfg.Upstream.Expose})
}
