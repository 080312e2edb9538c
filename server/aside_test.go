package server_test

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/server"
)

// tellers is all that is told of a request. It notes each, and is a bug in those of broken.
type tellers struct {
	slog.Handler
	*counts

	broken []string
	mu     sync.Mutex
	told   []string
	ended  chan struct{} // when the trace is
}

func (a *tellers) tell(what string) {
	a.mu.Lock()
	a.told = append(a.told, what)
	a.mu.Unlock()
	if slices.Contains(a.broken, what) {
		panic("a secret")
	}
}

func (a *tellers) Request(string, int, string)                   { a.tell("request") }
func (a *tellers) Completion(*completion.Call, time.Duration)    { a.tell("completion") }
func (a *tellers) Unavailable(string)                            { a.tell("unavailable") }
func (a *tellers) Record(context.Context, int, string)           { a.tell("record") }
func (a *tellers) Begin(*completion.Call, *http.Request, string) {}

func (a *tellers) Validate(context.Context) func(code string, fields, types []string) {
	return func(string, []string, []string) {}
}

func (a *tellers) End(*completion.Call, int) {
	defer close(a.ended)
	a.tell("trace")
}

func (a *tellers) Handle(ctx context.Context, line slog.Record) error {
	a.tell(line.Message + " line")
	return a.Handler.Handle(ctx, line)
}

// Whatever tells of a request may be a bug: the caller has his answer, all else is told, and the log has the bug once, by
// where it is. Where the log is a bug for that too, nothing else is lost.
func TestBugsInWhatTellsOfARequest(t *testing.T) {
	t.Parallel()
	all := []string{"record", "request failed line", "request", "completion", "unavailable", "request line", "trace"}
	const bug = "request not told of in full line"
	for _, broken := range [][]string{all[:1], all[1:2], all[2:3], all[3:4], all[4:5], all[5:6], all[6:], {"request", bug}} {
		t.Run(strings.Join(broken, " and "), func(t *testing.T) {
			t.Parallel()
			a := &tellers{counts: &counts{seen: map[string]int{}}, broken: broken, ended: make(chan struct{})}
			r := start(t, func(o *server.Options) {
				a.Handler = o.Logger.Handler()
				o.Metrics, o.Usage, o.Tracer, o.Logger = a, a, a, slog.New(a)
				o.API = &operations{complete: func(context.Context, *completion.Request) (gen.CreateCompletionResponseObject, error) {
					e := apierror.Overloaded()
					e.Cause = context.Canceled
					return nil, e
				}}
			})
			if got := r.send("POST", "/v1/completions", valid); got.status != http.StatusServiceUnavailable || got.code() != "unavailable" {
				t.Errorf("%d %s", got.status, got.body)
			}
			<-a.ended
			r.end()
			r.ended <- <-r.ended // for the clean-up, which looks at it
			if n := strings.Count(r.log.String(), "panic with string at aside_test.go:"); n != 2-len(broken) || strings.Contains(r.log.String(), "a secret") {
				t.Errorf("%d lines of the bug in\n%s", n, r.log)
			}
			if !slices.Contains(a.told, bug) {
				t.Error("the bug has no line")
			}
			told := slices.DeleteFunc(a.told, func(what string) bool { return !slices.Contains(all, what) })
			if diff := cmp.Diff(all, told); diff != "" {
				t.Errorf("told (-want +got)\n%s", diff)
			}
		})
	}
}
