package conformance_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/conformance"
)

// withoutField is a gateway that says of a field that it does not support it.
func withoutField(t *testing.T, field string) http.HandlerFunc {
	t.Helper()
	specgate := newSpecgate(t)
	return deviant{specgate: specgate, deviation: deviation{when: withField(field), answer: func(a *reply) {
		a.status, a.header = http.StatusBadRequest, http.Header{"Content-Type": {"application/json"}}
		a.body = fmt.Sprintf(`{"error":{"message":"no","type":"invalid_request_error","param":%q,"code":"unsupported_parameter"}}`, field)
	}}}.ServeHTTP
}

// An endpoint is excused for what it has not where a case is about that, and nowhere else.
func TestExcusesAreForWhatACaseIsAbout(t *testing.T) {
	t.Parallel()
	for field, cases := range map[string]map[string]conformance.Verdict{
		"max_tokens": {
			"prompts/text": conformance.Deviates, "choices/n": conformance.Deviates, "echo/text": conformance.Deviates,
			"sampling/max-tokens": conformance.NotApplicable, "sampling/finish-length": conformance.NotApplicable,
			"limits/max_tokens-minimum-at": conformance.NotApplicable, "fields/null-max_tokens": conformance.NotApplicable,
			"echo/scored-first": conformance.NotApplicable, "echo/offsets": conformance.NotApplicable,
		},
		"temperature": {
			"prompts/text": conformance.Deviates, "sampling/max-tokens": conformance.Deviates, "streaming/usage": conformance.Deviates,
			"sampling/greedy": conformance.NotApplicable, "sampling/top-p": conformance.NotApplicable, "logprobs/greedy": conformance.NotApplicable,
		},
		"user":     {"sampling/logit-bias": conformance.Deviates, "sampling/user": conformance.NotApplicable, "robustness/large": conformance.NotApplicable},
		"logprobs": {"logprobs/top": conformance.NotApplicable, "echo/scored": conformance.NotApplicable},
		"stream":   {"streaming/done": conformance.NotApplicable, "prompts/text": conformance.Holds},
		"prompt":   {"prompts/text": conformance.Deviates, "prompts/texts": conformance.NotApplicable},
	} {
		t.Run(field, func(t *testing.T) {
			t.Parallel()
			var only []string
			for id := range cases {
				only = append(only, id)
			}
			report, err := against(t, withoutField(t, field), only...)
			if err != nil {
				t.Fatal(err)
			}
			for _, result := range report.Results {
				if result.Verdict != cases[result.Case.ID] {
					t.Errorf("%s %s: %s", result.Case.ID, result.Verdict, result.Reason)
				}
			}
		})
	}
}

// Where nothing was tried, nothing holds.
func TestNothingIsKnown(t *testing.T) {
	t.Parallel()
	for only, want := range map[string]struct {
		says     string
		answered bool
	}{
		"echo/text,echo/only":             {"Nothing is known of the endpoint", false},
		"echo/consistent":                 {"No required case was run. 1 case is not applicable.", false},
		"echo/text,sampling/greedy":       {"Nothing is known of the endpoint", false},
		"sampling/greedy":                 {"No required case was run.", true},
		"echo/text,prompts/text":          {"All required cases hold. 1 case is not applicable.", true},
		"echo/text,echo/only,models/list": {"All required cases hold. 2 cases are not applicable.", true},
	} {
		report, err := against(t, withoutField(t, "echo"), strings.Split(only, ",")...)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		if err := report.Write(&out, "text"); err != nil || !strings.Contains(out.String(), "\n"+want.says) || report.Answered() != want.answered {
			t.Errorf("%s: answered is %t, error %v\n%s", only, report.Answered(), err, &out)
		}
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
