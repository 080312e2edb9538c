package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/fakebackend"
	"github.com/specgate/specgate/internal/record"
)

// speaking is the settings that a process needs for a protocol, and how clients speak it.
func speaking(t *testing.T, protocol string) (settings string, transport func() *http.Transport) {
	t.Helper()
	var protocols http.Protocols
	if protocol == "h2c" {
		protocols.SetUnencryptedHTTP2(true)
		return "h2c: true\n", func() *http.Transport { return &http.Transport{Protocols: &protocols} }
	}
	protocols.SetHTTP2(true)
	certFile, keyFile, roots := certificate(t)
	return "tls: {cert_file: " + certFile + ", key_file: " + keyFile + "}\n", func() *http.Transport {
		return &http.Transport{Protocols: &protocols, TLSClientConfig: &tls.Config{RootCAs: roots}}
	}
}

// through is the process as another client sees it, one that speaks a protocol of its own. dialled are its connections.
func (g *changing) through(transport *http.Transport) (as *changing, dialled *atomic.Int64) {
	g.t.Helper()
	dialled = &atomic.Int64{}
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	client, seen := *g, *g.running
	seen.client = &http.Client{Transport: record.Transport(transport, gen.Spec), Timeout: 6 * bounded}
	if transport.TLSClientConfig != nil {
		seen.front = strings.Replace(g.front, "http:", "https:", 1)
	}
	client.running = &seen
	g.t.Cleanup(transport.CloseIdleConnections)
	return &client, dialled
}

// Four connections of HTTP/2 with many streams outlive ten reloads: no stream is refused or cut off, and none needs
// another connection. Those that began before have their end from the upstream that they began with, which is there until
// then, and of which no connection is left then.
func TestReloadOverHTTP2(t *testing.T) {
	t.Parallel()
	overHTTP2(t, func(t *testing.T, protocol string) {
		t.Helper()
		const reloads, clients, each = 10, 4, 50
		told, closed := make(chan struct{}), make(chan struct{}, clients)
		old := fakebackend.New(t, func(c *fakebackend.Conn, _ *fakebackend.Request) {
			c.Head(http.StatusOK, fakebackend.EventStream)
			c.Chunk(fakebackend.Data(aChunk))
			select { // not Await, which has less patience than all of the reloads may take
			case <-told:
			case <-c.Gone():
			}
			c.Chunk(fakebackend.Data("[DONE]"))
			c.End()
			<-c.Gone()
			closed <- struct{}{}
		})
		b := fakebackend.New(t, fakebackend.JSON(200, answered))
		listening, transport := speaking(t, protocol)
		settings := func(i int) string {
			return listening + inFront("m", "b", b.URL) + fmt.Sprintf("log: {level: warn}\nupstream: {max_event: %d}\n", 1<<20+i)
		}
		g := startChanging(t, listening+inFront("old", "a", old.URL))
		var (
			callers [clients]*changing
			dialled [clients]*atomic.Int64
			streams [clients]io.Reader
		)
		for i := range callers {
			callers[i], dialled[i] = g.through(transport())
			streams[i] = callers[i].open("old")
		}
		g.set(settings(0))
		g.signal(syscall.SIGHUP)
		g.eventually(`specgate_config_reloads_total{result="taken"}`, "1")
		for i := range reloads {
			g.set(settings(i + 1))
			var asking sync.WaitGroup
			for n := range clients * each {
				asking.Go(func() { callers[n%clients].mustAnswer(of("m")) })
				if n == each {
					g.signal(syscall.SIGHUP)
				}
			}
			asking.Wait()
			g.eventually(`specgate_config_reloads_total{result="taken"}`, strconv.Itoa(i+2))
		}
		g.eventually("specgate_config_generations", "2")
		close(told)
		for i, stream := range streams {
			if rest, err := io.ReadAll(stream); err != nil || !strings.HasSuffix(string(rest), "data: [DONE]\n\n") {
				t.Errorf("the stream ended with %q, %v", rest, err)
			}
			if n := dialled[i].Load(); n != 1 {
				t.Errorf("%d connections were made", n)
			}
		}
		g.mustCount(`specgate_requests_total{code="",route="/v1/completions",status="200"}`, strconv.Itoa(reloads*clients*each+clients))
		g.eventually("specgate_config_generations", "1")
		for range clients {
			select {
			case <-closed:
			case <-time.After(bounded):
				t.Fatal("a connection to the upstream that is gone stays open")
			}
		}
	})
}

// At the end a stream of HTTP/2 is waited for, whichever settings it began with, and however many signals come then.
func TestReloadAndDrainOverHTTP2(t *testing.T) {
	t.Parallel()
	overHTTP2(t, func(t *testing.T, protocol string) {
		t.Helper()
		told := make(chan struct{})
		b := fakebackend.New(t, untilTold(told))
		listening, transport := speaking(t, protocol)
		g := startChanging(t, listening+inFront("old", "a", b.URL))
		caller, _ := g.through(transport())
		streams := []io.Reader{caller.open("old")}
		g.change(listening + inFront("new", "b", b.URL))
		streams = append(streams, caller.open("new"))
		g.signal(syscall.SIGTERM)
		g.log.await(t, "shutting down")
		g.set("listen: nonsense")
		for range 1000 {
			g.signal(syscall.SIGHUP)
		}
		close(told)
		for _, stream := range streams {
			if rest, err := io.ReadAll(stream); err != nil || !strings.HasSuffix(string(rest), "data: [DONE]\n\n") {
				t.Errorf("the stream ended with %q, %v", rest, err)
			}
		}
		if code := g.code(); code != exitOK {
			t.Errorf("exit code %d", code)
		}
		if strings.Contains(g.log.String(), "settings refused") {
			t.Error("settings were read at the end")
		}
	})
}

// mustAnswer makes a request that is to be answered, and may do so on any goroutine.
func (g *changing) mustAnswer(body string) {
	resp, err := g.client.Do(g.request(g.t.Context(), "POST", completions, strings.NewReader(body)))
	if err != nil {
		g.t.Error(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		g.t.Errorf("%d %s %v", resp.StatusCode, text, err)
	}
}

// A caller who reads nothing is given up after the time that holds at present, whatever it was when his stream began.
func TestReloadOfTheTimeToTakeAStream(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"http/1.1", "h2c", "h2"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			told := make(chan struct{})
			flood := fakebackend.Data(strings.Replace(aChunk, `"a"`, `"`+strings.Repeat("a", 1<<20)+`"`, 1))
			b := fakebackend.New(t, func(c *fakebackend.Conn, _ *fakebackend.Request) {
				c.Head(http.StatusOK, fakebackend.EventStream)
				c.Chunk(fakebackend.Data(aChunk))
				c.Await(told)
				for range 64 {
					c.Chunk(flood)
				}
				c.Await(nil)
			})
			listening, transport := "", func() *http.Transport { return &http.Transport{} }
			if protocol != "http/1.1" {
				listening, transport = speaking(t, protocol)
			}
			settings := listening + inFront("m", "a", b.URL)
			g := startChanging(t, settings+"stream: {write_timeout: 5m}\n")
			caller, _ := g.through(transport())
			caller.open("m")
			g.change(settings + "stream: {write_timeout: 200ms}\n")
			close(told)
			g.log.await(t, "msg=request", "route=/v1/completions")
		})
	}
}
