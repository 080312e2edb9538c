//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A command that only reads does so where it may not write: a copy that belongs to somebody else, in a folder that does.
func TestReadingNeedsNoRightToWrite(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	a := newAdmin(t)
	key := a.make("keys", "create", "--name", "k")
	folder, err := os.MkdirTemp("", "specgate-copy-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	copied := filepath.Join(folder, "copy.db")
	program := filepath.Join(folder, "specgate")
	for to, from := range map[string]string{copied: strings.TrimPrefix(a.url, "sqlite://"), program: os.Args[0]} {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, text, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	as := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Dir = folder
		cmd.Env = []string{asProcess + "=1", "SPECGATE_STORE=sqlite://" + copied}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for _, args := range [][]string{{"keys", "list"}, {"keys", "show", "k"}, {"orgs", "list"}, {"usage"}, {"usage", "records"}} {
		if out, err := as(args...); err != nil || args[0] == "keys" && !strings.Contains(out, key.ID) {
			t.Errorf("%q: %v\n%s", args, err, out)
		}
	}
	if out, err := as("keys", "revoke", "k"); err == nil || !strings.Contains(out, copied) {
		t.Errorf("a change: %v\n%s", err, out)
	}
	if files, err := filepath.Glob(copied + "-*"); err != nil || len(files) > 0 {
		t.Errorf("%v are beside it, %v", files, err)
	}
}
