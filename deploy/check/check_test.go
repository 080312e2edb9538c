// Package check holds what is deployed to what it says: the container is run, the chart's objects are read as
// Kubernetes reads them, and each file of settings is one that the gateway accepts. It is a module of its own,
// so that nothing of Kubernetes or Compose comes into the gateway's.
package check

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// binary is what make build made; SPECGATE names another.
func binary(t *testing.T) string {
	t.Helper()
	return tool(t, "SPECGATE", "../../bin/specgate")
}

// tool is a program that the Makefile has built, which a variable may name.
func tool(t *testing.T, variable, usual string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		path = usual
	}
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: make test-deploy builds it", err)
	}
	return path
}

// accepted fails the test unless the gateway would start with these settings, and returns them as it prints
// them: YAML, defaults included.
func accepted(t *testing.T, file string, env map[string]string) string {
	t.Helper()
	for _, command := range []string{"check", "print"} {
		cmd := exec.CommandContext(t.Context(), binary(t), "config", command)
		cmd.Env = append(pairs(env), "SPECGATE_CONFIG="+file) // the last one counts
		var said strings.Builder
		cmd.Stderr = &said
		printed, err := cmd.Output()
		if err != nil {
			t.Fatalf("specgate config %s: %v\n%s", command, err, said.String())
		}
		if command == "print" {
			return string(printed)
		}
	}
	return ""
}

func pairs(env map[string]string) []string {
	all := []string{}
	for name, value := range env {
		all = append(all, name+"="+value)
	}
	return all
}

// seconds is a duration as Go writes it.
func seconds(t *testing.T, text string) float64 {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d.Seconds()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// freePort is one that nobody listens on at this moment.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func there(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
