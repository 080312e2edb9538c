package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// action is the script of the action for other people's CI, with this binary as the gateway.
type action struct {
	t   *testing.T
	env []string
}

const actionScript = "../../.github/actions/specgate/specgate"

func newAction(t *testing.T, settings ...string) *action {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("there is no bash")
	}
	a := &action{t, []string{
		"PATH=" + os.Getenv("PATH"), asProcess + "=1", "SPECGATE_PATH=" + os.Args[0], "SPECGATE_STATE=" + t.TempDir(),
		"OPENAI_BASE_URL=http://127.0.0.1:1/v1", // of somebody else
	}}
	a.env = append(a.env, settings...)
	t.Cleanup(func() { _, _ = a.run("stop") })
	return a
}

func (a *action) run(command string) (string, error) {
	cmd := exec.Command(actionScript, command) //nolint:noctx // it stops what was started, after the test's context
	cmd.Env = a.env
	said, err := cmd.CombinedOutput()
	return string(said), err
}

// must runs a command that has to succeed.
func (a *action) must(command string) string {
	a.t.Helper()
	said, err := a.run(command)
	if err != nil {
		a.t.Fatalf("%s: %v\n%s", command, err, said)
	}
	return said
}

// at is the gateway that was told of in these words, and the header with its token.
func (a *action) at(told string) (g *running, authorization string) {
	a.t.Helper()
	m := regexp.MustCompile(`OPENAI_BASE_URL=(http://127\.0\.0\.1:\d+)/v1\sOPENAI_API_KEY=(sg-ci-[0-9a-f]{32})\s`).FindStringSubmatch(told)
	if m == nil {
		a.t.Fatalf("it says %q", told)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	return &running{t: a.t, front: m[1], client: &http.Client{Transport: transport, Timeout: bounded}}, "Authorization: Bearer " + m[2]
}

const askedOfSpecgate1 = `{"model":"specgate-1","prompt":"x","max_tokens":4}`

func TestActionInAShell(t *testing.T) {
	t.Parallel()
	a := newAction(t)
	g, token := a.at(a.must("start"))
	if got := g.complete(askedOfSpecgate1, token); got.status != 200 {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if said, err := a.run("start"); err == nil || !strings.Contains(said, "one runs already") {
		t.Errorf("a second one: %v %s", err, said)
	}
	a.must("stop")
	if got := isReady(strings.TrimPrefix(g.front, "http://")); got {
		t.Error("it still runs")
	}
	if said, err := a.run("stop"); err == nil || said != "specgate: none runs\n" {
		t.Errorf("once more: %v %s", err, said)
	}
	a.at(a.must("start"))
}

func TestActionOnARunner(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	environment, outputs := filepath.Join(dir, "env"), filepath.Join(dir, "outputs")
	overlay := filepath.Join(dir, "overlay.yaml")
	if err := os.WriteFile(overlay, []byte(`overlay: 1.0.0
info: {title: t, version: '1'}
actions: [{target: $.components.schemas.CompletionRequest.properties.max_tokens, update: {maximum: 64}}]
`), 0o600); err != nil {
		t.Fatal(err)
	}
	a := newAction(t, "GITHUB_ENV="+environment, "GITHUB_OUTPUT="+outputs,
		"SPECGATE_OVERLAY="+overlay, "SPECGATE_FAULTS="+writeScript(t, "rules: [{nth: 1, status: 500}]"))
	said := a.must("start")
	told, err := os.ReadFile(environment)
	if err != nil {
		t.Fatal(err)
	}
	g, token := a.at(string(told))
	if !strings.Contains(said, "::add-mask::"+strings.TrimPrefix(token, "Authorization: Bearer ")+"\n") {
		t.Errorf("the token is not masked: %s", said)
	}
	if got, err := os.ReadFile(outputs); err != nil || string(got) != "base-url="+g.front+"/v1\n" {
		t.Errorf("the outputs are %q, %v", got, err)
	}
	for _, want := range []struct {
		body   string
		status int
	}{{askedOfSpecgate1, 500}, {askedOfSpecgate1, 200}, {strings.Replace(askedOfSpecgate1, "4", "65", 1), 422}} {
		if got := g.complete(want.body, token); got.status != want.status {
			t.Errorf("%s: got %d %s", want.body, got.status, got.body)
		}
	}
}

func TestActionSaysWhyItFails(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]string{
		"SPECGATE_PATH=/no/such/specgate": "there is no /no/such/specgate",
		"SPECGATE_OVERLAY=/no/such.yaml":  "contract.overlay cannot be read",
	} {
		if said, err := newAction(t, setting).run("start"); err == nil || !strings.Contains(said, want) {
			t.Errorf("%s: %v %s", setting, err, said)
		}
	}
}

// The log of a gateway that does not start is shown from its end.
func TestActionShowsTheEndOfALog(t *testing.T) {
	t.Parallel()
	chatty := filepath.Join(t.TempDir(), "chatty")
	if err := os.WriteFile(chatty, []byte("#!/bin/sh\nseq -f 'line %g.' 1 200\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	said, err := newAction(t, "SPECGATE_PATH="+chatty).run("start")
	if err == nil || !strings.Contains(said, "line 200.") || !strings.Contains(said, "line 151.") || strings.Contains(said, "line 150.") {
		t.Errorf("%v %s", err, said)
	}
}

// What the action hands over is what the script reads.
func TestActionKnowsItsScript(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile(actionScript)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile("../../.github/actions/specgate/action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var action struct {
		Inputs map[string]any
		Runs   struct {
			Steps []struct{ Env map[string]string }
		}
	}
	if err := yaml.Unmarshal(file, &action); err != nil || len(action.Runs.Steps) != 1 {
		t.Fatalf("%v: %+v", err, action)
	}
	env := action.Runs.Steps[0].Env
	for name, value := range env {
		input := strings.TrimSuffix(strings.TrimPrefix(value, "${{ inputs."), " }}")
		if _, ok := action.Inputs[input]; !ok || name != "SPECGATE_"+strings.ToUpper(input) {
			t.Errorf("%s is %s", name, value)
		}
		if input != "command" && !strings.Contains(string(script), name) {
			t.Errorf("the script does not read %s", name)
		}
	}
	if len(env) != len(action.Inputs) {
		t.Errorf("%d of %d inputs are handed over", len(env), len(action.Inputs))
	}
}
