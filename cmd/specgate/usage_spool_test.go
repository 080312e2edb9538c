package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Where no record of what was answered may be lost, a gateway does not begin without a folder for the spool.
func TestDurabilityNeedsASpoolOnDisk(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	a.run("orgs", "create", "--name", "acme")
	if err := os.WriteFile(strings.TrimPrefix(a.url, "sqlite://")+"-spool", nil, 0o600); err != nil { // no folder can be there
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "specgate.yaml")
	settings := "auth: {mode: keys}\nlisten: 127.0.0.1:0\nops_listen: ''\nusage: {durability: request}\nstore: '" + a.url + "'\n"
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := a.try("serve", "--config", file); got.code != exitFailure || !strings.Contains(got.stderr, "set usage.spool to a folder") {
		t.Errorf("%+v", got)
	}
}

// Gateways that have one store on one machine, and name no folder, have one spool: each has files of its own there, and
// the next that starts hands over what one that was killed has left, while the others go on.
func TestSpoolOfSeveralGateways(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	stores := map[string]admin{"sqlite": newAdmin(t)}
	if os.Getenv("SPECGATE_TEST_POSTGRES") != "" {
		stores["postgres"], _, _ = onPostgres(t)
	}
	for name, a := range stores {
		t.Run(name, func(t *testing.T) {
			a := admin{t, a.url}
			backend := answers(t)
			settings := []string{"store: '" + a.url + "'", "usage: {records: always, durability: request}"}
			first, second := startProcess(t, backend.URL, settings...), startProcess(t, backend.URL, settings...)
			free := a.busy()
			defer free()
			loads := []*load{startLoad(t, first, "first"), startLoad(t, second, "second")}
			time.Sleep(2 * time.Second)
			first.signal(os.Kill)
			_ = first.code()
			answered, asked := loads[0].stop(time.Now()), loads[0].asked
			free()
			third := startProcess(t, backend.URL, settings...)
			time.Sleep(300 * time.Millisecond)
			maps.Copy(answered, loads[1].stop(time.Now()))
			maps.Copy(asked, loads[1].asked)
			for _, p := range []*process{second, third} {
				p.signal(syscall.SIGTERM)
				if code := p.code(); code != exitOK {
					t.Errorf("exit code %d", code)
				}
			}
			a.mustHave(answered, asked)
		})
	}
	if folders, err := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "specgate", "usage-*")); err != nil || len(folders) != len(stores)-1 {
		t.Errorf("%v %v", folders, err)
	}
}

// Two databases on one server have two spools, however their URLs say which they are.
func TestSpoolIsOfOneDatabase(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for range 2 {
		a, _, name := onPostgres(t)
		at := strings.Replace(a.url, "/"+name, "/", 1) + "&dbname=" + name
		startWith(t, "auth: {mode: keys}\nstore: '"+at+"'", nil)
	}
	folders, err := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "specgate", "usage-*"))
	if err != nil || len(folders) != 2 {
		t.Errorf("%v %v", folders, err)
	}
}
