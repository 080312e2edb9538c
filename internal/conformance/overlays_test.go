package conformance_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
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
			front := httptest.NewServer(newSpecgateOf(t, spec, "phi-4"))
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
			t.Log(len(report.Results))
		})
	}
}

var _ = io.Discard
var _ = http.MethodGet
var _ = strings.Contains
