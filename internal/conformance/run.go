package conformance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
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
	Progress func(Step)        // called before each case, and before the first is known; may be nil
	Base     http.RoundTripper // nil for one of its own
}

func (o *Options) tell(step Step) {
	if o.Progress != nil {
		o.Progress(step)
	}
}

// Step is how far a run has come.
type Step struct {
	Done, All int
	Next      string // id of the case that comes now; in brackets, what comes before the first
}

// Verdict is what came of a case.
type Verdict string

// NotApplicable is an endpoint that said, as the contract has it said, that it cannot do what the case needs.
const (
	Holds         Verdict = "holds"
	Deviates      Verdict = "deviates"
	NotApplicable Verdict = "not applicable"
	foreign       Verdict = "otherwise" // in this contract; it comes to no report
)

// Result is a case that was run.
type Result struct {
	Case      Case
	Verdict   Verdict
	Reason    string // "" where it holds
	Exchanges []Trace
	Took      time.Duration
	heard     heard
}

// ErrUnreachable is an endpoint that nothing could be asked of.
var ErrUnreachable = errors.New("the endpoint cannot be asked")

// Run holds an endpoint to the cases. An error is ErrUnreachable; a context that ends gives the report on
// the cases that were over until then, and so does an endpoint that hangs.
func (s *Suite) Run(ctx context.Context, target Target, options Options) (*Report, error) {
	base, err := url.Parse(target.URL)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	if target.Model != "" && !s.takes(target.Model) {
		return nil, fmt.Errorf("%w: the contract has no model %q (--model)", ErrUnreachable, target.Model)
	}
	e := &endpoint{base: base, key: target.Key, model: target.Model, demanded: s.demanded(), transport: options.Base}
	if e.transport == nil {
		own := newTransport()
		defer own.CloseIdleConnections()
		e.transport = own
	}
	options.tell(Step{All: len(s.chosen(options.Only)), Next: fmt.Sprintf("(asking for the models, for up to %s)", options.Timeout)})
	if err := s.meet(ctx, e, options.Timeout); err != nil && ctx.Err() == nil {
		return nil, err
	}
	report := &Report{Title: s.title, Version: s.version, URL: e.shown(), Model: e.model, key: apiKey(e.key)}
	report.LeftOut = slices.DeleteFunc(s.LeftOut(), func(id string) bool { return !picks(options.Only, id) })
	s.runAll(ctx, e, options, report)
	if report.GaveUp && !e.answered {
		return nil, fmt.Errorf("%w: it answers nothing within %s", ErrUnreachable, options.Timeout)
	}
	return report, nil
}

// runAll runs the chosen cases, and reports on them in the order of the list.
func (s *Suite) runAll(ctx context.Context, e *endpoint, options Options, report *Report) {
	cases := inOrder(s.chosen(options.Only))
	report.Planned = len(cases)
	waits := patience{alive: func() bool { return s.works(ctx, e, options.Timeout) }}
	for i, c := range cases {
		if waits.over || waits.skipped[c.Group()] {
			report.NotRun = append(report.NotRun, c.ID)
			continue
		}
		options.tell(Step{Done: i, All: len(cases), Next: c.ID})
		result := s.try(ctx, e, c, options.Timeout)
		if ctx.Err() != nil {
			report.NotRun = append(report.NotRun, ids(cases[i:])...)
			break
		}
		report.add(result)
		if i < len(cases)-1 {
			waits.count(&result)
		}
	}
	report.GaveUp = len(report.NotRun) > 0 && ctx.Err() == nil
	slices.SortStableFunc(report.Results, func(a, b Result) int { return cmp.Compare(s.place(a.Case.ID), s.place(b.Case.ID)) })
}

// add takes the result of a case, unless this contract turned out to have it otherwise.
func (r *Report) add(result Result) {
	if result.Verdict == foreign {
		r.LeftOut = append(r.LeftOut, result.Case.ID)
		r.Planned--
		return
	}
	r.Results = append(r.Results, result)
}

func ids(cases []Case) []string {
	all := make([]string, len(cases))
	for i, c := range cases {
		all[i] = c.ID
	}
	return all
}

// newTransport keeps what comes as it comes.
func newTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableCompression = true
	t.ForceAttemptHTTP2 = true
	return t
}

// within runs f with so much time.
func within(ctx context.Context, timeout time.Duration, f func(ctx context.Context)) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errTimeout(timeout))
	defer cancel()
	f(ctx)
}

// chosen are the cases of some groups, and those that are named.
func (s *Suite) chosen(only []string) []Case {
	return slices.DeleteFunc(s.Cases(), func(c Case) bool { return !picks(only, c.ID) })
}

// picks reports whether a case is among those that are named, by itself or by its group; no name is for all.
func picks(only []string, id string) bool {
	group, _, _ := strings.Cut(id, "/")
	return len(only) == 0 || slices.Contains(only, group) || slices.Contains(only, id)
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
	t := &trial{endpoint: e, suite: s, of: &c, ctx: ctx}
	begun := time.Now()
	err := c.try(t)
	key := apiKey(e.key)
	result := Result{Case: c, Verdict: Holds, Exchanges: key.traces(t.exchanges), Took: time.Since(begun), heard: t.heard()}
	var refusal *notApplicable
	switch {
	case errors.As(err, &refusal):
		result.Verdict, result.Reason = NotApplicable, refusal.Error()
	case errors.Is(err, errForeign):
		result.Verdict = foreign
	case err != nil:
		result.Verdict, result.Reason = Deviates, key.told(err.Error())
	}
	return result
}
