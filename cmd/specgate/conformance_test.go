package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/specgate/specgate/internal/conformance"
)

// The gateway on its own model keeps its own contract, as it is put together for users.
func TestConformanceOfTheGateway(t *testing.T) {
	t.Parallel()
	g := startEmbedded(t)
	got := invoke(t, "conformance "+g.front+"/v1", map[string]string{"OPENAI_API_KEY": testToken})
	if got.code != exitOK || got.stderr != "" || !strings.Contains(got.stdout, "\nAll required cases hold.\n") || strings.Contains(got.stdout, "Deviations") {
		t.Errorf("exit code %d with %s\n%s", got.code, got.stderr, got.stdout)
	}
}

func TestConformanceReports(t *testing.T) {
	t.Parallel()
	g := startEmbedded(t)
	line := "conformance " + g.front + "/v1 --key " + testToken + " --only models,rules --only errors/cut --format "
	var document conformance.Document
	got := invoke(t, line+"json", nil)
	if err := json.Unmarshal([]byte(got.stdout), &document); err != nil || got.code != exitOK {
		t.Fatalf("%v: exit code %d with\n%s", err, got.code, got.stdout)
	}
	if len(document.Groups) != 3 || document.Total.Cases != document.Total.Holds || document.Model != "specgate-1" {
		t.Errorf("%+v of %s", document.Groups, document.Model)
	}
	if err := xml.Unmarshal([]byte(invoke(t, line+"junit", nil).stdout), &struct {
		XMLName xml.Name `xml:"testsuites"`
	}{}); err != nil {
		t.Error(err)
	}
	if got := invoke(t, line+"markdown", nil).stdout; !strings.HasPrefix(got, "# specgate") {
		t.Errorf("markdown is\n%s", got)
	}
}

func TestConformanceExits(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	bad := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, r.Header.Get("Authorization"))
	}))
	defer bad.Close()
	for line, want := range map[string]struct {
		code   int
		stderr string
	}{
		"conformance":                                  {exitUsage, "takes one URL"},
		"conformance 127.0.0.1:8420":                   {exitUsage, "must be an http or https one"},
		"conformance ftp://127.0.0.1/v1":               {exitUsage, "must be an http or https one"},
		"conformance a b":                              {exitUsage, "takes one URL"},
		"conformance http://x/v1 --format yaml":        {exitUsage, "it must be text, json, junit or markdown"},
		"conformance http://x/v1 --only nothing":       {exitUsage, `no group or case "nothing"; the groups are models, prompts`},
		"conformance http://x/v1 --only sampling/nope": {exitUsage, `no case "sampling/nope"; those of the group sampling are sampling/max-tokens, sampling`},
		"conformance http://x/v1 --contract-overlay ../../docs/overlays/closed.yaml --only robustness/deep": {exitUsage, `"robustness/deep" is left out: this contract has it otherwise`},
		"conformance http://x/v1 --timeout 0s":            {exitUsage, "must be more than 0"},
		"conformance http://x/v1 --contract-overlay none": {exitUsage, "none"},
		"conformance " + gone.URL + "/v1":                 {exitUsage, "the endpoint cannot be asked: "},
		"conformance --only models " + bad.URL + "/v1":    {exitFailure, "deviates from the contract in 4 required cases"},
	} {
		got := invoke(t, line+" --key sk-never-shown", nil)
		if got.code != want.code || !strings.Contains(got.stderr, want.stderr) || strings.Contains(got.stdout+got.stderr, "never") {
			t.Errorf("%s exits %d with %s%s", line, got.code, got.stderr, got.stdout)
		}
	}
}

// Ctrl-C ends a run in the middle of a case, with a report on those before it.
func TestConformanceIsInterrupted(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)                   // or the server would not see the caller leave
		if r.URL.Path == "/v1/models" || asked.Add(1) == 1 { // for the models, and whether there are completions
			w.WriteHeader(http.StatusTeapot)
			return
		}
		interrupt()
		<-r.Context().Done()
	}))
	defer server.Close()
	var stdout, stderr bytes.Buffer
	code := run(ctx, []string{"conformance", server.URL + "/v1", "--model", "m"}, terminal{stdout: &stdout, stderr: &stderr, getenv: func(string) string { return "" }})
	if code != exitFailure || !strings.Contains(stderr.String(), "interrupted: 1 of ") || !strings.Contains(stdout.String(), "The run was interrupted") {
		t.Errorf("exit code %d with %s\n%s", code, &stderr, &stdout)
	}
}

// An endpoint of which nothing is known does not pass, and one that hangs is not waited for.
func TestConformanceOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case r.Method == http.MethodGet:
			w.WriteHeader(http.StatusNotFound)
		case strings.Contains(string(body), `"echo":true`):
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":{"message":"no","type":"invalid_request_error","param":"echo","code":"unsupported_parameter"}}`)
		case strings.Contains(string(body), "Hello World"):
			w.WriteHeader(http.StatusTeapot)
		default:
			<-r.Context().Done()
		}
	}))
	defer server.Close()
	for line, want := range map[string]struct{ stdout, stderr string }{
		" --only echo/text":                             {"Nothing is known of the endpoint", "nothing is known of the endpoint"},
		" --only sampling/user,prompts --timeout 200ms": {"The run was given up after 5 cases", "the endpoint hangs: 5 of 20 cases were run"},
	} {
		got := invoke(t, "conformance --model m "+server.URL+"/v1"+line, nil)
		if got.code != exitFailure || !strings.Contains(got.stdout, want.stdout) || !strings.Contains(got.stderr, want.stderr) || strings.Contains(got.stdout, "hold.") {
			t.Errorf("%s exits %d with %s\n%s", line, got.code, got.stderr, got.stdout)
		}
	}
}

// What an overlay has otherwise is named.
func TestConformanceUnderAnOverlay(t *testing.T) {
	t.Parallel()
	g := startEmbedded(t)
	got := invoke(t, "conformance "+g.front+"/v1 --key "+testToken+" --contract-overlay ../../docs/overlays/closed.yaml --only limits,errors/cut", nil)
	if !strings.Contains(got.stdout, "\nLeft out\n\nlimits/model-least-length-at\nlimits/model-most-length-at\n") || !strings.Contains(got.stdout, " 2 cases are left out: this contract has it otherwise.") {
		t.Errorf("exit code %d with %s\n%s", got.code, got.stderr, got.stdout)
	}
}
