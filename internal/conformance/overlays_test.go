package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/conformance"
	"github.com/specgate/specgate/internal/localmodel"
	"github.com/specgate/specgate/internal/overlay"
)

// adapted is the published contract under an overlay of those in docs/overlays.
func adapted(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("../../docs/overlays/" + name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	return overlaid(t, string(text))
}

func overlaid(t *testing.T, text string) []byte {
	t.Helper()
	spec, err := overlay.Apply(gen.Spec, []byte(text), func([]byte) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// alias is the embedded model, which has a second name.
type alias struct {
	*localmodel.Model
	name string
}

// Models lists both names, its own first.
func (a alias) Models(ctx context.Context) (gen.ModelList, error) {
	list, err := a.Model.Models(ctx)
	if err == nil {
		second := list.Data[0]
		second.Id = a.name
		list.Data = append(list.Data, second)
	}
	return list, err
}

// Complete answers to both.
func (a alias) Complete(ctx context.Context, req *completion.Request) (*completion.Answer, error) {
	if req.Model == a.name {
		req = req.With("model", []byte(`"`+localmodel.ID+`"`))
	}
	return a.Model.Complete(ctx, req)
}

// A gateway keeps the contract that its deployment has adapted, and all but a few cases are about that one.
func TestOverlays(t *testing.T) {
	t.Parallel()
	for name, leftOut := range map[string][]string{
		"closed":     {"limits/model-least-length-at", "limits/model-most-length-at", "robustness/deep"},
		"editors":    nil,
		"evaluation": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := adapted(t, name)
			suite, err := conformance.New(spec)
			if err != nil {
				t.Fatal(err)
			}
			var strangers atomic.Int64
			front := httptest.NewServer(deviant{specgate: newSpecgateOf(t, spec, "phi-4"), record: func(s seen) {
				if name == "closed" && strings.Contains(s.body, `"model":"any"`) {
					strangers.Add(1)
				}
			}})
			defer front.Close()
			report, err := suite.Run(t.Context(), conformance.Target{URL: front.URL + "/v1", Key: testKey}, conformance.Options{Timeout: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			for _, result := range report.Results {
				if result.Verdict != conformance.Holds {
					t.Errorf("%s %s: %s", result.Case.ID, result.Verdict, result.Reason)
				}
			}
			if diff := cmp.Diff(leftOut, report.LeftOut); diff != "" {
				t.Errorf("left out (-want +got):\n%s", diff)
			}
			if n := strangers.Load(); n > 0 {
				t.Errorf("%d requests are for a model that this contract has not", n)
			}
		})
	}
}

// withActions is the published contract under an overlay of these.
func withActions(t *testing.T, actions string) []byte {
	t.Helper()
	return overlaid(t, "overlay: 1.0.0\ninfo: {title: t, version: '1'}\nactions:\n"+actions)
}

// What a case asks for later may be otherwise too, and is found only when it comes to that.
func TestOtherwiseInTheMiddleOfACase(t *testing.T) {
	t.Parallel()
	spec := withActions(t, "- {target: $.components.schemas.CompletionRequest.properties.n, update: {maximum: 1}}\n")
	suite, err := conformance.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(suite.Cases(), func(c conformance.Case) bool { return c.ID == "choices/belong" }) {
		t.Fatal("the case is left out before it is run")
	}
	front := httptest.NewServer(newSpecgateOf(t, spec, "phi-4"))
	defer front.Close()
	report, err := suite.Run(t.Context(), conformance.Target{URL: front.URL + "/v1", Key: testKey},
		conformance.Options{Timeout: time.Minute, Only: []string{"choices", "limits/n-maximum-at"}})
	if err != nil {
		t.Fatal(err)
	}
	if report.Deviations(conformance.Required) > 0 || len(report.Results) != report.Planned || !slices.Contains(report.LeftOut, "choices/belong") || !slices.Contains(report.LeftOut, "choices/n") {
		t.Errorf("%+v of %d; left out are %q", verdicts(report), report.Planned, report.LeftOut)
	}
}

// A list of models is kept, and so is a pattern, of which the examples of the contract tell what keeps it.
func TestModelsThatTheContractTakes(t *testing.T) {
	t.Parallel()
	pattern := withActions(t, "- {target: $.components.schemas.CompletionRequest.properties.model, update: {pattern: '^[a-z0-9.]+:[0-9]b$'}}\n")
	suite, err := conformance.New(pattern)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"limits/model-least-length-at", "limits/model-most-length-at"}
	if diff := cmp.Diff(want, suite.LeftOut()); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
	front := httptest.NewServer(newSpecgateOf(t, pattern, "other:7b"))
	defer front.Close()
	options := conformance.Options{Timeout: time.Minute, Only: []string{"prompts/text", "models/unknown-asked", "errors/media-type"}}
	_, err = suite.Run(t.Context(), conformance.Target{URL: front.URL + "/v1", Key: testKey, Model: "specgate-1"}, options)
	if !errors.Is(err, conformance.ErrUnreachable) || !strings.Contains(err.Error(), "no model \"specgate-1\"") {
		t.Errorf("a model that the contract has not: %v", err)
	}
	report, err := suite.Run(t.Context(), conformance.Target{URL: front.URL + "/v1", Key: testKey}, options)
	if err != nil || report.Model != "other:7b" || report.Deviations(conformance.Required) > 0 {
		t.Errorf("%+v, error %v", report, err)
	}
}

// A list without a model that the contract has is one without a model.
func TestModelsThatTheContractHasNot(t *testing.T) {
	t.Parallel()
	spec := adapted(t, "closed")
	suite, err := conformance.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(newSpecgateOf(t, spec, "another"))
	defer front.Close()
	report, err := suite.Run(t.Context(), conformance.Target{URL: front.URL + "/v1", Key: testKey}, conformance.Options{Timeout: time.Minute, Only: []string{"prompts/text", "errors/trailing"}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]conformance.Verdict{"prompts/text": conformance.Deviates, "errors/trailing": conformance.Holds}
	if diff := cmp.Diff(want, verdicts(report)); diff != "" || !strings.Contains(report.Results[0].Reason, "none that the contract has") {
		t.Errorf("%s (-want +got):\n%s", report.Results[0].Reason, diff)
	}
}

// A case that another contract gives no rise to is left out as well.
func TestCasesThatAreNotMade(t *testing.T) {
	t.Parallel()
	suite, err := conformance.New(bytes.Replace(gen.Spec, []byte("- id: best-of-unstreamed\n"), []byte("- id: drafts-unstreamed\n"), 1))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"rules/best-of-unstreamed-broken", "rules/best-of-unstreamed-kept"}, suite.LeftOut()); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
	if all := newSuite(t).LeftOut(); len(all) > 0 {
		t.Errorf("the published contract has %q otherwise", all)
	}
}

// What an overlay changes in small ways is asked as it has it.
func TestChangedInASmallWay(t *testing.T) {
	t.Parallel()
	for name, actions := range map[string]string{
		"no temperature of 0":     "- {target: $.components.schemas.CompletionRequest.properties.temperature, update: {minimum: 0.1}}\n- {target: \"$.paths['/v1/completions'].post.requestBody.content['application/json'].examples[?@.value.temperature].value\", update: {temperature: 1}}\n",
		"a header that is needed": "- {target: $.components.parameters.Organization, update: {required: true}}\n",
		"headers that are needed": "- {target: $.components.parameters.*, update: {required: true}}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := withActions(t, actions)
			suite, err := conformance.New(spec)
			if err != nil {
				t.Fatal(err)
			}
			front := httptest.NewServer(newSpecgateOf(t, spec, "phi-4"))
			defer front.Close()
			report, err := suite.Run(t.Context(), conformance.Target{URL: front.URL + "/v1", Key: testKey}, conformance.Options{Timeout: time.Minute})
			if err != nil || len(report.Results) < 80 {
				t.Fatalf("%+v, error %v", report, err)
			}
			for _, result := range report.Results {
				if result.Verdict != conformance.Holds {
					t.Errorf("%s %s: %s", result.Case.ID, result.Verdict, result.Reason)
				}
			}
		})
	}
}

// Where a contract requires more of every request, every request has it.
func TestMoreIsRequired(t *testing.T) {
	t.Parallel()
	spec := withActions(t, `
- {target: $.components.schemas.CompletionRequest, update: {required: [user]}}
- {target: "$.paths['/v1/completions'].post.requestBody.content['application/json'].examples.*.value", update: {user: ana}}
`)
	suite, err := conformance.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(newSpecgateOf(t, spec, "phi-4"))
	defer front.Close()
	report, err := suite.Run(t.Context(), conformance.Target{URL: front.URL + "/v1", Key: testKey}, conformance.Options{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if got := verdicts(report)["fields/missing-user"]; got != conformance.Holds {
		t.Errorf("a request without it %s", got)
	}
	for _, result := range report.Results {
		if result.Verdict == conformance.Deviates {
			t.Errorf("%s: %s", result.Case.ID, result.Reason)
		}
	}
	if diff := cmp.Diff([]string{"limits/model-least-length-at", "limits/model-most-length-at"}, report.LeftOut); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
}

// What is refused for its length is not held against an endpoint that looks for no model then.
func TestRefusedBeforeTheModelIsLookedFor(t *testing.T) {
	t.Parallel()
	suite, err := conformance.New(withActions(t, `
- {target: $.components.schemas.CompletionRequest.properties.max_tokens, update: {minimum: 2}}
- {target: "$.paths['/v1/completions'].post.requestBody.content['application/json'].examples.scoring.value", update: {max_tokens: 2}}
`))
	if err != nil {
		t.Fatal(err)
	}
	if left := suite.LeftOut(); !slices.Contains(left, "models/unknown-asked") || slices.Contains(left, "prompts/text") {
		t.Errorf("left out are %q", left)
	}
}
