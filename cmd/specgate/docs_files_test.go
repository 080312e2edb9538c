package main

import (
	"cmp"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/specgate/specgate/internal/config"
)

// addresses are what variables hold that are no secrets.
var addresses = map[string]string{
	"DATABASE_URL": "sqlite://docs.db", "SPECGATE_STORE": "sqlite://docs.db", "SPECGATE_LIMITS": "redis://127.0.0.1:6379/0",
}

var variable = regexp.MustCompile(`\$\{([A-Z_]+)\}`)

// mustBeAccepted holds a block of YAML to whoever reads such a file: the keys at its top tell who that is.
func mustBeAccepted(t *testing.T, b block) {
	t.Helper()
	var document any
	if err := yaml.Unmarshal([]byte(b.text), &document); err != nil {
		t.Errorf("%s:%d: %v", b.page, b.line, err)
		return
	}
	top, _ := document.(map[string]any)
	switch {
	case b.file() == "values.yaml": // the chart's, which deploy/check tries
	case hasAny(top, "rules"):
		mustCheck(t, b, "faults: {file: FILE}\n")
	case hasAny(top, "overlay"):
		mustCheck(t, b, "contract: {overlay: FILE}\n")
	case top == nil, hasAny(top, "jobs", "test", "conformance"): // of CI
		mustBePinned(t, b)
	case hasAny(top, "model_list"): // LiteLLM's
	default:
		mustBeSettings(t, b)
	}
}

func hasAny(document map[string]any, keys ...string) bool {
	for _, key := range keys {
		if _, ok := document[key]; ok {
			return true
		}
	}
	return false
}

// mustCheck has `specgate config check` look at a file that settings name.
func mustCheck(t *testing.T, b block, settings string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.yaml")
	if err := os.WriteFile(path, []byte(b.text), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "specgate.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(settings, "FILE", path)), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := invoke(t, "config check --config "+file, nil); got.code != 0 {
		t.Errorf("%s:%d: %s", b.page, b.line, got.stderr)
	}
}

// mustBeSettings loads a block as the file of settings, with each variable that it names set.
func mustBeSettings(t *testing.T, b block) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "specgate.yaml")
	if err := os.WriteFile(path, []byte(b.text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for _, m := range variable.FindAllStringSubmatch(b.text, -1) {
		env[m[1]] = cmp.Or(addresses[m[1]], "sg-docs-"+strings.ToLower(m[1]))
	}
	cfg, err := config.Load(path, nil, func(name string) string { return env[name] })
	notices := slices.DeleteFunc(cfg.Notices, func(notice string) bool { return strings.Contains(notice, "embedded test model") })
	if err != nil || len(notices) > 0 {
		t.Errorf("%s:%d: %v %q", b.page, b.line, err, notices)
	}
	if reflect.DeepEqual(cfg, config.Default()) {
		t.Errorf("%s:%d sets nothing", b.page, b.line)
	}
}

// mustBePinned holds the actions of others that a workflow names to those that the repository's own take.
func mustBePinned(t *testing.T, b block) {
	t.Helper()
	workflow, err := os.ReadFile(filepath.Join(root, ".github/workflows/nightly.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.text) {
		_, action, ok := strings.Cut(line, "uses: ")
		if ok && !strings.HasPrefix(action, "specgate/") && !strings.Contains(string(workflow), strings.TrimSpace(action)) {
			t.Errorf("%s:%d names %s otherwise than .github/workflows", b.page, b.line, action)
		}
	}
}
