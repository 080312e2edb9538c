package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/specgate/specgate/internal/fakebackend"
)

// later is a refusal that says when to come again.
var later = fakebackend.JSON(429, "{}", "Retry-After: 7")

// mustBeToldLater fails the test where an answer is not the one of a backend that answers with later.
func mustBeToldLater(t *testing.T, got answer, attempts string) {
	t.Helper()
	if got.status != 429 || got.header.Get("Retry-After") != "7" {
		t.Errorf("%d, Retry-After %q", got.status, got.header.Get("Retry-After"))
	}
	if from(got) != "a" || got.header.Get("X-Specgate-Attempts") != attempts {
		t.Errorf("from %q after %q", from(got), got.header.Get("X-Specgate-Attempts"))
	}
}

// What the only healthy backend says is worth more than what an ill one may.
func TestIllBackendsAreNoAlternative(t *testing.T) {
	t.Parallel()
	ill := func(c *fakebackend.Conn, r *fakebackend.Request) {
		if r.Method == "GET" {
			fakebackend.JSON(503, "{}")(c, r)
			return
		}
		fakebackend.JSON(504, "{}")(c, r)
	}
	well := func(c *fakebackend.Conn, r *fakebackend.Request) {
		if r.Method == "GET" {
			fakebackend.JSON(200, "{}")(c, r)
			return
		}
		later(c, r)
	}
	backends := several{"a": fakebackend.New(t, well), "b": fakebackend.New(t, ill)}
	g := startBefore(t, backends, "upstream: {expose: true}\nhealth: {interval: 5ms, timeout: 10s}\n"+twoTargets, nil)
	g.eventually(`specgate_upstream_healthy{upstream="b"}`, "0")
	mustBeToldLater(t, g.complete(plainBody), "1")
	if n := calls(backends["b"]); n != 0 {
		t.Errorf("the ill one was asked %d times", n)
	}
}

// Where the other backend is not reached, its caller hears what the first has said.
func TestDeadBackendsSayNothing(t *testing.T) {
	t.Parallel()
	g := startBefore(t, several{"a": fakebackend.New(t, later), "b": nil}, quiet+twoTargets, nil)
	mustBeToldLater(t, g.complete(plainBody, "X-Request-Id: it"), "2")
	g.log.await(t, `"id":"it"`, `"upstream":"a","attempts":2`)
}

// Another model of the backend that has failed is no other backend.
func TestModelsOfOneBackendFailTogether(t *testing.T) {
	t.Parallel()
	backends := several{"a": nil, "b": fakebackend.New(t, fakebackend.JSON(200, answered))}
	g := startBefore(t, backends, quiet+"models: {m: {targets: [{upstream: a, model: one}, {upstream: a, model: two}, {upstream: b, priority: 2}]}}\n", nil)
	for range 2 {
		if got := g.complete(plainBody); got.status != 200 || from(got) != "b" || got.header.Get("X-Specgate-Attempts") != "2" {
			t.Errorf("%d from %q after %q", got.status, from(got), got.header.Get("X-Specgate-Attempts"))
		}
	}
}

// A retry that no backend is sent is not spent: of the three that are always allowed, one is.
func TestRetriesThatAreWithheld(t *testing.T) {
	t.Parallel()
	reply, asked, let := held(fakebackend.JSON(200, answered))
	backends := several{"a": fakebackend.New(t, later), "b": fakebackend.New(t, reply, fakebackend.JSON(200, answered))}
	g := startBefore(t, backends, quiet+"retry: {budget: 0}\n"+twoTargets, map[string]string{"b": ", max_concurrent: 1, max_queue: 0"})
	got := make(chan tried, 1)
	go func() { got <- g.try() }()
	<-asked
	for range 4 {
		mustBeToldLater(t, g.complete(plainBody), "1")
	}
	close(let)
	if one := <-got; one.err != nil || one.status != 200 {
		t.Errorf("%+v", one)
	}
	for i, want := range []int{200, 200, 429} {
		if got := g.complete(plainBody); got.status != want {
			t.Errorf("%d: %d", i, got.status)
		}
	}
}

// A backend that is gone costs no caller anything while another is there: not by the budget of retries, and
// not by all that it has answered before.
func TestABackendThatDiesCostsNobodyAnything(t *testing.T) {
	t.Parallel()
	a := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Connection", "close") // on one that is kept, a request may be under way when it breaks
		_, _ = w.Write([]byte(answered))
	}))
	backends := several{"a": {URL: a.URL}, "b": fakebackend.New(t, fakebackend.JSON(200, answered))}
	g := startBefore(t, backends, quiet+"models: {m: {targets: [{upstream: a, weight: 3}, {upstream: b}]}}\n", nil)
	for range 40 {
		g.complete(plainBody)
	}
	a.Close()
	for i := range 40 {
		if got := g.complete(plainBody); got.status != 200 || from(got) != "b" {
			t.Fatalf("request %d: %d from %s", i, got.status, from(got))
		}
	}
	g.mustCount(`specgate_upstream_circuit_state{upstream="a"}`, "2")
}
