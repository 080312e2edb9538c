package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/specgate/specgate/internal/fakebackend"
)

// startLimited runs a process of which one caller has limits, counted as more says. change sets other limits.
func startLimited(t *testing.T, more, limits string, reply fakebackend.Reply) (g *changing, change func(limits string)) {
	t.Helper()
	b := fakebackend.New(t, reply)
	whole := unique(t, limitedTo("$limits")) + more + inFront("m", "a", b.URL) + "reload: {watch: false}\n"
	settings := func(limits string) string { return strings.Replace(whole, "$limits", limits, 1) }
	g = startChanging(t, settings(limits))
	return g, func(limits string) {
		t.Helper()
		g.change(settings(limits))
	}
}

// Of many who ask before, while and after settings change, as many are answered as the limits allow. A limit that is
// another holds from then on, for what was used before too.
func TestReloadKeepsToLimits(t *testing.T) {
	t.Parallel()
	eachCounting(t, func(t *testing.T, more string) {
		t.Helper()
		g, change := startLimited(t, more, "requests_per_minute: 30", fakebackend.JSON(200, answered))
		var (
			asking  sync.WaitGroup
			granted atomic.Int64
		)
		ask := func(n int) {
			for range n {
				asking.Go(func() {
					if g.askQuietly(testToken) == http.StatusOK {
						granted.Add(1)
					}
				})
			}
		}
		ask(20)
		for i := range 5 {
			change(fmt.Sprintf("requests_per_minute: 30, tokens_per_minute: %d", 1<<20+i))
			ask(10)
		}
		asking.Wait()
		if n := granted.Load(); n != 30 {
			t.Errorf("%d requests were granted", n)
		}
		change("requests_per_minute: 32")
		got := []int{g.ask("m", testToken), g.ask("m", testToken), g.ask("m", testToken)}
		change("requests_per_minute: 31")
		got = append(got, g.ask("m", testToken))
		change("requests_per_minute: 33")
		got = append(got, g.ask("m", testToken), g.ask("m", testToken))
		if fmt.Sprint(got) != "[200 200 429 429 200 429]" {
			t.Errorf("answered %v", got)
		}
	})
}

// Places are held by the requests of all settings together, and each is given back once.
func TestReloadKeepsPlaces(t *testing.T) {
	t.Parallel()
	eachCounting(t, func(t *testing.T, more string) {
		t.Helper()
		told := make(chan struct{})
		g, change := startLimited(t, more, "parallel: 2", untilTold(told))
		refused := func(when string) {
			t.Helper()
			if got := g.ask("m", testToken); got != http.StatusTooManyRequests {
				t.Errorf("%s: %d", when, got)
			}
		}
		streams := []io.Reader{g.open("m"), g.open("m")}
		refused("two that run of two")
		change("parallel: 2, tokens_per_minute: 1000000")
		refused("other settings")
		change("parallel: 3, tokens_per_minute: 1000000")
		streams = append(streams, g.open("m"))
		refused("three of three")
		change("parallel: 1, tokens_per_minute: 1000000")
		refused("three of one")
		told <- struct{}{}
		told <- struct{}{}
		refused("one of one")
		close(told)
		for _, stream := range streams {
			if rest, err := io.ReadAll(stream); err != nil || !strings.HasSuffix(string(rest), "data: [DONE]\n\n") {
				t.Errorf("the stream ended with %q, %v", rest, err)
			}
		}
		g.eventually("specgate_inflight_requests", "0")
		g.open("m")
	})
}
