package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/specgate/specgate/internal/fakebackend"
)

// restarting are settings for managed keys, each as it is at the start and as it is to be, which takes a restart.
var restarting = []struct{ setting, before, after string }{
	{"auth.mode", "auth: {mode: keys}", "auth: {mode: passthrough}"},
	{"store", "store: '$store'", "store: 'sqlite://$dir/other.db'"},
	{"usage.records", "records: auto", "records: always"},
	{"usage.durability", "durability: batch", "durability: request"},
	{"usage.retention", "retention: 48h", "retention: 72h"},
	{"usage.spool", "spool: '$dir/spool'", "spool: '$dir/elsewhere'"},
	{"usage.spool_limit", "spool_limit: 1MiB", "spool_limit: 2MiB"},
	{"limits.backend", "limits: {backend: memory}", "limits: {backend: 'redis://127.0.0.1:9/0'}"},
}

// managed runs a process with keys of a store, and gives its settings.
func (a admin) managed(t *testing.T) (g *changing, settings string) {
	t.Helper()
	const rest = "auth: {mode: keys}\nstore: '$store'\nlimits: {backend: memory}\nreload: {watch: false}\nops: {pprof: true}\n" +
		"usage: {records: auto, durability: batch, retention: 48h, spool: '$dir/spool', spool_limit: 1MiB}\n"
	b := fakebackend.New(t, fakebackend.JSON(200, answered))
	g = startChanging(t, inFront("m", "a", b.URL)+strings.ReplaceAll(rest, "$store", a.url), "SPECGATE_API_KEY=")
	return g, string(contents(t, g.file))
}

// another are settings that differ from others in nothing that a request shows.
func another(settings string, n int) string {
	return strings.Replace(settings, "upstreams:", fmt.Sprintf("upstream: {max_event: %d}\nupstreams:", 1<<20+n), 1)
}

// asking has callers ask with a key until it is stopped, and counts what they were answered, by status.
func (g *changing) asking(token string) (stop func() map[int]int) {
	var (
		over    atomic.Bool
		running sync.WaitGroup
		mu      sync.Mutex
	)
	answers := map[int]int{}
	for range 2 {
		running.Go(func() {
			for !over.Load() {
				status := g.askQuietly(token)
				mu.Lock()
				answers[status]++
				mu.Unlock()
			}
		})
	}
	return func() map[int]int {
		over.Store(true)
		running.Wait()
		return answers
	}
}

// askQuietly is ask for any goroutine. The status is 0 where there is none.
func (g *changing) askQuietly(token string) int {
	resp, err := g.client.Do(g.request(g.t.Context(), "POST", completions, strings.NewReader(of("m")), "Authorization: Bearer "+token))
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// Keys are what the store says, through reloads under load: those that were made before, between and after, and those
// that are revoked. Each request is recorded once.
func TestReloadWithManagedKeys(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, a admin) {
		t.Helper()
		g, settings := a.managed(t)
		first := a.make("keys", "create", "--name", "first")
		stop := g.asking(first.Token)
		for i := range 5 {
			g.change(another(settings, i))
			key := a.make("keys", "create", "--name", "k"+strconv.Itoa(i))
			g.mustGet(200, "", key.Token)
			a.run("keys", "revoke", "k"+strconv.Itoa(i))
			g.soon(401, key.Token)
		}
		answers := stop()
		if answers[200] == 0 || len(answers) != 1 {
			t.Errorf("answered %v", answers)
		}
		g.eventually("specgate_config_generations", "1")
		g.signal(syscall.SIGTERM) // with which all that is to be recorded has been
		if code := g.code(); code != exitOK {
			t.Errorf("exit code %d", code)
		}
		recorded := 0
		for _, r := range a.records() {
			if r.Key == first.ID {
				recorded++
			}
		}
		if recorded != answers[200] {
			t.Errorf("%d records of %d requests", recorded, answers[200])
		}
	})
}

// What cannot change while the process runs is told, each by its name, and stays as it was.
func TestReloadOfWhatManagedKeysStandOn(t *testing.T) {
	t.Parallel()
	a := newAdmin(t)
	g, before := a.managed(t)
	key := a.make("keys", "create", "--name", "k")
	for _, r := range restarting {
		from := strings.NewReplacer("$store", a.url, "$dir", g.dir).Replace(r.before)
		after := strings.Replace(before, from, r.after, 1)
		if after == before {
			t.Fatalf("%s is not set by %q", r.setting, from)
		}
		g.set(after)
		g.reload("same")
		g.log.await(t, "setting waits for a restart", "setting="+r.setting+" ")
		g.mustCount("specgate_config_restart_pending", "1")
		g.mustGet(200, "", key.Token)
	}
	g.set(strings.Replace(before, "auth: {mode: keys}", "auth: {tokens: [{name: a, token: "+testToken+"}]}", 1))
	for range 2 {
		g.reload("same")
		g.log.await(t, "setting waits for a restart", "setting=auth.tokens.a ", "change=added")
		g.mustCount("specgate_config_restart_pending", "2")
	}
	g.mustGet(401, "invalid_api_key", testToken)
	g.set(before)
	g.reload("same")
	g.mustCount("specgate_config_restart_pending", "0")
	a.awaitRecords(len(restarting))
	for _, other := range []string{"other.db", "elsewhere"} {
		if _, err := os.Stat(g.dir + "/" + other); err == nil {
			t.Errorf("there is %s", other)
		}
	}
}

// Two hundred generations of a gateway with a store leave nothing behind: no goroutine, no connection and no file.
func TestReloadsWithAStoreLeaveNothing(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, a admin) {
		t.Helper()
		g, settings := a.managed(t)
		key := a.make("keys", "create", "--name", "k")
		reload := func(from, to int) holding {
			for i := from; i < to; i++ {
				g.change(another(settings, i))
				g.mustGet(200, "", key.Token)
			}
			return g.holds()
		}
		few := reload(0, 20)
		many := reload(20, 220)
		t.Logf("after 20 %+v, after 220 %+v", few, many)
		if many.goroutines > few.goroutines+10 || many.files > few.files+5 || many.bytes > few.bytes+4<<20 {
			t.Errorf("%+v were %+v", many, few)
		}
		a.awaitRecords(220)
	})
}

// holding is what a process holds.
type holding struct {
	goroutines, bytes float64
	files             int // that are open, connections too
}

// holds is what is held once the generations before are gone.
func (g *changing) holds() holding {
	g.t.Helper()
	g.eventually("specgate_config_generations", "1")
	g.operate("/debug/pprof/heap?gc=1") // collects garbage
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", g.cmd.Process.Pid))
	if err != nil {
		g.t.Skip(err)
	}
	return holding{g.value("go_goroutines"), g.value("go_memstats_heap_alloc_bytes"), len(files)}
}
