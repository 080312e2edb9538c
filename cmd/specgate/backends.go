package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/specgate/specgate/handlers"
	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/contract"
	"github.com/specgate/specgate/internal/guard"
	"github.com/specgate/specgate/internal/localmodel"
	"github.com/specgate/specgate/internal/profile"
	"github.com/specgate/specgate/internal/routing"
	"github.com/specgate/specgate/internal/tracing"
	"github.com/specgate/specgate/internal/upstream"
)

// newBackend is what the configuration puts behind the gateway: targets by model, or one upstream for
// all of them, or the embedded model. free ends what it holds, and waits for it.
func newBackend(cfg config.Config, spec []byte, metrics *instruments, logger *slog.Logger) (backend handlers.Backend, free func(), err error) {
	if len(cfg.Upstreams) == 0 {
		model, err := localmodel.New(buildVersion())
		traced := metrics.tracer.Attempts(model, tracing.Upstream{Name: localmodel.Name, Kind: profile.Specgate})
		return routing.Sole{Name: localmodel.Name, Completer: traced, Lister: model, Expose: cfg.Upstream.Expose}, func() {}, err
	}
	s, err := newSchemas(spec)
	if err != nil {
		return nil, nil, err
	}
	all, err := newUpstreams(cfg, s, metrics, logger)
	if err != nil {
		all.free()
		return nil, nil, err
	}
	if len(cfg.Models) == 0 {
		for name, u := range all {
			return routing.Sole{Name: name, Completer: u.profiled(profile.Options{}), Lister: u, Expose: cfg.Upstream.Expose}, all.free, nil
		}
	}
	router := newRouter(cfg, all, metrics, logger)
	return router, func() {
		router.Close()
		all.free()
	}, nil
}

// guarded is an upstream behind its guard.
type guarded struct {
	*guard.Guard
	client   *upstream.Client
	settings config.Backend
	maxBytes int // of one answer that is no stream
	defaults map[string]json.RawMessage
}

// profiled is the upstream as one that takes all that the contract accepts.
func (u guarded) profiled(o profile.Options) routing.Completer {
	o.FanoutMax, o.FanoutWidth, o.MaxBytes, o.Defaults = u.settings.FanoutMax, u.settings.FanoutWidth, u.maxBytes, u.defaults
	return profile.New(u.settings.Kind, u.Guard, o)
}

type upstreams map[string]guarded

func (all upstreams) free() {
	for _, u := range all {
		u.Close()
		u.client.Close()
	}
}

// newUpstreams makes the upstreams that can get requests. On an error, those that were made must be freed.
func newUpstreams(cfg config.Config, s schemas, metrics *instruments, logger *slog.Logger) (upstreams, error) {
	all := upstreams{}
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
			Completion:  s.completion,
			Chunk:       s.chunk,
			Repaired:    metrics.Repaired,
		})
		asked := traced{client, metrics.tracer.Attempts(client, tracing.Upstream{Name: name, Kind: b.Kind, URL: base})}
		g := guard.New(asked, guards(cfg, name, metrics, logger))
		all[name] = guarded{Guard: g, client: client, settings: b, maxBytes: int(cfg.Upstream.MaxResponse), defaults: s.defaults}
		if err := metrics.Watch(name, g); err != nil {
			return all, err
		}
	}
	return all, nil
}

// guards is how an upstream is guarded. One that gets every request, whatever happens, is neither given
// up nor asked whether it is well.
func guards(cfg config.Config, name string, metrics *instruments, logger *slog.Logger) guard.Options {
	b := cfg.Upstreams[name]
	o := guard.Options{
		Name:          name,
		MaxConcurrent: b.MaxConcurrent,
		MaxQueue:      b.MaxQueue,
		QueueTimeout:  b.QueueTimeout,
		Attempted:     func(outcome string) { metrics.Attempted(name, outcome) },
		Waited:        func(d time.Duration) { metrics.Waited(name, d) },
		Tried:         func(verdict string) { metrics.Tried(name, verdict) },
		Logger:        logger,
	}
	if len(cfg.Models) > 0 {
		o.Breaker = guard.Breaker(cfg.Breaker)
		o.Health = guard.Health(cfg.Health)
	}
	return o
}

// schemas are what the contract says to upstreams: of what a backend answers, compiled, and of what a
// request leaves out.
type schemas struct {
	completion, chunk *contract.Program
	defaults          map[string]json.RawMessage
}

func newSchemas(spec []byte) (s schemas, err error) {
	doc, err := contract.Load(spec)
	if err != nil {
		return s, err
	}
	return schemasOf(doc)
}

func schemasOf(doc *openapi3.T) (s schemas, err error) {
	if s.completion, err = contract.Compile(doc.Components.Schemas["Completion"], upstream.CompletionFacts()...); err != nil {
		return s, err
	}
	if s.chunk, err = contract.Compile(doc.Components.Schemas["CompletionChunk"], upstream.ChunkFacts()...); err != nil {
		return s, err
	}
	s.defaults, err = contract.Defaults(doc.Components.Schemas["CompletionRequest"])
	return s, err
}

// newRouter sends each model to its targets.
func newRouter(cfg config.Config, all upstreams, metrics *instruments, logger *slog.Logger) *routing.Router {
	models := map[string][]routing.Target{}
	for name, m := range cfg.Models {
		o := profile.Options{Model: name, Pass: m.Unsupported == "pass"}
		if strings.Contains(name, "*") {
			o.Model = ""
		}
		for _, t := range m.Targets {
			u := all[t.Upstream]
			models[name] = append(models[name], routing.Target{
				Upstream: u, Completer: u.profiled(o), Model: t.Model, Weight: t.Weight, Priority: t.Priority,
			})
		}
	}
	return routing.New(routing.Options{
		Models: models, Retry: routing.Retry(cfg.Retry), Expose: cfg.Upstream.Expose, Logger: logger, Retried: metrics.Retried,
	})
}
