package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What the how-to installs for generated clients is what `make test-clients` installs, and so are its settings.
func TestDocsInstallWhatIsTried(t *testing.T) {
	t.Parallel()
	page := readPage(t, "docs/howto/generate-a-client.md")
	tried := pinsOfClients(t)
	installed := 0
	for _, m := range regexp.MustCompile(`(?m)^.*\b(?:npm|pip) install (.*)$`).FindAllStringSubmatch(page, -1) {
		for _, word := range strings.Fields(m[1]) {
			if strings.HasPrefix(word, "-") {
				continue
			}
			installed++
			name, version, _ := strings.Cut(strings.Replace(word, "==", "@", 1), "@")
			if version == "" || tried[name] != version {
				t.Errorf("it installs %s, and what is tried is %s", word, tried[name])
			}
		}
	}
	if installed < 5 {
		t.Errorf("only %d packages were found", installed)
	}
	for line := range strings.Lines(readPage(t, "clients/python/settings.yaml")) {
		if !strings.HasPrefix(line, "#") && !strings.Contains(page, line) {
			t.Errorf("it does not set %s", line)
		}
	}
}

// pinsOfClients are the versions of what clients in TypeScript and Python are made of.
func pinsOfClients(t *testing.T) map[string]string {
	t.Helper()
	var node struct{ Dependencies, DevDependencies map[string]string }
	if err := json.Unmarshal([]byte(readPage(t, "clients/typescript/package.json")), &node); err != nil {
		t.Fatal(err)
	}
	pins := node.Dependencies
	for name, version := range node.DevDependencies {
		pins[name] = version
	}
	for _, file := range []string{"requirements.txt", "requirements-dev.txt"} {
		text, err := os.ReadFile(filepath.Join(root, "clients/python", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^([\w.-]+)==(\S+)`).FindAllStringSubmatch(string(text), -1) {
			pins[m[1]] = m[2]
		}
	}
	return pins
}
