package main

import (
	"testing"

	"github.com/specgate/specgate/internal/fakebackend"
)

// A stream that outlives the drain is told so, and ends well; one that does not is finished.
func TestShutdownCancelsAStream(t *testing.T) {
	t.Parallel()
	g := startWith(t, "shutdown: {drain: 50ms}\n", func(c *fakebackend.Conn, _ *fakebackend.Request) {
		c.Head(200, fakebackend.EventStream)
		c.Chunk(fakebackend.Data(first))
		c.Await(nil)
	})
	in := g.open()
	begin := readLine(t, in)
	g.end()
	text := begin + readRest(t, in)
	mustBeStream(t, text)
	mustMatchGolden(t, "shutdown", text)
	if err := g.awaitEnd(); err != nil {
		t.Error(err)
	}
}

func TestShutdownCancelsAPlainRequest(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{})
	g := startWith(t, "shutdown: {drain: 50ms}\n", func(c *fakebackend.Conn, _ *fakebackend.Request) {
		close(reached)
		c.Await(nil)
	})
	answers := make(chan answer, 1)
	go func() { answers <- g.complete(plainBody) }()
	<-reached
	g.end()
	got := <-answers
	if e := got.error(t); got.status != 503 || orNull(e.Code) != "unavailable" || e.Type != "server_error" || got.header.Get("Retry-After") == "" {
		t.Errorf("got %d %v %s", got.status, got.header, got.body)
	}
	g.log.await(t, `"msg":"request"`, `"reason":"shutting_down"`)
}

func TestShutdownLetsAStreamFinish(t *testing.T) {
	t.Parallel()
	draining := make(chan struct{})
	g := start(t, func(c *fakebackend.Conn, _ *fakebackend.Request) {
		c.Head(200, fakebackend.EventStream)
		c.Chunk(fakebackend.Data(first))
		c.Await(draining)
		c.Chunk(fakebackend.Data(last, "[DONE]"))
		c.End()
	})
	in := g.open()
	begin := readLine(t, in)
	g.end()
	g.log.await(t, `"msg":"shutting down"`)
	close(draining)
	mustMatchGolden(t, "stream_plain", begin+readRest(t, in))
}
