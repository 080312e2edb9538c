package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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
