//go:build backends

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// killBoth kills one server in the middle of traffic, and then the other, and starts both again.
func (b *both) killBoth(llamacpp, other *realServer) {
	b.t.Helper()
	for _, victim := range []struct{ server, heir *realServer }{{llamacpp, other}, {other, llamacpp}} {
		name, model := victim.server.name, "to-"+victim.server.name
		b.killAmidTraffic(victim.server, victim.heir)
		for range 4 {
			for _, model := range []string{model, "half"} {
				if got := b.complete(`{"model":"` + model + `",` + france + greedy + `}`); got.status != 200 || from(got) != victim.heir.name {
					b.t.Errorf("%s after %s was killed: %d from %q: %s", model, name, got.status, from(got), got.body)
				}
			}
		}
		if ids := b.realIDs(); len(ids) < 6 { // those of the settings are there, whoever is not
			b.t.Errorf("models without %s: %v", name, ids)
		}
		b.eventually(`specgate_upstream_healthy{upstream="`+name+`"}`, "0")
		serveReal(b.t, name, victim.server.port())
		b.eventually(`specgate_upstream_healthy{upstream="`+name+`"}`, "1")
		b.returns(model, name)
	}
}

// returns waits until a backend that is there again has its requests again.
func (b *both) returns(model, upstream string) {
	b.t.Helper()
	for end := time.Now().Add(llamaPatience); ; time.Sleep(100 * time.Millisecond) {
		got := b.complete(`{"model":"` + model + `",` + france + greedy + `}`)
		if got.status == 200 && from(got) == upstream {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("%s goes to %q still: %d", model, from(got), got.status)
		}
	}
}

// longStream asks for a stream that goes on for long, and returns when it has begun; the channel brings
// all of it.
func (b *both) longStream(model string) <-chan string {
	b.t.Helper()
	body := `{"model":"` + model + `","prompt":"Once upon a time","max_tokens":200,"seed":1,"ignore_eos":true,"stream":true}`
	resp, err := b.client.Do(b.request(b.t.Context(), http.MethodPost, completions, strings.NewReader(body)))
	if err != nil {
		b.t.Fatal(err)
	}
	first := make([]byte, 8)
	if _, err := io.ReadFull(resp.Body, first); err != nil || resp.StatusCode != 200 {
		b.t.Fatalf("%d %q, %v", resp.StatusCode, first, err)
	}
	all := make(chan string, 1)
	go func() {
		defer func() { _ = resp.Body.Close() }()
		rest, err := io.ReadAll(resp.Body)
		if err != nil {
			rest = fmt.Appendf(rest, "\nthe body ends with %v", err)
		}
		all <- string(first) + string(rest)
	}()
	return all
}

// mustEndBroken fails the test where a stream does not say that it broke.
func mustEndBroken(t *testing.T, stream string) {
	t.Helper()
	mustBeStream(t, stream)
	if !strings.Contains(stream, `"code":"upstream_error"`) || strings.Contains(stream, "[DONE]") || strings.Count(stream, "data: ") < 2 {
		t.Errorf("the stream of the killed one: %s", stream)
	}
}

// killAmidTraffic kills a server while requests go to both, one after another from each of three
// callers, and a stream comes from it. Nobody gets anything but an answer, or, where the request was
// running there, a 502: each caller once, and once more who sends the next before the test knows that it
// is dead. The stream breaks.
func (b *both) killAmidTraffic(victim, heir *realServer) {
	b.t.Helper()
	ctx, stop := context.WithCancel(b.t.Context())
	defer stop()
	const callersAtOnce = 3
	var callers sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]int{}
	dead := make(chan struct{})
	for range callersAtOnce {
		callers.Go(func() {
			for ctx.Err() == nil {
				when := "before"
				select {
				case <-dead:
					when = "after"
				default:
				}
				got := b.complete(`{"model":"half","prompt":"Hi","max_tokens":2}`)
				mu.Lock()
				seen[fmt.Sprintf("begun %s: %d %s", when, got.status, from(got))]++
				mu.Unlock()
			}
		})
	}
	time.Sleep(2 * time.Second) // traffic
	running := b.longStream("to-" + victim.name)
	victim.kill()
	close(dead)
	mustEndBroken(b.t, <-running)
	time.Sleep(2 * time.Second) // more of it
	stop()
	callers.Wait()
	b.t.Log(seen)
	for what, n := range seen {
		ok := strings.Contains(what, ": 200 ") || strings.HasPrefix(what, "begun before: 502 "+victim.name) && n <= 2*callersAtOnce
		if !ok || strings.HasPrefix(what, "begun after") && strings.HasSuffix(what, victim.name) {
			b.t.Errorf("%d times: %s", n, what)
		}
	}
	if seen["begun after: 200 "+heir.name] == 0 {
		b.t.Errorf("%s was asked for nothing", heir.name)
	}
}

// port is the one that it listens on.
func (s *realServer) port() int {
	s.t.Helper()
	port, err := strconv.Atoi(realAddress.FindStringSubmatch("listening on " + s.url)[2])
	if err != nil {
		s.t.Fatal(err)
	}
	return port
}
