package server_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/server"
)

// follower notes which spans begin, and how they end.
type follower struct {
	mu   sync.Mutex
	seen []string
}

func (f *follower) note(what ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, strings.TrimSpace(strings.Join(what, " ")))
}

func (f *follower) Begin(*completion.Call, *http.Request, string) { f.note("begin") }

func (f *follower) Validate(context.Context) func(code string, fields, types []string) {
	f.note("validate")
	return func(code string, _, _ []string) { f.note("validated", code) }
}

func (f *follower) End(call *completion.Call, status int) {
	f.note("end", call.ErrorCode, http.StatusText(status))
}

// explosive is a body that is a bug to read, and counts in which it is one to count what is wrong.
type explosive struct{ *counts }

func (explosive) Read([]byte) (int, error) { panic("a bug") }
func (explosive) Close() error             { return nil }
func (explosive) Invalid(string, string)   { panic("a bug") }

// aborts hands a request over, and reports whether its connection is to be broken.
func aborts(s *server.Server, r *http.Request) (aborted bool) {
	defer func() { aborted = recover() == http.ErrAbortHandler }() //nolint:errorlint // it is compared so by net/http
	s.ServeHTTP(httptest.NewRecorder(), r)
	return false
}

// Each span ends, wherever a bug is, and the log has one line of the request and one of the bug.
func TestSpansEndAfterBugs(t *testing.T) {
	t.Parallel()
	const failed = "end internal_error Internal Server Error"
	answers := func(with gen.CreateCompletionResponseObject) func(*server.Options) {
		return func(o *server.Options) {
			o.API = &operations{complete: func(context.Context, *completion.Request) (gen.CreateCompletionResponseObject, error) {
				return with.(halfDone), nil // which is a bug where it is none
			}}
		}
	}
	for name, test := range map[string]struct {
		body    io.Reader
		change  func(*server.Options)
		aborted bool
		want    []string
	}{
		"reading the body":     {explosive{}, nil, false, []string{"begin", "validate", "validated internal_error", failed}},
		"in the operation":     {strings.NewReader(valid), answers(nil), false, []string{"begin", "validate", "validated", failed}},
		"amid the answer":      {strings.NewReader(valid), answers(halfDone{}), true, []string{"begin", "validate", "validated", "end internal_error OK"}},
		"telling of the error": {strings.NewReader("{}"), func(o *server.Options) { o.Metrics = explosive{&counts{seen: map[string]int{}}} }, false, []string{"begin", "validate", "validated missing", failed}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen, log := &follower{}, &lines{}
			options := usual(log, &counts{seen: map[string]int{}})
			options.Tracer = seen
			if test.change != nil {
				test.change(&options)
			}
			s, err := server.New(options)
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/completions", test.body)
			r.Header = http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
			if aborted := aborts(s, r); aborted != test.aborted {
				t.Errorf("the connection is broken: %v", aborted)
			}
			if diff := cmp.Diff(test.want, seen.seen); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if n := strings.Count(log.String(), `"msg":"request"`); n != 1 || strings.Count(log.String(), `"cause":"panic with `) != 1 {
				t.Errorf("%d lines of the request in\n%s", n, log)
			}
		})
	}
}
