package conformance_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/conformance"
	"github.com/specgate/specgate/internal/record"
)

// The gateway keeps its own contract.
func TestSpecgateHolds(t *testing.T) {
	t.Parallel()
	front := httptest.NewServer(newSpecgate(t))
	defer front.Close()
	report, err := newSuite(t).Run(t.Context(), conformance.Target{URL: front.URL + "/v1", Key: testKey}, conformance.Options{
		Timeout: time.Minute,
		Base:    record.Transport(nil, gen.Spec),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range report.Results {
		if result.Verdict != conformance.Holds {
			t.Errorf("%s %s: %s", result.Case.ID, result.Verdict, result.Reason)
		}
		t.Logf("%s %s", result.Took, result.Case.ID)
	}
	if report.Interrupted() || len(report.Results) < 80 {
		t.Errorf("%d of %d cases were run", len(report.Results), report.Planned)
	}
}
