package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/conformance"
)

// against runs cases against a handler.
func against(t *testing.T, handler http.HandlerFunc, only ...string) (*conformance.Report, error) {
	t.Helper()
	front := httptest.NewServer(handler)
	defer front.Close()
	target := conformance.Target{URL: front.URL + "/v1", Key: testKey}
	return newSuite(t).Run(t.Context(), target, conformance.Options{Only: only, Timeout: time.Minute})
}

// verdicts are what came of each case.
func verdicts(r *conformance.Report) map[string]conformance.Verdict {
	all := map[string]conformance.Verdict{}
	for _, result := range r.Results {
		all[result.Case.ID] = result.Verdict
	}
	return all
}

func TestRunWhereNobodyIs(t *testing.T) {
	t.Parallel()
	front := httptest.NewServer(http.NotFoundHandler())
	front.Close()
	_, err := newSuite(t).Run(t.Context(), conformance.Target{URL: front.URL + "/v1"}, conformance.Options{Timeout: time.Minute})
	if !errors.Is(err, conformance.ErrUnreachable) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v", err)
	}
}

func TestRunWithoutTheRightKey(t *testing.T) {
	t.Parallel()
	specgate := newSpecgate(t)
	_, err := against(t, func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Authorization", "Bearer another")
		specgate.ServeHTTP(w, r)
	})
	if !errors.Is(err, conformance.ErrUnreachable) || !strings.Contains(err.Error(), "401") {
		t.Errorf("got %v", err)
	}
}

// Without a model to ask, the cases that need one say so; what needs none is run.
func TestRunWithoutModels(t *testing.T) {
	t.Parallel()
	specgate := newSpecgate(t)
	report, err := against(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/models" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		specgate.ServeHTTP(w, r)
	}, "models/list", "prompts/text", "errors/cut")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]conformance.Verdict{"models/list": conformance.Deviates, "prompts/text": conformance.Deviates, "errors/cut": conformance.Holds}
	if diff := cmp.Diff(want, verdicts(report)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if reason := report.Results[1].Reason; !strings.Contains(reason, "no model to ask") || !strings.Contains(reason, "--model") {
		t.Errorf("the case says %q", reason)
	}
}

// An endpoint that hangs costs each case its time, and no more.
func TestCasesHaveTheirTime(t *testing.T) {
	t.Parallel()
	specgate := newSpecgate(t)
	hang := make(chan struct{})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, _ = io.Copy(io.Discard, r.Body)
			select {
			case <-hang:
			case <-r.Context().Done():
			}
			return
		}
		specgate.ServeHTTP(w, r)
	}))
	defer front.Close()
	defer close(hang)
	report, err := newSuite(t).Run(t.Context(), conformance.Target{URL: front.URL + "/v1", Key: testKey, Model: "m"},
		conformance.Options{Only: []string{"prompts/text"}, Timeout: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if got := report.Results[0]; got.Verdict != conformance.Deviates || got.Reason != "no answer within 300ms" {
		t.Errorf("%s: %s", got.Verdict, got.Reason)
	}
}

// Whoever ends a run gets a report on what was over.
func TestRunIsEnded(t *testing.T) {
	t.Parallel()
	front := httptest.NewServer(newSpecgate(t))
	defer front.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var steps []conformance.Step
	report, err := newSuite(t).Run(ctx, conformance.Target{URL: front.URL + "/v1", Key: testKey}, conformance.Options{
		Only: []string{"models"}, Timeout: time.Minute,
		Progress: func(s conformance.Step) {
			if steps = append(steps, s); s.Done == 2 {
				cancel()
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !report.Interrupted() || len(report.Results) != 2 || report.Planned != 4 || len(steps) != 4 || !strings.Contains(steps[0].Next, "up to 1m0s") {
		t.Errorf("%d of %d cases in %d steps", len(report.Results), report.Planned, len(steps))
	}
}

// Groups are run, and single cases, in the order of the list whatever they cost.
func TestOnlySome(t *testing.T) {
	t.Parallel()
	report, err := against(t, newSpecgate(t).ServeHTTP, "rules", "limits/prompt-texts-most-items-at", "models/list")
	if err != nil {
		t.Fatal(err)
	}
	var groups []string
	for _, result := range report.Results {
		groups = append(groups, result.Case.Group())
	}
	if got := slices.Compact(groups); !slices.Equal(got, []string{"models", "limits", "rules"}) {
		t.Errorf("the groups are %q", got)
	}
}

// A certificate that nobody knows says what would make it known.
func TestUnknownAuthority(t *testing.T) {
	t.Parallel()
	front := httptest.NewUnstartedServer(newSpecgate(t))
	front.Config.ErrorLog = log.New(io.Discard, "", 0)
	front.StartTLS()
	defer front.Close()
	_, err := newSuite(t).Run(t.Context(), conformance.Target{URL: front.URL + "/v1", Key: testKey}, conformance.Options{Timeout: time.Minute})
	if !errors.Is(err, conformance.ErrUnreachable) || !strings.Contains(err.Error(), "SSL_CERT_FILE") {
		t.Errorf("got %v", err)
	}
}

// llama.cpp ends the connection of a stream without a word, and what comes next would be lost on it.
func TestStreamsHaveConnectionsOfTheirOwn(t *testing.T) {
	t.Parallel()
	specgate := newSpecgate(t)
	report, err := against(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), `"stream":true`) != r.Close {
			t.Errorf("%s: the connection is to be closed: %t", body, r.Close)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		specgate.ServeHTTP(w, r)
	}, "streaming/text", "streaming/done")
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Results) != 2 || report.Deviations(conformance.Required) > 0 {
		t.Errorf("%+v", verdicts(report))
	}
}

// What has neither models nor completions is no endpoint that deviates: the URL is another's, or lacks /v1.
func TestRunAgainstSomethingElse(t *testing.T) {
	t.Parallel()
	specgate := newSpecgate(t)
	for name, front := range map[string]http.HandlerFunc{
		"another server": http.NotFound,
		"without /v1": func(w http.ResponseWriter, r *http.Request) {
			r.URL.Path = strings.TrimPrefix(r.URL.Path, "/v1")
			specgate.ServeHTTP(w, r)
		},
	} {
		if _, err := against(t, front); !errors.Is(err, conformance.ErrUnreachable) || !strings.Contains(err.Error(), "/v1") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A run that is interrupted before anything has come is a run that is interrupted.
func TestRunThatIsInterruptedAtOnce(t *testing.T) {
	t.Parallel()
	front := httptest.NewServer(newSpecgate(t))
	t.Cleanup(front.Close)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	report, err := newSuite(t).Run(ctx, conformance.Target{URL: front.URL + "/v1"}, conformance.Options{Timeout: time.Minute})
	if err != nil || len(report.Results) > 0 || report.Planned == 0 {
		t.Errorf("%+v, error %v", report, err)
	}
}

// A list of models that never comes is a deviation of that, where completions do.
func TestModelsThatNeverCome(t *testing.T) {
	t.Parallel()
	specgate := newSpecgate(t)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/models" {
			panic(http.ErrAbortHandler)
		}
		specgate.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	report, err := newSuite(t).Run(t.Context(), conformance.Target{URL: front.URL + "/v1", Key: testKey, Model: "specgate-1"},
		conformance.Options{Timeout: time.Minute, Only: []string{"models/list", "prompts/text"}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]conformance.Verdict{"models/list": conformance.Deviates, "prompts/text": conformance.Holds}
	if diff := cmp.Diff(want, verdicts(report)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
