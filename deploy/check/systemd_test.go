package check

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const unit = "../systemd/specgate.service"

// directive is the value of one that the unit has once.
func directive(t *testing.T, name string) string {
	t.Helper()
	var found []string
	for line := range strings.SplitSeq(read(t, unit), "\n") {
		if value, ok := strings.CutPrefix(line, name+"="); ok {
			found = append(found, value)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s= is there %d times", name, len(found))
	}
	return found[0]
}

func TestUnitIsSound(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	// The threshold is in tenths.
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=true", "--threshold=20", unit).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	// verify wants the program to be there.
	copied := filepath.Join(t.TempDir(), "specgate.service")
	write(t, copied, strings.ReplaceAll(read(t, unit), "/usr/local/bin/specgate", binary(t)))
	out, err = exec.CommandContext(t.Context(), "systemd-analyze", "verify", copied).CombinedOutput()
	if err != nil || strings.Contains(string(out), "specgate.service:") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestUnitSettings(t *testing.T) {
	key := filepath.Join(t.TempDir(), "api-key")
	write(t, key, "sg-unit\n")
	env := map[string]string{}
	for line := range strings.SplitSeq(read(t, unit), "\n") {
		if pair, ok := strings.CutPrefix(line, "Environment="); ok {
			name, value, _ := strings.Cut(pair, "=")
			env[name] = strings.NewReplacer("%S", "/var/lib", "%d/api-key", key).Replace(value)
		}
	}
	if env["SPECGATE_CONFIG"] != "/etc/specgate/specgate.yaml" || env["SPECGATE_API_KEY_FILE"] != key {
		t.Errorf("%v", env)
	}
	if id, _, _ := strings.Cut(directive(t, "LoadCredential"), ":"); id != filepath.Base(key) {
		t.Errorf("the credential is called %s", id)
	}
	printed := accepted(t, "../systemd/specgate.yaml", env)
	if !strings.Contains(printed, "SPECGATE_API_KEY_FILE") {
		t.Errorf("the token is not that of the credential:\n%s", printed)
	}
	got := inForce(t, printed)
	stop := seconds(t, directive(t, "TimeoutStopSec")+"s")
	if cancel := 5.0; stop <= seconds(t, got.Shutdown.Delay)+seconds(t, got.Shutdown.Drain)+cancel {
		t.Errorf("it is ended after %vs, and drains for %s", stop, got.Shutdown.Drain)
	}
}
