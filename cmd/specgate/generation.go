package main

import (
	"github.com/specgate/specgate/handlers"
	"github.com/specgate/specgate/internal/auth"
	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/meter"
	"github.com/specgate/specgate/server"
)

// generation is what one set of settings makes of the gateway. A request goes to its end with the one it began with.
type generation struct {
	cfg      config.Config
	spec     []byte
	schemas  schemas // of spec
	script   server.Faults
	backends backends
	meter    *meter.Meter
	server   *server.Server
}

// newGeneration makes the next one, out of the present one as far as both want the same.
func (g *gateway) newGeneration(cfg config.Config) (_ *generation, err error) {
	before := g.present
	if before == nil {
		before = &generation{}
	}
	next := &generation{cfg: cfg}
	o := g.options(cfg)
	if err = next.agree(before); err != nil {
		return nil, err
	}
	o.Spec = next.spec
	if next.script, err = g.newScript(cfg, before); err != nil {
		return nil, err
	}
	o.Faults = next.script
	if o.Tokens, err = g.newAuthenticator(cfg); err != nil {
		return nil, err
	}
	if next.meter, err = g.newMeter(cfg, &o); err != nil {
		return nil, err
	}
	if next.backends, err = g.newBackends(cfg, next.schemas, before.backends); err != nil {
		return nil, err
	}
	o.API = &handlers.API{Backend: next.meter.Before(next.backends), Keepalive: cfg.Stream.Keepalive}
	if next.server, err = g.newServer(o, before.server); err != nil {
		next.backends.free()
		return nil, err
	}
	if next.script != nil && next.script != before.script {
		g.logger.Warn(onPurpose(cfg.Faults.File))
	}
	return next, nil
}

// agree reads the contract, unless it is the one before.
func (n *generation) agree(before *generation) (err error) {
	if before.spec != nil && sameFile(n.cfg, before.cfg, n.cfg.Contract.Overlay, before.cfg.Contract.Overlay) {
		n.spec, n.schemas = before.spec, before.schemas
		return nil
	}
	if n.spec, err = newContract(n.cfg.Contract); err != nil {
		return err
	}
	n.schemas, err = newSchemas(n.spec)
	return err
}

// sameFile reports whether two configurations name the same file, with the same in it; or none.
func sameFile(a, b config.Config, ofA, ofB string) bool {
	return ofA == ofB && a.Files[ofA] == b.Files[ofB]
}

func (g *gateway) newServer(o server.Options, before *server.Server) (*server.Server, error) {
	if before == nil {
		return server.New(o)
	}
	return before.Next(o)
}

// options are those that need nothing made for them.
func (g *gateway) options(cfg config.Config) server.Options {
	labels := metricLabels(cfg)
	o := server.Options{
		Logger:     g.logger,
		Secrets:    newSecrets(cfg),
		Metrics:    g.metrics.With(labels),
		Models:     labels.Models,
		Addresses:  cfg.Log.Addresses,
		Limits:     serverLimits(cfg),
		TLS:        g.tls,
		H2C:        cfg.H2C,
		Shutdown:   server.Shutdown(cfg.Shutdown),
		Operations: operations(cfg.Ops, g.registry),
		OpsToken:   cfg.Ops.Token.Reveal(),
		Parts:      g.metrics.Parts,
	}
	if g.tracer != nil {
		o.Tracer = g.tracer
	}
	return o
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

// newScript reads the script of faults, unless it is the one that is in use: that goes on counting.
func (g *gateway) newScript(cfg config.Config, before *generation) (server.Faults, error) {
	if before.script != nil && sameFile(cfg, before.cfg, cfg.Faults.File, before.cfg.Faults.File) {
		return before.script, nil
	}
	return newFaults(cfg.Faults)
}

// newAuthenticator is who decides who may call, in the way that auth.mode says.
func (g *gateway) newAuthenticator(cfg config.Config) (server.Authenticator, error) {
	switch cfg.Auth.Mode {
	case config.AuthKeys:
		return g.managed, nil
	case config.AuthPassthrough:
		return auth.Passthrough{}, nil
	default:
		return newTokens(cfg.Auth.Tokens)
	}
}

// newMeter makes what stands in front of the backend: it counts and records use where that is to be, and notes for the
// metrics what answers tell of it. The server is handed it where it has to do with requests that come to no backend.
func (g *gateway) newMeter(cfg config.Config, o *server.Options) (*meter.Meter, error) {
	mo := meter.Options{Refused: g.metrics.Refused, Streams: &g.streams}
	if g.recorder != nil {
		mo.Recorder = g.recorder
	}
	if cfg.Limited() {
		if err := g.limit(cfg); err != nil {
			return nil, err
		}
		mo.Limiter = g.limiter
	}
	m := meter.New(mo)
	if mo.Limiter != nil {
		o.Meter = m
	}
	if mo.Recorder != nil {
		o.Usage = m
	}
	return m, nil
}

// limit has use counted, from when a caller first has limits: what was counted stays when those change.
func (g *gateway) limit(cfg config.Config) error {
	if g.limiter != nil {
		return nil
	}
	limiter, free, err := newLimiter(cfg, g.kept, g.metrics, g.logger)
	if err != nil {
		return err
	}
	g.limiter = g.tracer.Limits(limiter)
	g.hold(free)
	return nil
}
