package conformance_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/specgate/specgate/internal/conformance"
)

// The query of a base URL goes with every request, and what it says stays out of reports.
func TestBaseURLWithQuery(t *testing.T) {
	t.Parallel()
	specgate := newSpecgate(t)
	var lost atomic.Int64
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawQuery != "api-version=1&code=a%2Fb" {
			lost.Add(1)
		}
		specgate.ServeHTTP(w, r)
	}))
	defer front.Close()
	report, err := newSuite(t).Run(t.Context(), conformance.Target{URL: front.URL + "/v1/?api-version=1&code=a%2Fb#top", Key: testKey},
		conformance.Options{Only: []string{"models", "errors/not-found", "streaming/done"}, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if lost.Load() > 0 || report.Deviations(conformance.Required) > 0 || report.URL != front.URL+"/v1/?…" {
		t.Errorf("%d requests without it, and %+v at %s", lost.Load(), verdicts(report), report.URL)
	}
}

// Without a key of one's own, nothing of what was sent is a secret.
func TestKeysOfCasesAreShown(t *testing.T) {
	t.Parallel()
	specgate := newSpecgate(t)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			r.Header.Set("Authorization", "Bearer "+testKey)
		}
		specgate.ServeHTTP(w, r)
	}))
	defer front.Close()
	for _, key := range []string{"", testKey} {
		report, err := newSuite(t).Run(t.Context(), conformance.Target{URL: front.URL + "/v1", Key: key, Model: "specgate-1"},
			conformance.Options{Only: []string{"errors/unknown-key"}, Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		shown := slices.ContainsFunc(report.Results[0].Exchanges[0].Header, func(line string) bool { return strings.HasPrefix(line, "Authorization: Bearer specgate-") })
		if !shown {
			t.Errorf("with the key %q, %q were sent", key, report.Results[0].Exchanges[0].Header)
		}
	}
}

// Of what an endpoint says, a report keeps as much as it shows.
func TestLongAnswersAreNotKept(t *testing.T) {
	t.Parallel()
	specgate := newSpecgate(t)
	long := strings.Repeat("words ", 1<<18)
	report, err := against(t, deviant{specgate: specgate, deviation: deviation{
		when: about("The hammer is for"), answer: func(a *reply) { a.body = strings.Replace(a.body, "The hammer is for", long, 1) },
	}}.ServeHTTP, "echo/only")
	if err != nil {
		t.Fatal(err)
	}
	got := report.Results[0]
	if x := got.Exchanges[0]; got.Verdict != conformance.Deviates || len(x.Answer) > 2100 || len(got.Reason) > 600 || !strings.Contains(x.Answer, "bytes)") {
		t.Errorf("%s: %d bytes of an answer and %d of a reason are kept", got.Verdict, len(x.Answer), len(got.Reason))
	}
}
