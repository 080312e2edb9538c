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

// The command that docs/install.md makes keys with works on the unit's store, as the user whom the unit runs as: one
// that systemd makes is called like the unit, and opens its folder to nobody else, root's commands included.
func TestUnitKeysAreMadeAsTheServiceDoes(t *testing.T) {
	_, command, _ := strings.Cut(read(t, "../../docs/install.md"), "systemd-run ")
	command, _, ok := strings.Cut(command, "specgate keys")
	if !ok {
		t.Fatal("docs/install.md has no command")
	}
	name := strings.TrimSuffix(filepath.Base(unit), ".service")
	for _, want := range []string{
		"-p DynamicUser=" + directive(t, "DynamicUser"), "-p User=" + name,
		"-p StateDirectory=" + directive(t, "StateDirectory"), "-p StateDirectoryMode=" + directive(t, "StateDirectoryMode"),
		"--setenv=" + strings.ReplaceAll(environment(t, "SPECGATE_STORE"), "%S", "/var/lib"),
	} {
		if !strings.Contains(command, want+" ") {
			t.Errorf("it has no %s: %s", want, command)
		}
	}
	if strings.Contains(read(t, unit), "\nUser=") {
		t.Error("the unit names a user, whom the command does not know")
	}
}

// environment is the setting of a variable in the unit, with its name.
func environment(t *testing.T, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(read(t, unit), "\nEnvironment="+name+"=")
	if !ok {
		t.Fatalf("the unit does not set %s", name)
	}
	value, _, _ := strings.Cut(rest, "\n")
	return name + "=" + value
}
