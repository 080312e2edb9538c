package conformance_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/specgate/specgate/internal/conformance"
)

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
