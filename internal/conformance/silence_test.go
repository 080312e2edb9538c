package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/specgate/specgate/internal/conformance"
)

// patience is little for a test, and enough for an answer on a machine that has more to do.
const patience = 2 * time.Second

// hanging runs cases against a handler, with little time for each.
func hanging(t *testing.T, handler http.HandlerFunc, only ...string) (*conformance.Report, error) {
	t.Helper()
	front := httptest.NewServer(handler)
	t.Cleanup(front.Close)
	return newSuite(t).Run(t.Context(), conformance.Target{URL: front.URL + "/v1", Key: testKey, Model: "specgate-1"},
		conformance.Options{Only: only, Timeout: patience})
}

// hang waits until the caller has left.
func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // or the server would not see the caller leave
	<-r.Context().Done()
}

// An endpoint that hangs is given up, and what is not known of it is said.
func TestEndpointThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	specgate := newSpecgate(t)
	report, err := hanging(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			hang(w, r)
			return
		}
		specgate.ServeHTTP(w, r)
	}, "models/list", "prompts")
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Results) != 6 || len(report.Results)+len(report.NotRun) != report.Planned || !report.GaveUp || report.Interrupted() {
		t.Errorf("%d of %d cases were run, and %q were not", len(report.Results), report.Planned, report.NotRun)
	}
	for format, want := range map[string]string{
		"text":  "The run was given up after 5 cases in a row, or 20 in all, without an answer: 14 of 20 cases were not run.",
		"json":  `"gave_up": true`,
		"junit": `<testcase name="boolean-in-list" classname="conformance.prompts" time="0.000">`,
	} {
		var out strings.Builder
		if err := report.Write(&out, format); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("error %v, and no %s in\n%s", err, want, &out)
		}
	}
}

// One that hangs at some requests alone is held to all others.
func TestEndpointThatHangsAtStreams(t *testing.T) {
	t.Parallel()
	specgate := newSpecgate(t)
	report, err := hanging(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<21))
		if strings.Contains(string(body), `"stream":true`) {
			<-r.Context().Done()
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		specgate.ServeHTTP(w, r)
	}, "echo", "streaming", "answers", "errors", "headers")
	if err != nil {
		t.Fatal(err)
	}
	if !report.GaveUp || report.Interrupted() || len(report.Results)+len(report.NotRun) != report.Planned {
		t.Errorf("%d of %d cases were run, and %q were not", len(report.Results), report.Planned, report.NotRun)
	}
	for _, id := range report.NotRun {
		if !strings.HasPrefix(id, "streaming/") {
			t.Errorf("%s was not run", id)
		}
	}
	for format, want := range map[string]string{"text": "\nNot run\n\nstreaming/", "markdown": "\n## Not run\n\n- streaming/"} {
		var out strings.Builder
		if err := report.Write(&out, format); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("error %v, and no %s in\n%s", err, want, &out)
		}
	}
}

// However often it answers in between, one that hangs at most of what it is asked is given up.
func TestPatienceEnds(t *testing.T) {
	t.Parallel()
	specgate := newSpecgate(t)
	report, err := hanging(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<21))
		if r.Method == http.MethodPost && !strings.Contains(string(body), "Hello World") {
			<-r.Context().Done()
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		specgate.ServeHTTP(w, r)
	})
	if err != nil {
		t.Fatal(err)
	}
	silent := 0
	for _, result := range report.Results {
		if strings.HasPrefix(result.Reason, "no answer") {
			silent++
		}
	}
	if silent != 20 || !report.GaveUp {
		t.Errorf("%d cases without an answer, given up: %t", silent, report.GaveUp)
	}
	var out strings.Builder
	if err := report.Write(&out, "text"); err != nil || !strings.Contains(out.String(), "\nprompts: 15 cases\n") {
		t.Errorf("error %v\n%s", err, &out)
	}
}

// An endpoint that never answered cannot be asked, however it hangs.
func TestEndpointThatNeverAnswers(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{
		"nothing": hang,
		"the beginning of an answer": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "{")
			_ = http.NewResponseController(w).Flush()
			hang(w, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := hanging(t, handler, "models", "prompts"); !errors.Is(err, conformance.ErrUnreachable) || !strings.Contains(err.Error(), "within 2s") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// An interruption does not wait for a long stream to be held to its schema.
func TestInterruptedInAStream(t *testing.T) {
	t.Parallel()
	specgate := newSpecgate(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	front := httptest.NewServer(deviant{specgate: specgate, deviation: deviation{when: about(`"stream":true`), answer: func(*reply) { interrupt() }}})
	t.Cleanup(front.Close)
	report, err := newSuite(t).Run(ctx, conformance.Target{URL: front.URL + "/v1", Key: testKey},
		conformance.Options{Only: []string{"streaming/done"}, Timeout: time.Minute})
	if err != nil || !report.Interrupted() || len(report.NotRun) != 1 {
		t.Errorf("%+v, error %v", report, err)
	}
}
