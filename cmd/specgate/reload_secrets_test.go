package main

import (
	"os"
	"path/filepath"
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
