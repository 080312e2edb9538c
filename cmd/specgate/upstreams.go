package main

import (
	"context"
	"fmt"
	"net/url"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/guard"
	"github.com/specgate/specgate/internal/tracing"
	"github.com/specgate/specgate/internal/upstream"
)

// guarded is an upstream behind its guard. What is known of it, its connections, its circuit and its places, goes on in
// the next generation where that wants the same.
type guarded struct {
	*guard.Guard
	client  *upstream.Client
	terms   terms
	holders atomic.Int64 // the generations that have it
}

// terms are all that an upstream is made of.
type terms struct {
	settings              config.Backend
	maxResponse, maxEvent config.Size
	breaker               config.Breaker
	health                config.Health
	modelled              bool   // whether there are models, and so circuits
	answers               string // see schemas
}

func termsOf(cfg config.Config, name string, s schemas) terms {
	t := terms{settings: cfg.Upstreams[name], maxResponse: cfg.Upstream.MaxResponse, maxEvent: cfg.Upstream.MaxEvent, health: cfg.Health, answers: s.answers}
	t.settings.FanoutMax, t.settings.FanoutWidth = 0, 0 // which are for what stands before it
	if len(cfg.Models) > 0 {
		t.modelled, t.breaker = true, cfg.Breaker
	}
	return t
}

// upstreams are those of a generation, by name.
type upstreams map[string]*guarded

// free ends those that no other generation has.
func (all upstreams) free() {
	for _, u := range all {
		if u.holders.Add(-1) == 0 {
			u.Close()
			u.client.Close()
		}
	}
}

// newUpstreams makes the upstreams that can get requests, or takes them over from those before. Either way they must
// be freed, on an error too.
func (g *gateway) newUpstreams(cfg config.Config, s schemas, before upstreams) (upstreams, error) {
	all := upstreams{}
	used := cfg.Targeted()
	for name := range cfg.Upstreams {
		if len(cfg.Models) > 0 && !used[name] {
			continue
		}
		u, t := before[name], termsOf(cfg, name, s)
		if u == nil || !reflect.DeepEqual(u.terms, t) {
			var err error
			if u, err = g.newUpstream(cfg, name, s); err != nil {
				return all, err
			}
			u.terms = t
		}
		u.holders.Add(1)
		all[name] = u
	}
	return all, nil
}

func (g *gateway) newUpstream(cfg config.Config, name string, s schemas) (*guarded, error) {
	b := cfg.Upstreams[name]
	base, err := url.Parse(b.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("upstreams.%s.base_url: %w", name, err)
	}
	client := upstream.New(upstream.Options{
		Name: name, Kind: b.Kind, BaseURL: base,
		APIKey: b.APIKey.Reveal(), Organization: b.Organization, Project: b.Project,
		Timeouts:    upstream.Timeouts(b.Timeouts),
		MaxResponse: int(cfg.Upstream.MaxResponse),
		MaxEvent:    int(cfg.Upstream.MaxEvent),
		Completion:  s.completion,
		Chunk:       s.chunk,
		Repaired:    g.metrics.Repaired,
	})
	asked := traced{client, g.tracer.Attempts(client, tracing.Upstream{Name: name, Kind: b.Kind, URL: base})}
	return &guarded{Guard: guard.New(asked, g.guards(cfg, name)), client: client}, nil
}

// guards is how an upstream is guarded. One that gets every request, whatever happens, is not given up; it is asked
// whether it is well so that operators know.
func (g *gateway) guards(cfg config.Config, name string) guard.Options {
	b, metrics, waited := cfg.Upstreams[name], g.metrics, g.tracer.Waits(name)
	o := guard.Options{
		Name:          name,
		MaxConcurrent: b.MaxConcurrent,
		MaxQueue:      b.MaxQueue,
		QueueTimeout:  b.QueueTimeout,
		Attempted:     func(outcome string) { metrics.Attempted(name, outcome) },
		Waited: func(ctx context.Context, d time.Duration, err error) {
			metrics.Waited(name, d)
			waited(ctx, d, err)
		},
		Tried:  func(verdict string) { metrics.Tried(name, verdict) },
		Health: guard.Health(cfg.Health),
		Logger: g.logger,
	}
	if len(cfg.Models) > 0 {
		o.Breaker = guard.Breaker(cfg.Breaker)
	}
	return o
}
