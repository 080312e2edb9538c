package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/config"
)

// Each setting says what it takes for another value of it to hold, and no section or list does.
func TestEverySettingSaysWhatAChangeTakes(t *testing.T) {
	rows := 0
	for line := range strings.SplitSeq(string(config.Docs()), "\n") {
		cells := strings.Split(line, " | ")
		if len(cells) < 6 || !strings.HasPrefix(line, "| `") {
			continue
		}
		rows++
		if change := cells[4]; change != "reload" && change != "restart" {
			t.Errorf("%q: %s", change, line)
		}
	}
	if rows < 70 {
		t.Errorf("%d settings", rows)
	}
}

const before = `
listen: 127.0.0.1:1
auth: {tokens: [{token: sg-a}, {name: b, token: sg-b, models: [m]}, {name: c, token: sg-c}]}
upstreams: {gpu: {base_url: http://gpu/v1, api_key: sk-1}, old: {base_url: http://old/v1}}
models: {m: {targets: [{upstream: gpu}, {upstream: old}]}}
limits: {backend: "redis://u:secret@h:1"}
`

const after = `
listen: 127.0.0.1:2
auth: {tokens: [{name: b, token: sg-b2, models: [m, n]}, {name: c, token: sg-c}, {name: d, token: sg-d}]}
upstreams: {gpu: {base_url: http://gpu/v1, api_key: sk-2, timeouts: {idle: 1m}}, new.one: {base_url: http://new/v1}}
models: {m: {targets: [{upstream: gpu}, {upstream: new.one}]}}
limits: {backend: "redis://u:other@h:1", body: 1MiB}
`

func TestChangesNameWhatIsOtherwise(t *testing.T) {
	old, next := load(t, write(t, before), nil, nil), load(t, write(t, after), nil, nil)
	want := []config.Change{
		{Setting: "listen", How: "127.0.0.1:1 -> 127.0.0.1:2", Restart: true},
		{Setting: "auth.tokens.b.token", How: "changed"},
		{Setting: "auth.tokens.b.models", How: "[m] -> [m, n]"},
		{Setting: "auth.tokens.d", How: "added"},
		{Setting: "auth.tokens.token-1", How: "removed"},
		{Setting: "upstreams.gpu.api_key", How: "changed"},
		{Setting: "upstreams.gpu.timeouts.idle", How: "5m -> 1m"},
		{Setting: `upstreams["new.one"]`, How: "added"},
		{Setting: "upstreams.old", How: "removed"},
		{Setting: "models.m.targets", How: "changed"},
		{Setting: "limits.body", How: "16MiB -> 1MiB"},
		{Setting: "limits.backend", How: "changed", Restart: true},
	}
	got := old.Changes(next)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	for _, secret := range []string{"sg-", "sk-", "secret", "redis"} {
		if text := fmt.Sprint(got); strings.Contains(text, secret) {
			t.Errorf("%s is in %s", secret, text)
		}
	}
	if again := next.Changes(load(t, write(t, after), nil, nil)); again != nil {
		t.Errorf("of the same file: %v", again)
	}
}

func TestChangesDoNotTellPaths(t *testing.T) {
	of := func(url string) config.Config {
		return load(t, write(t, "upstreams: {a: {base_url: "+url+"}}\n"), nil, nil)
	}
	old := of("http://one/key-1/v1")
	for url, how := range map[string]string{"http://one/key-2/v1": "changed", "https://two:1/key-2": "http://one -> https://two:1"} {
		if diff := cmp.Diff([]config.Change{{Setting: "upstreams.a.base_url", How: how}}, old.Changes(of(url))); diff != "" {
			t.Error(diff)
		}
	}
}

func TestTakeKeepsWhatNeedsARestart(t *testing.T) {
	old, next := load(t, write(t, before), nil, nil), load(t, write(t, after), nil, nil)
	taken, err := old.Take(next)
	if err != nil {
		t.Fatal(err)
	}
	if taken.Listen != old.Listen || !taken.Limits.Backend.Equal(old.Limits.Backend) {
		t.Errorf("listen %s", taken.Listen)
	}
	for _, left := range taken.Changes(next) {
		if !left.Restart {
			t.Errorf("%v was not taken", left)
		}
	}
	if waits := taken.Changes(next); len(waits) != 2 {
		t.Errorf("%v wait for a restart", waits)
	}
}

// What is in order where it begins anew may not be where it is taken over.
func TestTakeRefusesWhatTheProcessCannotRunWith(t *testing.T) {
	old := load(t, write(t, "listen: :8420\nauth: {tokens: [{token: a}]}\n"+backend), nil, nil)
	next := load(t, write(t, "auth: {tokens: []}\nfaults: {file: x}\n"+backend), nil, nil)
	_, err := old.Take(next)
	if err == nil || !strings.Contains(err.Error(), "listen is :8420, which others can reach") || !strings.Contains(err.Error(), "faults.file is set") {
		t.Errorf("%v", err)
	}
}

func TestFilesAreMarkedByWhatTheyHold(t *testing.T) {
	dir := t.TempDir()
	secret, file := filepath.Join(dir, "key"), write(t, backend)
	set := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set(secret, "sg-1\n")
	c := load(t, file, nil, env{"SPECGATE_API_KEY_FILE": secret})
	if len(c.Files) != 2 {
		t.Fatalf("read from %d files", len(c.Files))
	}
	for what, change := range map[string]func(){
		"the file of settings":  func() { set(file, backend+"\n") },
		"the file of a secret":  func() { set(secret, "sg-2\n") },
		"a file that went away": func() { _ = os.Remove(secret) },
	} {
		was := c.Files.Look()
		if diff := cmp.Diff(was, was.Look()); diff != "" {
			t.Errorf("nothing changed:\n%s", diff)
		}
		change()
		if cmp.Equal(was, was.Look()) {
			t.Errorf("%s is not seen to change", what)
		}
	}
}
