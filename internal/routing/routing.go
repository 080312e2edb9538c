// Package routing decides which backend answers a request: by the model's id, the shares and priorities
// of its targets, and what is known of each backend's health; and whether a request that failed is sent
// again. It knows backends by the interfaces in this file, and no HTTP client.
package routing

import (
	"context"
	"log/slog"
	"time"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
)

// Completer answers requests. Its errors tell by apierror.FateOf what may have become of them, and the
// Work of the call counts what it hands to a backend.
type Completer interface {
	Complete(ctx context.Context, req *completion.Request) (*completion.Answer, error)
}

// Lister lists the models that a backend has.
type Lister interface {
	Models(ctx context.Context) (gen.ModelList, error)
}

// Upstream is what is known of a backend.
type Upstream interface {
	Lister
	Name() string
	// Healthy reports whether it is worth asking.
	Healthy() bool
	// Wait is how long it must be left alone; 0 where it need not.
	Wait() time.Duration
	// Full reports whether a request would have to wait for others.
	Full() bool
}

// Target is one backend that has a model.
type Target struct {
	Upstream  Upstream
	Completer Completer // how it is asked
	Model     string    // what the model is called there; empty for the id that was asked for
	Weight    int       // its share beside the others of its priority; at least 1
	Priority  int       // lower ones are asked first
}

// Options says where requests go.
type Options struct {
	Models map[string][]Target // by id, or by a pattern in which an asterisk stands for any characters
	Retry  Retry
	Expose bool // whether callers are told which upstream answered, and how often one was asked

	Logger *slog.Logger // for what no caller is told; nil for nobody

	// Before is a router whose place this one takes, which goes on where that one was: with what it has counted, the
	// turns of routes that are the same, and the lists of upstreams that are. It may be nil.
	Before *Router

	// Retried is called with one of Retries for each request that is sent to a backend once more, and for each that
	// would have been, had the budget allowed it. It may be nil, and is called from many goroutines at once.
	Retried func(result string)
}

// What can become of a retry.
const (
	RetrySent     = "sent"
	RetryWithheld = "withheld" // for the budget
)

// Retries lists what Options.Retried is called with.
func Retries() []string { return []string{RetrySent, RetryWithheld} }

// Router sends each request to a target of its model. It may be used by many goroutines at once.
type Router struct {
	table   table
	retry   Retry
	budget  *budget
	catalog catalog
	retried func(result string)
	expose  bool
}

// New returns a router. Close ends what it does for itself.
func New(o Options) *Router {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Retried == nil {
		o.Retried = func(string) {}
	}
	t := newTable(o.Models)
	r := &Router{
		table: t, retry: o.Retry, budget: &budget{}, catalog: newCatalog(t, o.Logger), retried: o.Retried, expose: o.Expose,
	}
	if o.Before != nil {
		r.follow(o.Before)
	}
	return r
}

// Close ends the router's own questions to backends, and waits for them.
func (r *Router) Close() { r.catalog.close() }

// Complete asks a target of the model, and others where it could not have begun to work. An answer
// names the model as the caller did.
func (r *Router) Complete(ctx context.Context, req *completion.Request) (*completion.Answer, error) {
	route := r.table.find(req.Model)
	if route == nil {
		return nil, apierror.ModelNotFound()
	}
	t := &trip{router: r, route: route, req: req, call: completion.CallOf(ctx)}
	answer, err := t.run(ctx)
	if r.expose {
		return exposed(t.call, answer, err)
	}
	return answer, err
}
