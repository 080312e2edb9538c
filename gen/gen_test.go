package gen_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/specgate/specgate/gen"
)

// The embedded copy is the contract, and the contract holds nothing that is for our generator alone.
func TestSpecIsTheFile(t *testing.T) {
	file, err := os.ReadFile("../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(gen.Spec, file) {
		t.Error("the embedded contract is not openapi.yaml: run make generate")
	}
	if at := bytes.Index(file, []byte("x-go-")); at >= 0 {
		t.Errorf("openapi.yaml speaks to a Go generator at byte %d", at)
	}
}

// Whoever generates a client from the published file, with the generator's own settings and nothing
// of ours, gets one that compiles.
func TestClientWithDefaultSettings(t *testing.T) {
	dir := t.TempDir()
	module, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	module = regexp.MustCompile(`(?m)^module .*$`).ReplaceAll(module, []byte("module example.org/scratch"))
	sums, err := os.ReadFile("../go.sum")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"go.mod": module, "go.sum": sums, "openapi.yaml": gen.Spec} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(t, dir, "tool", "oapi-codegen", "-package", "scratch", "-generate", "types,client", "-o", "client.go", "openapi.yaml")
	run(t, dir, "vet", ".")
}

func run(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %v: %v\n%s", args, err, out)
	}
}
