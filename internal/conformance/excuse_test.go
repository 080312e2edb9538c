package conformance_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

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
