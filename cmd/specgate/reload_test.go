package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/fakebackend"
)

// inFront are settings of one model that one upstream has.
func inFront(model, upstream, url string) string {
	return fmt.Sprintf("upstreams: {%s: {base_url: '%s/v1'}}\nmodels: {%s: {targets: [{upstream: %s}]}}\nhealth: {interval: 0}\n", upstream, url, model, upstream)
}

// A stream goes to its end with what it began with, whatever new requests find.
func TestReloadLeavesAStreamWhole(t *testing.T) {
	t.Parallel()
	told := make(chan struct{})
	old, next := fakebackend.New(t, untilTold(told)), fakebackend.New(t, fakebackend.JSON(200, answered))
	g := startChanging(t, inFront("old", "a", old.URL))
	stream := g.open("old")
	g.change(inFront("new", "b", next.URL))
	if got := g.ask("new", testToken); got != 200 {
		t.Errorf("a new model: %d", got)
	}
	if got := g.ask("old", testToken); got != 404 {
		t.Errorf("a model that is gone: %d", got)
	}
	g.mustCount("specgate_config_generations", "2")
	g.mustCount("specgate_open_streams", "1")
	if metrics := g.metrics(); strings.Contains(metrics, `specgate_upstream_inflight{upstream="a"}`) || !strings.Contains(metrics, `specgate_upstream_inflight{upstream="b"} 0`) {
		t.Errorf("the gauges are not those of the present upstreams\n%s", metrics)
	}
	close(told)
	rest, err := io.ReadAll(stream)
	if err != nil || !strings.HasSuffix(string(rest), "data: [DONE]\n\n") {
		t.Errorf("the stream ended with %q, %v", rest, err)
	}
	g.eventually("specgate_config_generations", "1")
	g.mustCount(`specgate_upstream_attempts_total{outcome="ok",upstream="a"}`, "1")
	g.mustCount(`specgate_upstream_attempts_total{outcome="ok",upstream="b"}`, "1")
	g.log.await(t, "setting changed", "setting=upstreams.a", "change=removed")
	g.log.await(t, "setting changed", "setting=models.new", "change=added")
}

// A stream of any generation is waited for at the end, and a signal that comes then changes nothing.
func TestReloadAndDrain(t *testing.T) {
	t.Parallel()
	told := make(chan struct{})
	b := fakebackend.New(t, untilTold(told))
	g := startChanging(t, inFront("old", "a", b.URL))
	stream := g.open("old")
	g.change(inFront("new", "b", b.URL))
	g.signal(syscall.SIGTERM)
	g.log.await(t, "shutting down")
	g.set("listen: nonsense")
	g.signal(syscall.SIGHUP)
	close(told)
	rest, err := io.ReadAll(stream)
	if err != nil || !strings.HasSuffix(string(rest), "data: [DONE]\n\n") {
		t.Errorf("the stream ended with %q, %v", rest, err)
	}
	if code := g.code(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if log := g.log.String(); strings.Contains(log, "settings refused") {
		t.Errorf("settings were read at the end\n%s", log)
	}
}

// Of 200 requests that come while settings change, each is answered, 20 times.
func TestReloadDropsNothing(t *testing.T) {
	t.Parallel()
	b := fakebackend.New(t, fakebackend.JSON(200, answered))
	settings := func(i int, level string) string {
		return inFront("m", "a", b.URL) + fmt.Sprintf("log: {level: %s}\nupstream: {max_event: %d}\nstream: {keepalive: %ds}\n", level, 1<<20+i, i)
	}
	const callers, reloads = 200, 20
	g := startChanging(t, settings(1, "info"))
	ask := func() {
		resp, err := g.client.Do(g.request(t.Context(), "POST", completions, strings.NewReader(of("m"))))
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 {
			t.Errorf("%d %s %v", resp.StatusCode, text, err)
		}
	}
	for i := range reloads {
		g.set(settings(i+2, "warn"))
		var asking sync.WaitGroup
		for caller := range callers {
			asking.Go(ask)
			if caller == callers/4 {
				g.signal(syscall.SIGHUP)
			}
		}
		asking.Wait()
		g.eventually(`specgate_config_reloads_total{result="taken"}`, strconv.Itoa(i+1))
	}
	g.mustCount("specgate_inflight_requests", "0")
	g.mustCount(`specgate_requests_total{code="",route="/v1/completions",status="200"}`, strconv.Itoa(callers*reloads))
	g.eventually("specgate_config_generations", "1")
}

// What is wrong is told all at once, and what was in force stays.
func TestReloadRefusesWithEveryReason(t *testing.T) {
	t.Parallel()
	b := fakebackend.New(t, fakebackend.JSON(200, answered))
	good := inFront("m", "a", b.URL)
	g := startChanging(t, good)
	g.set("limits: {body: much}\nretry:\n  attempts: 99\nlogg: {}\ncontract: {overlay: $dir/none.yaml}\nops: {token: sg-not told}\n" + good)
	g.reload("refused")
	for _, reason := range []string{":1: limits.body", ":3: retry.attempts", ":4: logg", ":6: ops.token", "contract.overlay cannot be read"} {
		g.log.await(t, "setting refused", reason)
	}
	if strings.Contains(g.log.String(), "sg-not") {
		t.Error("a token is in the log")
	}
	if got := g.ask("m", testToken); got != 200 {
		t.Errorf("the old settings: %d", got)
	}
	g.mustCount("specgate_config_last_reload_successful", "0")
	if got := g.parts().Settings; got != "refused" {
		t.Errorf("operators are told %q", got)
	}
	for name, text := range map[string]string{"nothing": "", "a comment alone": "# models:\n", "no YAML": "models: {m\n"} {
		g.set(text)
		g.reload("refused")
		if got := g.ask("m", testToken); got != 200 {
			t.Errorf("%s: %d", name, got)
		}
	}
	g.set(good)
	g.reload("same")
	g.mustCount("specgate_config_last_reload_successful", "1")
	if got := g.parts().Settings; got != "ok" {
		t.Errorf("operators are told %q", got)
	}
	g.mustCount("specgate_config_generations", "1")
}

// Settings that the process could begin with, and cannot go on with.
func TestReloadRefusesWhatTheProcessCannotRunWith(t *testing.T) {
	t.Parallel()
	g := startChanging(t, "auth: {tokens: [{name: a, token: "+testToken+"}]}\nretry: {attempts: 1}\n")
	g.set("auth: {tokens: []}\nretry: {attempts: 1}\n")
	g.reload("refused")
	g.log.await(t, "setting refused", "a token is made at the start alone")
	if got := g.ask("specgate-1", testToken); got != 200 {
		t.Errorf("%d", got)
	}
}

// Who may call in another way waits for the restart, with the tokens that are gone then. All else is taken.
func TestReloadFromTokensToKeys(t *testing.T) {
	t.Parallel()
	const keys = "reload: {watch: false}\nauth: {mode: keys}\nlimits: {body: 20}\n"
	g := startChanging(t, "reload: {watch: false}\nauth: {tokens: [{name: a, token: "+testToken+"}]}\n")
	g.change(keys)
	for _, setting := range []string{"auth.mode", "auth.tokens.a"} {
		g.log.await(t, "setting waits for a restart", "setting="+setting+" ")
	}
	g.mustCount("specgate_config_restart_pending", "2")
	if got := g.ask("specgate-1", testToken); got != http.StatusRequestEntityTooLarge {
		t.Errorf("the old token and the new limit: %d", got)
	}
	g.reload("same")
	g.mustCount("specgate_config_restart_pending", "2")
	g.change("reload: {watch: false}\nauth: {tokens: [{name: b, token: sg-b}]}\n")
	g.mustCount("specgate_config_restart_pending", "0")
	if a, b := g.ask("specgate-1", testToken), g.ask("specgate-1", "sg-b"); a != 401 || b != 200 {
		t.Errorf("the old token: %d, the new one: %d", a, b)
	}
}

// Of a URL the path may be a key.
func TestReloadDoesNotLogPaths(t *testing.T) {
	t.Parallel()
	settings := func(path string) string {
		return "reload: {watch: false}\nupstreams: {a: {base_url: 'http://127.0.0.1:9/" + path + "'}}\n"
	}
	g := startChanging(t, settings("not-told/v1"))
	g.log.await(t, "msg=listening", `in_front_of="a at http://127.0.0.1:9"`)
	g.change(settings("not-told-either/v1"))
	g.log.await(t, "setting changed", "setting=upstreams.a.base_url", "change=changed")
	if strings.Contains(g.log.String(), "not-told") {
		t.Error("a path is in the log")
	}
}

// Files change in many ways, and nobody has to say so.
func TestReloadSeesFilesChange(t *testing.T) {
	t.Parallel()
	tokens := func(names ...string) string {
		text := "auth:\n  tokens:\n"
		for _, name := range names {
			text += "    - {name: " + name + ", token: sg-" + name + "}\n"
		}
		return text
	}
	g := startChanging(t, tokens("a", "b"))
	mustKnow := func(known, unknown string) {
		t.Helper()
		g.awaitRead("taken")
		if got := g.ask("specgate-1", "sg-"+known); got != 200 {
			t.Errorf("%s: %d", known, got)
		}
		if got := g.ask("specgate-1", "sg-"+unknown); got != 401 {
			t.Errorf("%s: %d", unknown, got)
		}
	}
	g.set(tokens("a"))
	mustKnow("a", "b")

	g.write("new", tokens("c"))
	if err := os.Rename(filepath.Join(g.dir, "new"), g.file); err != nil {
		t.Fatal(err)
	}
	mustKnow("c", "a")

	// As Kubernetes has it: a link to a file behind a link to a folder, which another takes the place of.
	for _, name := range []string{"d", "e"} {
		folder := filepath.Join(g.dir, "..version-"+name)
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		g.write("..version-"+name+"/specgate.yaml", tokens(name))
		g.link("..version-"+name, "..data")
		if name == "d" {
			g.link("..data/specgate.yaml", "specgate.yaml")
			mustKnow("d", "c")
		}
	}
	mustKnow("e", "d")
}

// link puts a link in the place of whatever is there, at once.
func (g *changing) link(to, name string) {
	g.t.Helper()
	if err := os.Symlink(to, filepath.Join(g.dir, "link")); err != nil {
		g.t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(g.dir, "link"), filepath.Join(g.dir, name)); err != nil {
		g.t.Fatal(err)
	}
}

// The files of secrets are settings too, those of variables and those that the file refers to.
func TestReloadTakesSecretsFromFiles(t *testing.T) {
	t.Parallel()
	b := fakebackend.New(t, fakebackend.JSON(200, answered))
	dir := t.TempDir()
	secret := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	secret("token", "sg-one\n")
	secret("key", "sk-one")
	g := startChanging(t, "upstreams: {a: {base_url: '"+b.URL+"/v1', api_key: '${GPU}'}}\nops: {token: ops-0123456789abcdef}\n", "SPECGATE_API_KEY_FILE="+dir+"/token", "GPU_FILE="+dir+"/key")
	if got := g.ask("m", "sg-one"); got != 200 {
		t.Fatalf("%d", got)
	}
	secret("token", "sg-two\n")
	g.awaitRead("taken")
	if one, two := g.ask("m", "sg-one"), g.ask("m", "sg-two"); one != 401 || two != 200 {
		t.Errorf("the old token: %d, the new one: %d", one, two)
	}
	secret("key", "sk-two")
	g.awaitRead("taken")
	g.ask("m", "sg-two")
	requests := b.Requests()
	if got := requests[len(requests)-1].Header.Get("Authorization"); got != "Bearer sk-two" {
		t.Errorf("the backend was shown %q", got)
	}
	if log := g.log.String(); strings.Contains(log, "sg-") || strings.Contains(log, "sk-") {
		t.Error("a secret is in the log")
	}
}

// With nobody watching, the signal alone has the settings read.
func TestReloadUnwatched(t *testing.T) {
	t.Parallel()
	watched, alone := startChanging(t, "retry: {attempts: 1}\n"), startChanging(t, "reload: {watch: false}\nretry: {attempts: 1}\n")
	for i := range 2 {
		alone.set(fmt.Sprintf("reload: {watch: false}\nretry: {attempts: %d}\n", i+2))
		watched.set(fmt.Sprintf("retry: {attempts: %d}\n", i+2))
		watched.awaitRead("taken")
	}
	if log := alone.log.String(); strings.Contains(log, "settings read") {
		t.Error("settings were read that nobody watches")
	}
	alone.reload("taken")
}

// What was used is used, whatever the limits are from now on.
func TestReloadKeepsWhatWasCounted(t *testing.T) {
	t.Parallel()
	b := fakebackend.New(t, fakebackend.JSON(200, answered))
	settings := func(requests int) string {
		return inFront("m", "a", b.URL) + fmt.Sprintf("auth: {tokens: [{name: a, token: sg-a, limits: {requests_per_minute: %d}}, {name: b, token: sg-b}]}\n", requests)
	}
	g := startChanging(t, settings(2))
	var got []int
	for _, requests := range []int{3, 4, 2} {
		got = append(got, g.ask("m", "sg-a"))
		g.change(settings(requests))
	}
	got = append(got, g.ask("m", "sg-a"))
	g.change(settings(4))
	got = append(got, g.ask("m", "sg-a"), g.ask("m", "sg-a"))
	if fmt.Sprint(got) != "[200 200 200 429 200 429]" {
		t.Errorf("answered %v", got)
	}
}

// A caller may get the first limit that there is.
func TestReloadBringsLimits(t *testing.T) {
	t.Parallel()
	g := startChanging(t, "auth: {tokens: [{name: a, token: sg-a}]}\n")
	if got := g.ask("specgate-1", "sg-a"); got != 200 {
		t.Fatalf("%d", got)
	}
	g.change("auth: {tokens: [{name: a, token: sg-a, limits: {requests_per_minute: 1}}]}\n")
	if first, second := g.ask("specgate-1", "sg-a"), g.ask("specgate-1", "sg-a"); first != 200 || second != 429 {
		t.Errorf("%d, then %d", first, second)
	}
}

const shorter = `overlay: 1.0.0
info: {title: Short, version: 1.0.0}
actions:
  - target: $.components.schemas.CompletionRequest.properties.max_tokens
    update: {maximum: %d}
`

// The contract that is served and the one that is enforced change together.
func TestReloadTakesOverlays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	overlay := func(most int) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "overlay.yaml"), fmt.Appendf(nil, shorter, most), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	overlay(600)
	g := startChanging(t, "contract: {overlay: "+dir+"/overlay.yaml}\n")
	want := func(most int) {
		t.Helper()
		g.mustServe(inRequest+"properties.max_tokens.maximum", most)
		g.underServed()
		for tokens, status := range map[int]int{most: 200, most + 1: 422} {
			if got := g.complete(fmt.Sprintf(`{"model":"specgate-1","prompt":"x","max_tokens":%d}`, tokens)); got.status != status {
				t.Errorf("max_tokens %d: %d, want %d", tokens, got.status, status)
			}
		}
	}
	want(600)
	overlay(700)
	g.awaitRead("taken")
	g.log.await(t, "setting=contract.overlay", `change="what the file holds"`)
	want(700)
}

func TestReloadNamesWhatWaitsForARestart(t *testing.T) {
	t.Parallel()
	b := fakebackend.New(t, fakebackend.JSON(200, answered))
	g := startChanging(t, inFront("m", "a", b.URL))
	g.set(inFront("n", "a", b.URL) + "h2c: true\nlimits: {header_timeout: 3s}\nstore: 'postgres://u:not-told@h/d'\n")
	g.reload("taken")
	for _, setting := range []string{"h2c", "limits.header_timeout", "store"} {
		g.log.await(t, "level=WARN", "setting waits for a restart", "setting="+setting+" ")
	}
	if strings.Contains(g.log.String(), "not-told") {
		t.Error("a password is in the log")
	}
	if got := g.ask("n", testToken); got != 200 {
		t.Errorf("what needs none: %d", got)
	}
	g.mustCount("specgate_config_restart_pending", "3")
	if got := g.parts().Settings; got != "restart needed" {
		t.Errorf("operators are told %q", got)
	}
	g.set(inFront("n", "a", b.URL))
	g.reload("same")
	g.mustCount("specgate_config_restart_pending", "0")
}

// What nobody has changed is as it was: connections, circuits, the turns of targets.
func TestReloadKeepsUpstreams(t *testing.T) {
	t.Parallel()
	well, ill := fakebackend.New(t, fakebackend.JSON(200, answered)), fakebackend.New(t, fakebackend.JSON(500, `{}`))
	settings := func(models string) string {
		return fmt.Sprintf("upstreams: {well: {base_url: '%s/v1'}, ill: {base_url: '%s/v1'}}\nmodels: {bad: {targets: [{upstream: ill}]}, %s}\nbreaker: {failures: 2, open: 1m}\nhealth: {interval: 0}\n", well.URL, ill.URL, models)
	}
	g := startChanging(t, settings("m: {targets: [{upstream: well}]}"))
	g.ask("m", testToken)
	g.ask("bad", testToken)
	g.ask("bad", testToken)
	g.mustCount(`specgate_upstream_circuit_state{upstream="ill"}`, "2")
	g.change(settings("m: {targets: [{upstream: well}]}, n: {targets: [{upstream: well}]}"))
	g.mustCount(`specgate_upstream_circuit_state{upstream="ill"}`, "2")
	g.ask("n", testToken)
	if n := well.Connections(); n != 1 {
		t.Errorf("%d connections were made", n)
	}
	g.change(strings.Replace(settings("m: {targets: [{upstream: well}]}"), "open: 1m", "open: 2m", 1))
	g.mustCount(`specgate_upstream_circuit_state{upstream="ill"}`, "0")
}

// Log, limits and the token of operators hold at once.
func TestReloadOfTheRest(t *testing.T) {
	t.Parallel()
	const first, second = "the-first-of-the-tokens", "the-second-of-the-tokens"
	g := startChanging(t, "ops: {token: "+first+"}\n")
	g.change("ops: {token: " + second + "}\nlog: {format: json, level: debug}\nlimits: {body: 20}\n")
	for token, want := range map[string]int{first: 401, second: 200} {
		if got := g.operate("/metrics", "Authorization: Bearer "+token); got.status != want {
			t.Errorf("%s: %d", token, got.status)
		}
	}
	if got := g.ask("specgate-1", testToken); got != http.StatusRequestEntityTooLarge {
		t.Errorf("a body over the limit: %d", got)
	}
	g.log.await(t, `"msg":"request"`, `"status":413`)
}

// A token that was made at the start is good for as long as there is no other.
func TestReloadKeepsTheTokenThatWasMade(t *testing.T) {
	t.Parallel()
	g := startChanging(t, "retry: {attempts: 1}\n", "SPECGATE_API_KEY=")
	_, rest, _ := strings.Cut(g.log.await(t, "Authorization: Bearer sg-"), "Bearer ")
	token, _, _ := strings.Cut(rest, `"`)
	g.change("retry: {attempts: 2}\n")
	if got := g.ask("specgate-1", token); got != 200 {
		t.Errorf("%d", got)
	}
	g.change("auth: {tokens: [{name: a, token: sg-a}]}\n")
	if made, set := g.ask("specgate-1", token), g.ask("specgate-1", "sg-a"); made != 401 || set != 200 {
		t.Errorf("the token that was made: %d, one that was set: %d", made, set)
	}
}

// Two signals are two requests to read, or one; a third finds nothing new.
func TestReloadTwiceAtOnce(t *testing.T) {
	t.Parallel()
	g := startChanging(t, "retry: {attempts: 1}\n")
	g.set("retry: {attempts: 2}\n")
	g.signal(syscall.SIGHUP)
	g.signal(syscall.SIGHUP)
	g.awaitRead("taken")
	if got := g.ask("specgate-1", testToken); got != 200 {
		t.Errorf("%d", got)
	}
	g.mustCount("specgate_config_generations", "1")
}

// A signal that comes while the process starts does not end it. What can be read once alone is not read again.
func TestReloadBeforeItIsReady(t *testing.T) {
	t.Parallel()
	g := &changing{dir: t.TempDir(), exit: make(chan error, 1), running: &running{t: t, log: newLogbook()}}
	g.file = filepath.Join(g.dir, "pipe")
	if err := syscall.Mkfifo(g.file, 0o600); err != nil {
		t.Fatal(err)
	}
	g.launch("", nil, func(*exec.Cmd) {})
	pipe, err := os.OpenFile(g.file, os.O_WRONLY, 0) // waits until it is read
	if err != nil {
		t.Fatal(err)
	}
	g.signal(syscall.SIGHUP)
	if _, err := pipe.WriteString("retry: {attempts: 1}\n"); err != nil {
		t.Fatal(err)
	}
	if err := pipe.Close(); err != nil {
		t.Fatal(err)
	}
	g.log.await(t, "msg=listening")
	g.log.await(t, "setting refused", "is no plain file")
	g.signal(syscall.SIGTERM)
	if code := g.code(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// Generations that are over leave nothing behind.
func TestReloadsLeaveNothing(t *testing.T) {
	t.Parallel()
	b := fakebackend.New(t, fakebackend.JSON(200, answered))
	settings := func(i int) string {
		return fmt.Sprintf("upstreams: {a: {base_url: '%s/v1', fanout_max: %d}}\nmodels: {'*': {targets: [{upstream: a}]}}\nupstream: {max_event: %d}\nhealth: {interval: 20ms}\nops: {pprof: true}\n", b.URL, i, 1<<20+i)
	}
	g := startChanging(t, settings(1))
	reload := func(from, to int) (goroutines, bytes float64) {
		for i := from; i < to; i++ {
			g.change(settings(i))
			g.ask("m", testToken)
		}
		g.eventually("specgate_config_generations", "1")
		g.operate("/debug/pprof/heap?gc=1") // collects garbage
		return g.value("go_goroutines"), g.value("go_memstats_heap_alloc_bytes")
	}
	goroutines, bytes := reload(2, 7)
	after, more := reload(7, 57)
	t.Logf("%v goroutines, %v bytes; then %v, %v", goroutines, bytes, after, more)
	if after > goroutines+10 {
		t.Errorf("%v goroutines were %v", after, goroutines)
	}
	if more > bytes+4<<20 {
		t.Errorf("%v bytes were %v", more, bytes)
	}
}

// value is that of a metric without labels.
func (g *changing) value(metric string) float64 {
	g.t.Helper()
	for line := range strings.Lines(g.metrics()) {
		if text, ok := strings.CutPrefix(line, metric+" "); ok {
			value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			if err != nil {
				g.t.Fatal(err)
			}
			return value
		}
	}
	g.t.Fatalf("no %s", metric)
	return 0
}

// What is being written is left alone until it is the same twice, and what was read is not read again.
func TestReloadWaitsForTheEndOfWriting(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "specgate.yaml")
	set := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set("whole")
	r := &reloader{read: config.Files{}}
	if _, err := r.read.Read(file); err != nil {
		t.Fatal(err)
	}
	var looks []bool
	for _, text := range []string{"whole", "whole", "", "part", "partly", "partly", "whole", "whole"} {
		set(text)
		looks = append(looks, r.changed())
	}
	if fmt.Sprint(looks) != "[false false false false false true false false]" {
		t.Errorf("changed: %v", looks)
	}
}

// A file that would be waited for is refused, and the next that is in order is taken.
func TestReloadDoesNotWaitForAPipe(t *testing.T) {
	t.Parallel()
	g := startChanging(t, "reload: {watch: false}\nretry: {attempts: 1}\n", "NEWKEY_FILE=$dir/pipe")
	if err := syscall.Mkfifo(filepath.Join(g.dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	g.set("retry: {attempts: 2}\nops: {token: \"${NEWKEY}\"}\n")
	g.reload("refused")
	g.log.await(t, "setting refused", "pipe is no plain file")
	g.change("retry: {attempts: 2}\n")
	g.signal(syscall.SIGTERM)
	if code := g.code(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// What cannot be read to its end, as where a disk is away, is not waited for by a gateway that ends.
func TestReloadThatHangsDoesNotHoldTheEnd(t *testing.T) {
	t.Parallel()
	reading, away := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(away) })
	signals := make(chan os.Signal, 1)
	signals <- syscall.SIGHUP
	r := &reloader{signals: signals, load: func() (config.Config, error) {
		close(reading)
		<-away
		return config.Config{}, errBlank
	}}
	over := make(chan error)
	go func() {
		over <- r.follow(t.Context(), &gateway{}, func(context.Context) error { <-reading; return nil })
	}()
	select {
	case err := <-over:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(bounded):
		t.Fatal("the gateway does not end")
	}
}

// A file that is too large to be what it is said to be is not read into memory.
func TestReloadRefusesWhatIsTooLarge(t *testing.T) {
	t.Parallel()
	g := startChanging(t, "reload: {watch: false}\nretry: {attempts: 1}\n")
	for _, name := range []string{"overlay.yaml", "faults.yaml", "specgate.yaml"} {
		g.set("retry: {attempts: 2}\ncontract: {overlay: $dir/overlay.yaml}\nfaults: {file: $dir/faults.yaml}\n")
		g.write(name, "")
		if err := os.Truncate(filepath.Join(g.dir, name), 4<<20+1); err != nil {
			t.Fatal(err)
		}
		g.reload("refused")
		g.log.await(t, "setting refused", name+" is larger than 4MiB")
	}
	g.change("retry: {attempts: 2}\n")
}
