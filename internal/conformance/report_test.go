package conformance

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the reports in testdata instead of comparing with them")

// secret has what JSON escapes.
const secret = `sk-"secret"`

// sampleReport has every verdict, and an endpoint that says the key again wherever it can.
func sampleReport() *Report {
	asked := &Exchange{
		Method: "POST", Path: "/completions", Body: []byte(`{"model":"m","prompt":"x","n":129}`), Status: 200,
		Header: http.Header{"User-Agent": {"specgate-conformance"}, "X-Request-Id": {"r1"}},
		Answer: http.Header{"Content-Type": {"application/json; key=" + secret}},
		Got:    []byte(`{"you":"sk-\"secret\"","sent":"` + secret + "\",\n\"red\":\"\x1b[31m|`\"}"),
	}
	silent := &Exchange{Method: "GET", Path: "/models", Err: errors.New("no answer, " + secret)}
	result := func(id string, level Level, verdict Verdict, reason string, exchanges ...*Exchange) Result {
		c := Case{ID: id, Level: level, Says: "It is `so`.", Pointer: "/components/schemas/It"}
		return Result{Case: c, Verdict: verdict, Reason: apiKey(secret).told(reason), Exchanges: apiKey(secret).traces(exchanges), Took: 1500 * time.Millisecond}
	}
	return &Report{
		Title: "specgate", Version: "0.1.0", URL: "http://gpu/v1", Model: "m|1", Planned: 6, key: secret,
		LeftOut: []string{"fields/unknown"}, NotRun: []string{"streaming/done"},
		Results: []Result{
			result("models/list", Required, Deviates, "the list is *empty*, "+secret, silent),
			result("models/retrieve", Required, Holds, "", silent),
			result("limits/n-maximum-past", Required, Deviates, strings.Repeat("long ", 97)+secret, silent, asked),
			result("sampling/seed", Quality, Deviates, "the texts differ", asked),
			result("sampling/echo", Required, NotApplicable, "the endpoint says that it does not support echo", asked),
		},
	}
}

func TestReports(t *testing.T) {
	t.Parallel()
	for _, format := range Formats {
		t.Run(format, func(t *testing.T) {
			var out bytes.Buffer
			if err := sampleReport().Write(&out, format); err != nil {
				t.Fatal(err)
			}
			if got := out.String(); strings.Contains(got, secret) || strings.Contains(got, "sk-") || strings.Contains(got, "\x1b") {
				t.Errorf("the report has the key, or orders for a terminal:\n%s", got)
			}
			path := filepath.Join("testdata", "report."+format)
			if *update {
				if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), out.String()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
		})
	}
	if err := sampleReport().Write(&bytes.Buffer{}, "xml"); err == nil {
		t.Error("a form is written that is none")
	}
}

// What programs read says the same as what people read.
func TestReportsAreRead(t *testing.T) {
	t.Parallel()
	var asJSON, asXML bytes.Buffer
	if err := errors.Join(sampleReport().Write(&asJSON, "json"), sampleReport().Write(&asXML, "junit")); err != nil {
		t.Fatal(err)
	}
	var document Document
	if err := json.Unmarshal(asJSON.Bytes(), &document); err != nil {
		t.Fatal(err)
	}
	if want := (Tally{Cases: 5, Holds: 1, Deviates: 2, Quality: 1, NotApplicable: 1}); document.Total != want || len(document.Groups) != 3 {
		t.Errorf("%+v in %d groups", document.Total, len(document.Groups))
	}
	var suites junitSuites
	if err := xml.Unmarshal(asXML.Bytes(), &suites); err != nil {
		t.Fatal(err)
	}
	failures, skipped := 0, 0
	for _, suite := range suites.Suites {
		for _, c := range suite.Cases {
			if c.Failure != nil {
				failures++
			}
			if c.Skipped != nil {
				skipped++
			}
		}
	}
	if failures != 2 || skipped != 3 || suites.Failures != 2 || suites.Skipped != 3 || suites.Tests != 6 {
		t.Errorf("%d failures and %d skipped in %+v", failures, skipped, suites)
	}
}

func TestReportCounts(t *testing.T) {
	t.Parallel()
	r := sampleReport()
	if r.Deviations(Required) != 2 || r.Deviations(Quality) != 1 || !r.Interrupted() {
		t.Errorf("%d, %d, %t", r.Deviations(Required), r.Deviations(Quality), r.Interrupted())
	}
}

func TestScorecards(t *testing.T) {
	t.Parallel()
	bad := sampleReport().Document()
	good := sampleReport()
	for i := range good.Results {
		good.Results[i].Verdict = Holds
	}
	got := string(Scorecards([]Score{{"bare", bad}, {"behind", good.Document()}}))
	for _, line := range []string{
		"| group | cases | bare | behind |\n|---|--:|--:|--:|\n| models | 2 | 1 | 2 |\n",
		"| sampling | 2 | 0 + 1 n/a | 2 |\n| all | 5 | 1 + 1 n/a | 5 |\n",
		"### bare\n\nDeviations:\n\n- `models/list`: the list is \\*empty\\*, \\[redacted\\]\n",
		"### behind\n\nEverything holds.\n",
	} {
		if !strings.Contains(got, line) {
			t.Errorf("no %q in\n%s", line, got)
		}
	}
}
