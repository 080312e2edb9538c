package conformance

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/specgate/specgate/gen"
)

// Target is an endpoint to be held to the contract.
type Target struct {
	URL   string // an SDK's base URL, /v1 included
	Key   string // sent as a bearer token; "" for none
	Model string // "" for the first that the endpoint lists
}

// Options are how a suite is run.
type Options struct {
	Only     []string          // groups or ids of cases; none for all
	Timeout  time.Duration     // of one case
	Progress func(Step)        // called before each case; may be nil
	Base     http.RoundTripper // nil for one of its own
}

// Step is how far a run has come.
type Step struct {
	Done, All int
	Next      string // id of the case that comes now
}

// Verdict is what came of a case.
type Verdict string

// NotApplicable is an endpoint that said, as the contract has it said, that it cannot do what the case needs.
const (
	Holds         Verdict = "holds"
	Deviates      Verdict = "deviates"
	NotApplicable Verdict = "not applicable"
)

// Result is a case that was run.
type Result struct {
	Case      Case
	Verdict   Verdict
	Reason    string // "" where it holds
	Exchanges []*Exchange
	Took      time.Duration
}

// ErrUnreachable is an endpoint that nothing could be asked of.
var ErrUnreachable = errors.New("the endpoint cannot be asked")

// Run holds an endpoint to the cases. An error is ErrUnreachable; a context that ends gives the report on
// the cases that were over until then.
func (s *Suite) Run(ctx context.Context, target Target, options Options) (*Report, error) {
	base, err := url.Parse(target.URL)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	e := &endpoint{base: base, key: target.Key, model: target.Model, transport: options.Base}
	if e.transport == nil {
		own := newTransport()
		defer own.CloseIdleConnections()
		e.transport = own
	}
	if err := s.meet(ctx, e, options.Timeout); err != nil && ctx.Err() == nil {
		return nil, err
	}
	report := &Report{Title: s.title, Version: s.version, URL: base.Redacted(), Model: e.model, key: e.key}
	cases := s.chosen(options.Only)
	report.Planned = len(cases)
	for i, c := range inOrder(cases) {
		if options.Progress != nil {
			options.Progress(Step{Done: i, All: len(cases), Next: c.ID})
		}
		result := s.try(ctx, e, c, options.Timeout)
		if ctx.Err() != nil {
			break
		}
		report.Results = append(report.Results, result)
	}
	slices.SortStableFunc(report.Results, func(a, b Result) int { return cmp.Compare(s.place(a.Case.ID), s.place(b.Case.ID)) })
	return report, nil
}

// newTransport keeps what comes as it comes.
func newTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableCompression = true
	t.ForceAttemptHTTP2 = true
	return t
}

// meet finds the model to ask, and fails where there is no asking.
func (s *Suite) meet(ctx context.Context, e *endpoint, timeout time.Duration) error {
	t := &trial{endpoint: e, suite: s}
	var list *gen.ModelList
	var err error
	within(ctx, timeout, func(ctx context.Context) {
		t.ctx = ctx
		list, err = t.list()
	})
	first := t.exchanges[0]
	if err != nil && first.Status != http.StatusOK {
		var x *Exchange
		within(ctx, timeout, func(ctx context.Context) { x = e.do(ctx, plea("Hello World")) })
		if err := unaskable(first, x); err != nil {
			return err
		}
	}
	if e.model != "" {
		return nil
	}
	switch {
	case err != nil:
		e.noModel = fmt.Errorf("GET /models: %w", err)
	case len(list.Data) == 0:
		e.noModel = errors.New("GET /models lists none")
	default:
		e.model = list.Data[0].Id
	}
	return nil
}

// within runs f with so much time.
func within(ctx context.Context, timeout time.Duration, f func(ctx context.Context)) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errTimeout(timeout))
	defer cancel()
	f(ctx)
}

// unaskable says why there is no asking an endpoint, by what it makes of a question for its models and of
// one for a completion; nil where there is.
func unaskable(models, completion *Exchange) error {
	switch {
	case models.Status == 0 && completion.Status == 0:
		return fmt.Errorf("%w: %w", ErrUnreachable, models.Err)
	case completion.isElsewhere():
		return fmt.Errorf("%w: it has neither models nor completions: the URL is to be that of the API, as a rule with /v1 at its end", ErrUnreachable)
	case models.Status == completion.Status && (models.Status == http.StatusUnauthorized || models.Status == http.StatusForbidden):
		return fmt.Errorf("%w: it answers %d: it needs a key that it knows, as --key or OPENAI_API_KEY", ErrUnreachable, models.Status)
	}
	return nil
}

// isElsewhere reports whether an answer to a completion is that of a server which has no such thing: it knows
// neither the path nor, by the method, what is asked for. That a model is not there is said in an error.
func (x *Exchange) isElsewhere() bool {
	switch x.Status {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return !bytes.Contains(x.Got, []byte("model"))
	}
	return false
}

func errTimeout(timeout time.Duration) error {
	return fmt.Errorf("no answer within %s", timeout)
}

// chosen are the cases of some groups, and those that are named.
func (s *Suite) chosen(only []string) []Case {
	if len(only) == 0 {
		return s.cases
	}
	return slices.DeleteFunc(s.Cases(), func(c Case) bool {
		return !slices.Contains(only, c.Group()) && !slices.Contains(only, c.ID)
	})
}

// inOrder puts those last that cost most: an endpoint may be busy with them for longer than they wait.
func inOrder(cases []Case) []Case {
	return slices.SortedStableFunc(slices.Values(cases), func(a, b Case) int {
		switch {
		case a.late == b.late:
			return 0
		case a.late:
			return 1
		default:
			return -1
		}
	})
}

func (s *Suite) place(id string) int {
	return slices.IndexFunc(s.cases, func(c Case) bool { return c.ID == id })
}

// try runs one case.
func (s *Suite) try(ctx context.Context, e *endpoint, c Case, timeout time.Duration) Result {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errTimeout(timeout))
	defer cancel()
	t := &trial{endpoint: e, suite: s, ctx: ctx}
	begun := time.Now()
	err := c.try(t)
	result := Result{Case: c, Verdict: Holds, Exchanges: t.exchanges, Took: time.Since(begun)}
	var refusal *notApplicable
	switch {
	case errors.As(err, &refusal):
		result.Verdict, result.Reason = NotApplicable, refusal.Error()
	case err != nil:
		result.Verdict, result.Reason = Deviates, err.Error()
	}
	return result
}
