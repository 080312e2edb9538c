// Package meter counts what completions use. It stands in front of a backend: it asks the limits before the
// backend is asked, reads the usage out of answers and streams, settles the one with the other, and has
// a record kept of it. It knows no HTTP server, no keys and no store.
package meter

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/limits"
)

// Limited is a principal whose use is limited.
type Limited interface {
	// Scopes are those whose limits hold for the principal, as limits.Limiter takes them.
	Scopes() []limits.Scope
}

// Options say what is counted. Where neither a Limiter nor a Recorder is set, calls are told what answers say
// by themselves, and no more.
type Options struct {
	Limiter  limits.Limiter // nil where nothing is limited
	Recorder Recorder       // nil where nothing is recorded; else the usage of every completion is read

	// Refused is called for each request that a limit refuses, with whose it is (key, project, organization, token) and
	// what of, as the settings call it. It may be nil, and is called from many goroutines at once.
	Refused func(scope, kind string)

	// Streams counts those that are open, for several meters together; nil for one that counts for itself.
	Streams *atomic.Int64
}

// Meter counts. It may be used by many goroutines at once.
type Meter struct {
	options Options
	streams *atomic.Int64
}

// New returns a meter.
func New(o Options) *Meter {
	if o.Refused == nil {
		o.Refused = func(string, string) {}
	}
	if o.Streams == nil {
		o.Streams = &atomic.Int64{}
	}
	return &Meter{options: o, streams: o.Streams}
}

// Streams is how many streams are open at present.
func (m *Meter) Streams() int { return int(m.streams.Load()) }

// Limited reports whether any limit holds for a call.
func (m *Meter) Limited(call *completion.Call) bool { return m.scopes(call) != nil }

// scopes are those that limit a call; nil where nothing does.
func (m *Meter) scopes(call *completion.Call) []limits.Scope {
	p, ok := call.Principal.(Limited)
	if !ok || m.options.Limiter == nil {
		return nil
	}
	scopes := p.Scopes()
	for _, s := range scopes {
		if !s.None() {
			return scopes
		}
	}
	return nil
}

// Count takes a request that is for no completion, or breaks the contract: it uses no tokens, and takes
// nobody's place. Its error is for the caller.
func (m *Meter) Count(ctx context.Context) error {
	call := completion.CallOf(ctx)
	scopes := append([]limits.Scope(nil), m.scopes(call)...)
	for i := range scopes {
		scopes[i].Parallel = 0
	}
	grant, err := m.take(ctx, call, scopes)
	if err == nil {
		grant.Settle(ctx, 0)
	}
	return err
}

// take asks the limits for a request and the call's estimate, and tells the call what is left.
func (m *Meter) take(ctx context.Context, call *completion.Call, scopes []limits.Scope) (*limits.Grant, error) {
	grant, err := m.options.Limiter.Take(ctx, scopes, call.Estimate)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, apierror.LimitsAway(err)
	}
	call.Limits = completion.Limits{
		Asked:    true,
		Requests: completion.Left(grant.Status.Requests),
		Tokens:   completion.Left(grant.Status.Tokens),
	}
	if r := grant.Refused; r != nil {
		m.options.Refused(r.Of(), r.Kind.String())
		return nil, refusal(*grant.Refused, grant.Status.Tokens, call.Estimate)
	}
	return grant, nil
}

// Backend is what a meter stands in front of, and is itself; see handlers.Backend.
type Backend interface {
	Complete(ctx context.Context, req *completion.Request) (*completion.Answer, error)
	Models(ctx context.Context) (gen.ModelList, error)
	Model(ctx context.Context, id string) (gen.Model, error)
}

type metered struct {
	Backend
	meter *Meter
}

// Before returns next with the meter in front of it.
func (m *Meter) Before(next Backend) Backend { return metered{next, m} }

// Complete asks the limits, then the backend, and counts what comes.
func (b metered) Complete(ctx context.Context, req *completion.Request) (*completion.Answer, error) {
	j, err := b.meter.begin(ctx, req)
	if err != nil {
		return nil, err
	}
	if j == nil {
		answer, err := b.Backend.Complete(ctx, req)
		if err != nil {
			return nil, err
		}
		return b.meter.pass(completion.CallOf(ctx), answer), nil
	}
	handed := false
	defer func() {
		if !handed { // something panicked
			j.end(completion.Tokens{})
		}
	}()
	asked := req
	if j.reads && req.Stream && !req.IncludeUsage {
		asked = withUsage(req)
	}
	answer, err := b.Backend.Complete(ctx, asked)
	handed = true
	switch {
	case err != nil:
		j.end(j.ofError(err))
		return nil, err
	case answer.Stream != nil:
		b.meter.streams.Add(1)
		wrapped := *answer
		wrapped.Stream = &stream{Stream: answer.Stream, job: j, hides: asked != req}
		return &wrapped, nil
	}
	j.end(j.ofBody(answer.Body))
	j.answered()
	return answer, nil
}

// job is a completion that is counted, until it is over. It belongs to the goroutine of the request.
type job struct {
	ctx   context.Context
	meter *Meter
	call  *completion.Call
	req   *completion.Request
	grant *limits.Grant // nil where nothing is limited
	reads bool          // whether the usage has to be known
	over  bool
}

// begin takes from the limits what a request may use. There is no job where nothing has to be counted.
func (m *Meter) begin(ctx context.Context, req *completion.Request) (*job, error) {
	call := completion.CallOf(ctx)
	scopes := m.scopes(call)
	records := m.options.Recorder != nil
	if scopes == nil && !records {
		return nil, nil
	}
	j := &job{ctx: ctx, meter: m, call: call, req: req, reads: records}
	if scopes == nil {
		return j, nil
	}
	for _, s := range scopes {
		if s.OfTokens() {
			call.Estimate, j.reads = estimate(req), true
			break
		}
	}
	var err error
	j.grant, err = m.take(ctx, call, scopes)
	return j, err
}

// end settles a completion, once.
func (j *job) end(used completion.Tokens) {
	if j.over {
		return
	}
	j.over = true
	j.call.Tokens = used
	if j.grant != nil {
		j.grant.Settle(j.ctx, used.Total())
	}
}

// ofError is what was used by a completion that failed as a whole: nothing, where the backend refused it or
// was not asked; where it was given up while it worked, its prompt at least.
func (j *job) ofError(err error) completion.Tokens {
	var e *apierror.Error
	late := errors.As(err, &e) && e.Status == http.StatusGatewayTimeout
	if !j.reads || j.call.Attempts == 0 || !late && j.ctx.Err() == nil {
		return completion.Tokens{}
	}
	return completion.Tokens{Prompt: promptTokens(j.req)}
}
