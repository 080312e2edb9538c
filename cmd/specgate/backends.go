package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/specgate/specgate/handlers"
	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/contract"
	"github.com/specgate/specgate/internal/localmodel"
	"github.com/specgate/specgate/internal/profile"
	"github.com/specgate/specgate/internal/routing"
	"github.com/specgate/specgate/internal/tracing"
	"github.com/specgate/specgate/internal/upstream"
)

// backends are what the settings put behind the gateway.
type backends struct {
	handlers.Backend
	upstreams upstreams       // none for the embedded model
	router    *routing.Router // nil where no models are configured
}

// free ends what only these hold, and waits for it.
func (b backends) free() {
	if b.router != nil {
		b.router.Close()
	}
	b.upstreams.free()
}

// newBackends are targets by model, or one upstream for all of them, or the embedded model. They take over from
// those before what is the same in both.
func (g *gateway) newBackends(cfg config.Config, s schemas, before backends) (b backends, err error) {
	if len(cfg.Upstreams) == 0 {
		model, err := g.embedded()
		traced := g.tracer.Attempts(model, tracing.Upstream{Name: localmodel.Name, Kind: profile.Specgate})
		b.Backend = routing.Sole{Name: localmodel.Name, Completer: traced, Lister: model, Expose: cfg.Upstream.Expose}
		return b, err
	}
	if b.upstreams, err = g.newUpstreams(cfg, s, before.upstreams); err != nil {
		b.free()
		return b, err
	}
	d := dressed{cfg: cfg, defaults: s.defaults}
	if len(cfg.Models) == 0 {
		for name, u := range b.upstreams {
			b.Backend = routing.Sole{Name: name, Completer: d.profiled(name, u, profile.Options{}), Lister: u.Guard, Expose: cfg.Upstream.Expose}
		}
		return b, nil
	}
	b.router = g.newRouter(d, b.upstreams, before.router)
	b.Backend = b.router
	return b, nil
}

// embedded is the embedded model, made when it is first needed.
func (g *gateway) embedded() (_ *localmodel.Model, err error) {
	if g.model == nil {
		g.model, err = localmodel.New(buildVersion())
	}
	return g.model, err
}

// dressed has upstreams take all that the contract accepts, as the settings say.
type dressed struct {
	cfg      config.Config
	defaults map[string]json.RawMessage
}

func (d dressed) profiled(name string, u *guarded, o profile.Options) routing.Completer {
	b := d.cfg.Upstreams[name]
	o.FanoutMax, o.FanoutWidth, o.MaxBytes, o.Defaults = b.FanoutMax, b.FanoutWidth, int(d.cfg.Upstream.MaxResponse), d.defaults
	return profile.New(b.Kind, u.Guard, o)
}

// schemas are what the contract says to upstreams: of what a backend answers, compiled, and of what a
// request leaves out.
type schemas struct {
	completion, chunk *contract.Program
	answers           string // a mark of all that those two are compiled from
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
	if s.answers, err = markAnswers(doc); err != nil {
		return s, err
	}
	s.defaults, err = contract.Defaults(doc.Components.Schemas["CompletionRequest"])
	return s, err
}

// markAnswers is equal for contracts that say the same of answers.
func markAnswers(doc *openapi3.T) (string, error) {
	all := maps.Clone(doc.Components.Schemas)
	for _, ofRequests := range []string{"CompletionRequest", "Prompt", "Stop"} {
		delete(all, ofRequests)
	}
	text, err := json.Marshal(all)
	if err != nil {
		return "", fmt.Errorf("read the contract's answers: %w", err)
	}
	sum := sha256.Sum256(text)
	return string(sum[:]), nil
}

// newRouter sends each model to its targets.
func (g *gateway) newRouter(d dressed, all upstreams, before *routing.Router) *routing.Router {
	cfg, models := d.cfg, map[string][]routing.Target{}
	for name, m := range cfg.Models {
		o := profile.Options{Model: name, Pass: m.Unsupported == "pass"}
		if strings.Contains(name, "*") {
			o.Model = ""
		}
		for _, t := range m.Targets {
			u := all[t.Upstream]
			models[name] = append(models[name], routing.Target{
				Upstream: u.Guard, Completer: d.profiled(t.Upstream, u, o), Model: t.Model, Weight: t.Weight, Priority: t.Priority,
			})
		}
	}
	return routing.New(routing.Options{
		Models: models, Retry: routing.Retry(cfg.Retry), Expose: cfg.Upstream.Expose, Logger: g.logger, Retried: g.metrics.Retried,
		Before: before,
	})
}
