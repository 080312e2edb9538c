package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Secrets change as Kubernetes has it, all of a folder at once: the token that is gone is refused, and the new one is
// accepted. While one cannot be read, what was in force stays, and is in order again when it is back.
func TestReloadOfSecretsInAFolder(t *testing.T) {
	t.Parallel()
	g := unstarted(t)
	secrets := func(version, token, ops string) {
		t.Helper()
		folder := "..version-" + version
		if err := os.Mkdir(filepath.Join(g.dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
		g.write(folder+"/token", token)
		g.write(folder+"/ops", ops)
		g.link(folder, "..data")
	}
	secrets("1", "sg-one", "ops-one-0123456789")
	g.link("..data/token", "token")
	g.link("..data/ops", "ops")
	g.begin("auth: {tokens: [{name: a, token: '${CALLER}'}]}\n", "CALLER_FILE=$dir/token", "SPECGATE_OPS_TOKEN_FILE=$dir/ops")
	accepted := func(when, token, ops string) {
		t.Helper()
		for caller, want := range map[string]int{"sg-" + token: 200, "sg-other": 401} {
			if got := g.ask("specgate-1", caller); got != want {
				t.Errorf("%s: %s: %d", when, caller, got)
			}
		}
		for operator, want := range map[string]int{"ops-" + ops + "-0123456789": 200, "ops-other-0123456789": 401} {
			if got := g.operate("/metrics", "Authorization: Bearer "+operator); got.status != want {
				t.Errorf("%s: %s: %d", when, operator, got.status)
			}
		}
	}
	accepted("at the start", "one", "one")
	secrets("2", "sg-two\n", "ops-two-0123456789\n")
	g.awaitRead("taken")
	accepted("both changed", "two", "two")
	if got := g.ask("specgate-1", "sg-one"); got != 401 {
		t.Errorf("the token that is gone: %d", got)
	}
	if err := os.Remove(filepath.Join(g.dir, "token")); err != nil {
		t.Fatal(err)
	}
	g.awaitRead("refused")
	accepted("gone", "two", "two")
	g.link("..data/token", "token")
	g.awaitRead("same")
	accepted("back", "two", "two")
	g.write("..data/token", "")
	g.reload("refused")
	accepted("empty", "two", "two")
	g.write("..data/token", "sg-three")
	g.reload("taken")
	accepted("after all", "three", "two")
}

// A file in whose place a folder stands is seen to be none, as one that is gone, and seen again when it is back; and so is
// one that was a pipe when the settings were read.
func TestReloadOfFilesThatBecomeFolders(t *testing.T) {
	t.Parallel()
	g := unstarted(t)
	at := func(name string) string { return filepath.Join(g.dir, name) }
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(at(from), at(to)); err != nil {
			t.Fatal(err)
		}
	}
	folder := func(name string) {
		t.Helper()
		if err := os.MkdirAll(at(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	folder("..version-1")
	g.write("..version-1/token", "sg-one")
	g.link("..version-1", "..data")
	g.link("..data/token", "token")
	g.write("overlay.yaml", fmt.Sprintf(shorter, 600))
	const settings = "auth: {tokens: [{name: a, token: '${CALLER}'}]}\ncontract: {overlay: $dir/overlay.yaml}\n"
	g.begin(settings, "CALLER_FILE=$dir/token")
	refused := func(setting, name string) {
		t.Helper()
		g.awaitRead("refused")
		reasons := strings.Split(g.log.String(), "setting refused")
		if reason := reasons[len(reasons)-1]; !strings.Contains(reason, setting) || !strings.Contains(reason, at(name)) {
			t.Errorf("%s as a folder: %s", name, reason)
		}
		if got := g.ask("specgate-1", "sg-one"); got != 200 {
			t.Errorf("%s as a folder: %d", name, got)
		}
	}
	for setting, name := range map[string]string{"contract.overlay": "overlay.yaml", "the configuration file": "specgate.yaml"} {
		move(name, "aside")
		folder(name)
		refused(setting, name)
		if err := os.Remove(at(name)); err != nil {
			t.Fatal(err)
		}
		move("aside", name)
		g.awaitRead("same")
	}
	pipe := func(name string) {
		t.Helper()
		if err := syscall.Mkfifo(at(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	move("overlay.yaml", "aside")
	pipe("overlay.yaml")
	g.reload("refused")
	move("aside", "overlay.yaml")
	g.awaitRead("same")
	pipe("faults.yaml")
	g.set(settings + "faults: {file: $dir/faults.yaml}\n")
	g.awaitRead("refused")
	g.write("aside", "rules: [{nth: 99, status: 429}]\n")
	move("aside", "faults.yaml")
	g.awaitRead("taken")
	folder("..version-2/token")
	g.link("..version-2", "..data")
	refused("auth.tokens", "token")
	folder("..version-3")
	g.write("..version-3/token", "sg-three")
	g.link("..version-3", "..data")
	g.awaitRead("taken")
	if got := g.ask("specgate-1", "sg-three"); got != 200 {
		t.Errorf("the new one: %d", got)
	}
}
