package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/specgate/specgate/internal/fakebackend"
)

// slowly answers after a while, in which others come.
func slowly(reply fakebackend.Reply) fakebackend.Reply {
	return func(c *fakebackend.Conn, r *fakebackend.Request) {
		time.Sleep(20 * time.Millisecond)
		reply(c, r)
	}
}

// The parts of one request never wait in the queue for each other: a backend that has nothing else to do
// takes them, few at a time.
func TestSplitRequestsNeedNoQueue(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		reply   fakebackend.Reply
		request string
	}{
		"whole":    {fakebackend.JSON(200, answered), `{"model":"m","prompt":"x","max_tokens":1,"n":9}`},
		"streamed": {fakebackend.Events(fakebackend.Data(first), fakebackend.Data(last, "[DONE]")), `{"model":"m","prompt":"x","max_tokens":1,"n":9,"stream":true}`},
	} {
		for _, places := range []int{1, 2} {
			t.Run(fmt.Sprint(name, " ", places), func(t *testing.T) {
				t.Parallel()
				a := fakebackend.New(t, slowly(test.reply))
				g := startBefore(t, several{"a": a}, quiet+"models: {m: {targets: [{upstream: a}]}}\n",
					map[string]string{"a": fmt.Sprintf(", kind: ollama, max_concurrent: %d, max_queue: 0, queue_timeout: 1ms", places)})
				got := g.complete(test.request)
				if got.status != 200 || !strings.Contains(string(got.body), `"index":8`) || calls(a) != 9 {
					t.Errorf("%d after %d calls: %s", got.status, calls(a), got.body)
				}
			})
		}
	}
}

// While others have all places, a split request waits as one, and is refused as one.
func TestSplitRequestsWaitAsOne(t *testing.T) {
	t.Parallel()
	const four = `{"model":"m","prompt":"x","max_tokens":1,"n":4}`
	reply, asked, let := held(fakebackend.JSON(200, answered))
	a := fakebackend.New(t, reply, fakebackend.JSON(200, answered))
	g := startBefore(t, several{"a": a}, quiet+"models: {m: {targets: [{upstream: a}]}}\n",
		map[string]string{"a": ", kind: ollama, max_concurrent: 1, max_queue: 1"})
	one := make(chan tried, 1)
	go func() { one <- g.try() }()
	<-asked
	split := make(chan answer, 1)
	go func() { split <- g.complete(four) }()
	g.eventually(`specgate_upstream_queued{upstream="a"}`, "1")
	refusedWithAWait(t, g.complete(four))
	if calls(a) != 1 {
		t.Errorf("%d calls", calls(a))
	}
	close(let)
	if got := <-split; got.status != 200 || calls(a) != 5 {
		t.Errorf("%d after %d calls: %s", got.status, calls(a), got.body)
	}
	<-one
	g.mustCount(`specgate_upstream_queued{upstream="a"}`, "0")
	g.mustCount(`specgate_upstream_inflight{upstream="a"}`, "0")
}

// What is no more than may be held for one answer is so for all of its parts together.
func TestSplitAnswersAreHeldToOneLimit(t *testing.T) {
	t.Parallel()
	a := fakebackend.New(t, fakebackend.JSON(200, answered))
	g := startBefore(t, several{"a": a}, "health: {interval: 0}\nupstream: {max_response: 1KiB}\nmodels: {m: {targets: [{upstream: a}]}}\n",
		map[string]string{"a": ", kind: ollama, fanout_width: 1"})
	got := g.complete(`{"model":"m","prompt":"x","max_tokens":1,"n":100}`)
	if e := tell(t, got); e.Status != 502 || e.Code != "upstream_error" || got.header.Get("X-Should-Retry") != "false" || calls(a) > 1024/len(answered)+1 {
		t.Errorf("%+v after %d calls", e, calls(a))
	}
}

// One part of a split request tries the backend for all of them, when the circuit lets one request try.
func TestSplitRequestsCloseACircuit(t *testing.T) {
	t.Parallel()
	a := fakebackend.New(t, fakebackend.JSON(500, "{}"), slowly(fakebackend.JSON(200, answered)))
	g := startBefore(t, several{"a": a}, quiet+"breaker: {failures: 1, open: 10ms}\nmodels: {m: {targets: [{upstream: a}]}}\n", map[string]string{"a": ", kind: ollama"})
	g.complete(plainBody)
	g.eventually(`specgate_upstream_circuit_state{upstream="a"}`, "1")
	if got := g.complete(`{"model":"m","prompt":"x","max_tokens":1,"n":4}`); got.status != 200 || calls(a) != 5 {
		t.Errorf("%d after %d calls: %s", got.status, calls(a), got.body)
	}
	g.mustCount(`specgate_upstream_circuit_state{upstream="a"}`, "0")
}

// What was generated already would be paid for again, however short the wait.
func TestSplitRequestsThatAreRefusedHalfWayAreSpent(t *testing.T) {
	t.Parallel()
	a := fakebackend.New(t, fakebackend.JSON(200, answered), fakebackend.JSON(429, "{}", "Retry-After: 1"))
	g := startBefore(t, several{"a": a}, quiet+"models: {m: {targets: [{upstream: a}]}}\n", map[string]string{"a": ", kind: ollama, fanout_width: 1"})
	got := g.complete(`{"model":"m","prompt":"x","max_tokens":1,"n":4}`)
	if got.status != 429 || got.header.Get("X-Should-Retry") != "false" || got.header.Get("Retry-After") != "1" {
		t.Errorf("%d %v", got.status, got.header)
	}
}
