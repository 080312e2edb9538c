package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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

// What an endpoint has not is not held against it where it says so, in the contract's own words.
func TestNotApplicableIsProved(t *testing.T) {
	t.Parallel()
	specgate := newSpecgate(t)
	tests := map[string]struct {
		body string
		want conformance.Verdict
	}{
		"named": {
			`{"detail":[{"loc":["body","echo"],"msg":"Parameter echo is not supported","type":"unsupported_parameter"}],"error":{"message":"m","type":"invalid_request_error","param":"echo","code":"unsupported_parameter"}}`,
			conformance.NotApplicable,
		},
		"another is named": {
			`{"detail":[{"loc":["body","suffix"],"msg":"Parameter suffix is not supported","type":"unsupported_parameter"}],"error":{"message":"m","type":"invalid_request_error","param":"suffix","code":"unsupported_parameter"}}`,
			conformance.Deviates,
		},
		"something else is wrong too": {
			`{"detail":[{"loc":["body","echo"],"msg":"m","type":"unsupported_parameter"},{"loc":["body","prompt"],"msg":"m","type":"value_error"}],"error":{"message":"m","type":"invalid_request_error","param":"echo","code":"unsupported_parameter"}}`,
			conformance.Deviates,
		},
		"words alone":            {`{"error":{"message":"echo is not supported","type":"invalid_request_error","param":"echo","code":null}}`, conformance.Deviates},
		"no JSON":                {`echo is not supported`, conformance.Deviates},
		"not in the form of 422": {`{"error":{"code":"unsupported_parameter","param":"echo"}}`, conformance.Deviates},
		"without a list": {
			`{"error":{"message":"m","type":"invalid_request_error","param":"echo","code":"unsupported_parameter"}}`,
			conformance.Deviates,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			report, err := against(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodPost {
					w.Header().Set("Content-Type", "application/json")
					w.WriteHeader(http.StatusUnprocessableEntity)
					_, _ = io.WriteString(w, test.body)
					return
				}
				specgate.ServeHTTP(w, r)
			}, "echo/text")
			if err != nil {
				t.Fatal(err)
			}
			if got := report.Results[0]; got.Verdict != test.want {
				t.Errorf("%s: %s", got.Verdict, got.Reason)
			}
		})
	}
}

// An excuse comes as what it is: in JSON.
func TestExcusesKeepTheirSchema(t *testing.T) {
	t.Parallel()
	for id, body := range map[string]string{
		"echo/text":                         `{"detail":[{"loc":["body","echo"],"msg":"m","type":"unsupported_parameter"}],"error":{"message":"m","type":"invalid_request_error","param":"echo","code":"unsupported_parameter"}}`,
		"limits/prompt-texts-most-items-at": `{"detail":[{"loc":["body","prompt"],"msg":"m","type":"value_error"}],"error":{"message":"m","type":"invalid_request_error","param":"prompt","code":"value_error"}}`,
	} {
		for media, want := range map[string]conformance.Verdict{"text/html": conformance.Deviates, "application/json": conformance.NotApplicable} {
			report, err := against(t, deviant{specgate: newSpecgate(t), deviation: deviation{when: to("POST", "/v1/completions"), answer: func(a *reply) {
				a.status, a.header, a.body = http.StatusUnprocessableEntity, http.Header{"Content-Type": {media}}, body
			}}}.ServeHTTP, id)
			if err != nil {
				t.Fatal(err)
			}
			if got := report.Results[0]; got.Verdict != want {
				t.Errorf("%s as %s %s: %s", id, media, got.Verdict, got.Reason)
			}
		}
	}
}

// A backend that takes one prompt at a time may admit fewer, as the contract says; of one choice it may not.
func TestFewerChoicesAreNotApplicable(t *testing.T) {
	t.Parallel()
	specgate := newSpecgate(t)
	report, err := against(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			specgate.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = io.WriteString(w, `{"detail":[{"loc":["body","prompt"],"msg":"m","type":"value_error"}],"error":{"message":"m","type":"invalid_request_error","param":"prompt","code":"value_error"}}`)
	}, "limits/prompt-texts-most-items-at", "limits/top_p-minimum-at", "prompts/text")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]conformance.Verdict{"limits/prompt-texts-most-items-at": conformance.NotApplicable, "limits/top_p-minimum-at": conformance.Deviates, "prompts/text": conformance.Deviates}
	if diff := cmp.Diff(want, verdicts(report)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
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

// An endpoint that says the key again, in any place, does not get it into a report.
func TestKeyIsNeverShown(t *testing.T) {
	t.Parallel()
	report, err := against(t, func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Authorization")
		w.Header().Set("Content-Type", "text/"+key)
		w.Header().Set("X-Request-Id", key)
		w.Header().Set("Allow", key)
		if r.URL.Path == "/v1/models" {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"object":"list","data":[{"id":%q,"object":"model","created":1,"owned_by":"me"}]}`, key)
			return
		}
		if strings.Contains(r.URL.Path, "completions") && r.Method == http.MethodPost {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"id":"i","object":"text_completion","created":1,"model":%q,"choices":[{"text":%q,"index":0,"logprobs":null,"finish_reason":"stop"}]}`,
				key, strings.Repeat(" "+key, 200))
			return
		}
		w.WriteHeader(http.StatusTeapot)
		_, _ = fmt.Fprintf(w, `{"error":{"message":%q}}`, strings.Repeat("x", 190)+key)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range conformance.Formats {
		var out bytes.Buffer
		if err := report.Write(&out, format); err != nil {
			t.Fatal(err)
		}
		if at := strings.Index(out.String(), testKey[:10]); at >= 0 {
			t.Errorf("%s has the key, or a part of it: …%s", format, out.String()[max(0, at-100):at+20])
		}
	}
	if report.Deviations(conformance.Required) < 100 {
		t.Errorf("only %d cases deviate", report.Deviations(conformance.Required))
	}
}

// A key that is a letter is taken out of what was sent and what came, and no word is the worse for it.
func TestShortKey(t *testing.T) {
	t.Parallel()
	specgate := newSpecgate(t)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+testKey)
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, "teapot")
			return
		}
		specgate.ServeHTTP(w, r)
	}))
	defer front.Close()
	report, err := newSuite(t).Run(t.Context(), conformance.Target{URL: front.URL + "/v1", Key: "e", Model: "specgate-1"},
		conformance.Options{Only: []string{"prompts/text"}, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	got, document := report.Results[0], report.Document()
	if got.Reason != "418 came instead of 200" || got.Exchanges[0].Answer != "t[redacted]apot" || document.Model != "specgate-1" {
		t.Errorf("%q of %q, by %q", got.Reason, got.Exchanges[0].Answer, document.Model)
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

// What no completion can do without is not given up as something that the endpoint has not.
func TestRefusalOfWhatIsNeededIsADeviation(t *testing.T) {
	t.Parallel()
	specgate := newSpecgate(t)
	for _, field := range []string{"model", "prompt"} {
		report, err := against(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				specgate.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprintf(w, `{"error":{"message":"no","type":"invalid_request_error","param":%q,"code":"unsupported_parameter"}}`, field)
		}, "prompts/text")
		if err != nil || verdicts(report)["prompts/text"] != conformance.Deviates {
			t.Errorf("%s: %+v, error %v", field, report, err)
		}
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
