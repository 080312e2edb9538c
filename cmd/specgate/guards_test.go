package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/fakebackend"
)

const twoTargets = "models: {m: {targets: [{upstream: a}, {upstream: b, priority: 2}]}}\n"

// unavailable is the metric of answers of 503 for a reason.
func unavailable(reason string) string {
	return fmt.Sprintf("specgate_unavailable_total{reason=%q}", reason)
}

// refusedWithAWait fails the test where an answer is not the 503 of the gateway's own.
func refusedWithAWait(t *testing.T, got answer) {
	t.Helper()
	if e := tell(t, got); e.Status != 503 || e.Code != "unavailable" || got.header.Get("Retry-After") == "" {
		t.Errorf("%+v, Retry-After %q", e, got.header.Get("Retry-After"))
	}
}

func TestCircuitOpens(t *testing.T) {
	t.Parallel()
	a := fakebackend.New(t, fakebackend.JSON(500, "{}"))
	g := startBefore(t, several{"a": a}, quiet+"breaker: {failures: 2, open: 1h}\nmodels: {m: {targets: [{upstream: a}]}}\n", nil)
	for range 2 {
		if got := g.complete(plainBody); got.status != 500 {
			t.Fatalf("%d", got.status)
		}
	}
	g.mustCount(`specgate_upstream_circuit_state{upstream="a"}`, "2")
	got := g.complete(plainBody)
	refusedWithAWait(t, got)
	g.mustCount(unavailable("circuit_open"), "1")
	g.log.await(t, `"code":"unavailable"`, `"reason":"circuit_open"`)
	if got.header.Get("Retry-After") != "3600" || from(got) != "" {
		t.Errorf("Retry-After %s from %q", got.header.Get("Retry-After"), from(got))
	}
	if calls(a) != 2 {
		t.Errorf("%d calls", calls(a))
	}
}

// An open circuit is no healthy target: the next priority takes over, and no retry is spent on it.
func TestCircuitSendsElsewhere(t *testing.T) {
	t.Parallel()
	backends := several{"a": fakebackend.New(t, fakebackend.JSON(500, "{}")), "b": fakebackend.New(t, fakebackend.JSON(200, answered))}
	g := startBefore(t, backends, quiet+"breaker: {failures: 1, open: 1h}\n"+twoTargets, nil)
	var got []string
	for range 3 {
		got = append(got, from(g.complete(plainBody)))
	}
	if diff := cmp.Diff([]string{"a", "b", "b"}, got); diff != "" {
		t.Errorf("upstreams (-want +got):\n%s", diff)
	}
	g.log.await(t, `"circuit of an upstream"`, `"upstream":"a"`, `"state":"open"`)
}

// Half open, the circuit lets one request try, and closes when that one is answered. Another would be let in
// after as long again as it was open.
func TestCircuitCloses(t *testing.T) {
	t.Parallel()
	trying, let := make(chan struct{}), make(chan struct{})
	slow := func(c *fakebackend.Conn, r *fakebackend.Request) {
		close(trying)
		if c.Await(let) {
			fakebackend.JSON(200, answered)(c, r)
		}
	}
	a := fakebackend.New(t, fakebackend.JSON(500, "{}"), slow, fakebackend.JSON(200, answered))
	g := startBefore(t, several{"a": a}, quiet+"breaker: {failures: 1, open: 2s}\nmodels: {m: {targets: [{upstream: a}]}}\n", nil)
	g.complete(plainBody)
	g.eventually(`specgate_upstream_circuit_state{upstream="a"}`, "1")
	got := make(chan tried, 1)
	go func() { got <- g.try() }()
	<-trying
	refusedWithAWait(t, g.complete(plainBody))
	close(let)
	if got := <-got; got.err != nil || got.status != 200 {
		t.Errorf("the one that tries: %+v", got)
	}
	g.mustCount(`specgate_upstream_circuit_state{upstream="a"}`, "0")
	if got := g.complete(plainBody); got.status != 200 {
		t.Errorf("afterwards: %d", got.status)
	}
}

// A trial that hangs keeps nobody from a backend that has recovered.
func TestCircuitOfATrialThatHangs(t *testing.T) {
	t.Parallel()
	stall, trying, let := held(fakebackend.JSON(200, answered))
	a := fakebackend.New(t, fakebackend.JSON(500, "{}"), stall, fakebackend.JSON(200, answered))
	g := startBefore(t, several{"a": a}, quiet+"breaker: {failures: 1, open: 50ms}\nmodels: {m: {targets: [{upstream: a}]}}\n", nil)
	g.complete(plainBody)
	g.eventually(`specgate_upstream_circuit_state{upstream="a"}`, "1")
	got := make(chan tried, 1)
	go func() { got <- g.try() }()
	<-trying
	for end := time.Now().Add(bounded); g.complete(plainBody).status != 200; {
		if time.Now().After(end) {
			t.Fatal("the circuit never closed")
		}
	}
	g.mustCount(`specgate_upstream_circuit_state{upstream="a"}`, "0")
	close(let)
	if got := <-got; got.err != nil || got.status != 200 {
		t.Errorf("the one that hung: %+v", got)
	}
}

// What callers do wrong, and that they leave, says nothing against a backend.
func TestCircuitBlamesBackendsAlone(t *testing.T) {
	t.Parallel()
	for name, reply := range map[string]fakebackend.Reply{
		"400":                   fakebackend.JSON(400, "{}"),
		"422":                   fakebackend.JSON(422, "{}"),
		"429":                   fakebackend.JSON(429, "{}"),
		"503 with its time":     fakebackend.JSON(503, "{}", "Retry-After: 60"),
		"the gateway's own key": fakebackend.JSON(401, "{}"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := fakebackend.New(t, reply)
			g := startBefore(t, several{"a": a}, quiet+"breaker: {failures: 1, open: 1h}\nmodels: {m: {targets: [{upstream: a}]}}\n", nil)
			for range 3 {
				g.complete(plainBody)
			}
			if calls(a) != 3 {
				t.Errorf("%d calls", calls(a))
			}
		})
	}
}

func TestCircuitOfCallersWhoLeave(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	arrived := make(chan struct{}, 1)
	stall := func(c *fakebackend.Conn, _ *fakebackend.Request) {
		arrived <- struct{}{}
		<-c.Gone()
		close(gone)
	}
	a := fakebackend.New(t, stall, fakebackend.JSON(200, answered))
	g := startBefore(t, several{"a": a}, quiet+"breaker: {failures: 1, open: 1h}\nmodels: {m: {targets: [{upstream: a}]}}\n", nil)
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan struct{})
	go func() {
		defer close(left)
		resp, err := g.client.Do(g.request(ctx, "POST", completions, strings.NewReader(plainBody)))
		if err == nil {
			_ = resp.Body.Close()
		}
	}()
	<-arrived
	cancel()
	<-left
	<-gone
	g.eventually(`specgate_upstream_attempts_total{outcome="cancelled",upstream="a"}`, "1")
	if got := g.complete(plainBody); got.status != 200 {
		t.Errorf("%d", got.status)
	}
}

// A stream that breaks is a failure like any, and one that ends is none.
func TestCircuitOfStreams(t *testing.T) {
	t.Parallel()
	broken := func(c *fakebackend.Conn, _ *fakebackend.Request) {
		c.Head(200, fakebackend.EventStream)
		c.Chunk(fakebackend.Data(first))
		c.Reset()
	}
	a := fakebackend.New(t, fakebackend.Events(whole), broken)
	g := startBefore(t, several{"a": a}, quiet+"breaker: {failures: 1, open: 1h}\nmodels: {m: {targets: [{upstream: a}]}}\n", nil)
	for range 2 {
		g.complete(streamed)
	}
	refusedWithAWait(t, g.complete(streamed))
	g.mustCount(`specgate_upstream_attempts_total{outcome="ok",upstream="a"}`, "1")
	g.mustCount(`specgate_upstream_attempts_total{outcome="failed",upstream="a"}`, "1")
	g.mustCount(`specgate_upstream_attempts_total{outcome="withheld",upstream="a"}`, "0")
}

// tried is an answer, or why there was none, on another goroutine than the test's.
type tried struct {
	status int
	body   string
	err    error
}

// try asks for a completion.
func (g *running) try(header ...string) (got tried) {
	resp, err := g.client.Do(g.request(context.Background(), "POST", completions, strings.NewReader(plainBody), header...))
	if err != nil {
		return tried{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	return tried{resp.StatusCode, string(raw), err}
}

// held is a backend that answers when it is let, and tells when it is asked.
func held(reply fakebackend.Reply) (at fakebackend.Reply, asked, let chan struct{}) {
	asked, let = make(chan struct{}, 16), make(chan struct{})
	return func(c *fakebackend.Conn, r *fakebackend.Request) {
		asked <- struct{}{}
		if c.Await(let) {
			reply(c, r)
		}
	}, asked, let
}

func TestPlacesAndTheQueue(t *testing.T) {
	t.Parallel()
	reply, asked, let := held(fakebackend.JSON(200, answered))
	a := fakebackend.New(t, reply)
	g := startBefore(t, several{"a": a}, quiet+"models: {m: {targets: [{upstream: a}]}}\n", map[string]string{"a": ", max_concurrent: 1, max_queue: 1"})
	got := make(chan tried, 2)
	go func() { got <- g.try() }()
	<-asked
	go func() { got <- g.try() }()
	g.eventually(`specgate_upstream_queued{upstream="a"}`, "1")
	g.mustCount(`specgate_upstream_inflight{upstream="a"}`, "1")
	refusedWithAWait(t, g.complete(plainBody))
	g.mustCount(unavailable("busy"), "1")
	if calls(a) != 1 {
		t.Errorf("%d calls", calls(a))
	}
	close(let)
	for range 2 {
		if one := <-got; one.err != nil || one.status != 200 {
			t.Errorf("%+v", one)
		}
	}
	g.mustCount(`specgate_upstream_inflight{upstream="a"}`, "0")
	g.mustCount(`specgate_upstream_queued{upstream="a"}`, "0")
	g.mustCount(`specgate_upstream_attempts_total{outcome="withheld",upstream="a"}`, "1")
}

func TestQueueHasItsTime(t *testing.T) {
	t.Parallel()
	reply, asked, let := held(fakebackend.JSON(200, answered))
	g := startBefore(t, several{"a": fakebackend.New(t, reply)}, quiet+"models: {m: {targets: [{upstream: a}]}}\n", map[string]string{"a": ", max_concurrent: 1, queue_timeout: 1ms"})
	got := make(chan tried, 1)
	go func() { got <- g.try() }()
	<-asked
	refusedWithAWait(t, g.complete(plainBody))
	close(let)
	<-got
}

// A full backend is passed over while another has room.
func TestFullBackendsArePassedOver(t *testing.T) {
	t.Parallel()
	reply, asked, let := held(fakebackend.JSON(200, answered))
	backends := several{"a": fakebackend.New(t, reply), "b": fakebackend.New(t, fakebackend.JSON(200, answered))}
	g := startBefore(t, backends, quiet+"models: {m: {targets: [{upstream: a, weight: 100}, {upstream: b}]}}\n", map[string]string{"a": ", max_concurrent: 1"})
	got := make(chan tried, 1)
	go func() { got <- g.try() }()
	<-asked
	for range 3 {
		if got := g.complete(plainBody); got.status != 200 || from(got) != "b" {
			t.Errorf("%d from %s", got.status, from(got))
		}
	}
	close(let)
	<-got
}

// A stream has its place until it ends.
func TestStreamsHoldTheirPlace(t *testing.T) {
	t.Parallel()
	end := make(chan struct{})
	reply := func(c *fakebackend.Conn, _ *fakebackend.Request) {
		c.Head(200, fakebackend.EventStream)
		c.Chunk(fakebackend.Data(first))
		if c.Await(end) {
			c.Chunk(fakebackend.Data(last, "[DONE]"))
			c.End()
		}
	}
	a := fakebackend.New(t, reply)
	g := startBefore(t, several{"a": a}, quiet+"models: {m: {targets: [{upstream: a}]}}\n", map[string]string{"a": ", max_concurrent: 1, max_queue: 0"})
	in := g.open()
	readLine(t, in)
	refusedWithAWait(t, g.complete(plainBody))
	close(end)
	readRest(t, in)
	if got := g.complete(streamed); got.status != 200 {
		t.Errorf("afterwards: %d", got.status)
	}
}

// A backend that does not answer the question whether it is well gets no requests while another is.
func TestIllBackendsArePassedOver(t *testing.T) {
	t.Parallel()
	ill := func(c *fakebackend.Conn, r *fakebackend.Request) {
		if r.Method == "GET" {
			fakebackend.JSON(503, "{}")(c, r)
			return
		}
		fakebackend.JSON(200, answered)(c, r)
	}
	backends := several{"a": fakebackend.New(t, ill), "b": fakebackend.New(t, fakebackend.JSON(200, answered))}
	g := startBefore(t, backends, "upstream: {expose: true}\nhealth: {interval: 5ms, path: /healthy}\n"+twoTargets, nil)
	g.eventually(`specgate_upstream_healthy{upstream="a"}`, "0")
	if got := g.complete(plainBody); from(got) != "b" {
		t.Errorf("%d from %q", got.status, from(got))
	}
	if path := backends["a"].Requests()[0].Path; path != "/v1/healthy" {
		t.Errorf("asked at %s", path)
	}
	g.log.await(t, `"health of an upstream"`, `"upstream":"a"`, `"state":"unhealthy"`)
	g.mustCount(`specgate_upstream_healthy{upstream="b"}`, "1")
}

// Where nobody is well, one who is not is better than nothing; and /readyz has no part in it.
func TestIllBackendsAreTheLastResort(t *testing.T) {
	t.Parallel()
	ill := func(c *fakebackend.Conn, r *fakebackend.Request) {
		if r.Method == "GET" {
			c.Reset()
			return
		}
		fakebackend.JSON(200, answered)(c, r)
	}
	g := startBefore(t, several{"a": fakebackend.New(t, ill)}, "upstream: {expose: true}\nhealth: {interval: 5ms}\nmodels: {m: {targets: [{upstream: a}]}}\n", nil)
	g.eventually(`specgate_upstream_healthy{upstream="a"}`, "0")
	if got := g.complete(plainBody); got.status != 200 || from(got) != "a" {
		t.Errorf("%d from %q", got.status, from(got))
	}
	if got := g.do(g.request(t.Context(), "GET", "/readyz", nil)); got.status != 200 {
		t.Errorf("/readyz: %d", got.status)
	}
}

func TestModelsOfManyBackends(t *testing.T) {
	t.Parallel()
	list := func(ids ...string) fakebackend.Reply {
		for i := range ids {
			ids[i] = `{"id":"` + ids[i] + `","object":"model","created":7,"owned_by":"them","max_model_len":4096}`
		}
		return fakebackend.JSON(200, `{"object":"list","data":[`+strings.Join(ids, ",")+`]}`)
	}
	backends := several{
		"a":    fakebackend.New(t, list("llama-1", "other", "exact", "llama-secret")),
		"b":    fakebackend.New(t, list("llama-1", "llama-2", "qwen-1")),
		"dead": nil,
		"mute": fakebackend.New(t, fakebackend.JSON(500, "{}")),
	}
	g := startBefore(t, backends, quiet+`
models:
  exact: {targets: [{upstream: a}]}
  alias: {targets: [{upstream: dead, model: there}]}
  "llama-*": {targets: [{upstream: a}, {upstream: b}, {upstream: dead}, {upstream: mute}]}
  "qwen-*": {targets: [{upstream: b, model: one}]}
auth: {tokens: [{token: sg-test-token}, {token: sg-bound, models: ["llama-*"]}]}
`, nil)
	ids := func(header ...string) (ids []string) {
		var models gen.ModelList
		if err := json.Unmarshal([]byte(g.send("GET", "/v1/models", "", header...).body), &models); err != nil {
			t.Fatal(err)
		}
		for _, m := range models.Data {
			ids = append(ids, m.Id)
		}
		return ids
	}
	for range 2 {
		if diff := cmp.Diff([]string{"alias", "exact", "llama-1", "llama-secret", "llama-2"}, ids()); diff != "" {
			t.Errorf("models (-want +got):\n%s", diff)
		}
	}
	if got := ids("Authorization: Bearer sg-bound"); !slices.Equal(got, []string{"llama-1", "llama-secret", "llama-2"}) {
		t.Errorf("of a bound token: %q", got)
	}
	if n := len(backends["a"].Requests()); n != 1 {
		t.Errorf("a was asked %d times", n)
	}
	// Whether llama-3 is on the lists that nobody has is not known.
	for id, status := range map[string]int{"alias": 200, "llama-2": 200, "other": 404, "qwen-1": 404, "llama-3": 502} {
		if got := g.send("GET", "/v1/models/"+id, ""); got.status != status {
			t.Errorf("%s: %d", id, got.status)
		}
	}
	if got := g.send("GET", "/v1/models/llama-2", ""); !strings.Contains(got.body, `"max_model_len":4096`) {
		t.Errorf("what a backend says of its model is lost: %s", got.body)
	}
}

// A backend whose list failed is asked again soon; until it has told it, none of its models is said not to be.
func TestModelsOfABackendThatComesBack(t *testing.T) {
	t.Parallel()
	back := make(chan struct{})
	a := fakebackend.New(t, func(c *fakebackend.Conn, r *fakebackend.Request) {
		select {
		case <-back:
			fakebackend.JSON(200, `{"object":"list","data":[{"id":"x-1","object":"model","created":7,"owned_by":"them"}]}`)(c, r)
		default:
			fakebackend.JSON(503, "{}")(c, r)
		}
	})
	g := startBefore(t, several{"a": a}, quiet+"models: {'x-*': {targets: [{upstream: a}]}}\n", nil)
	if got := g.send("GET", "/v1/models", ""); got.status != 200 || strings.Contains(got.body, "x-1") {
		t.Errorf("the list: %d %s", got.status, got.body)
	}
	if got := tell(t, g.send("GET", "/v1/models/x-1", "")); got.Status != 502 || got.Code != "upstream_error" {
		t.Errorf("the model: %+v", got)
	}
	close(back)
	for end := time.Now().Add(bounded); ; {
		got := g.send("GET", "/v1/models/x-1", "")
		if got.status == 200 {
			break
		}
		if got.status != 502 || time.Now().After(end) {
			t.Fatalf("afterwards: %d", got.status)
		}
	}
	if got := g.send("GET", "/v1/models/x-2", ""); got.status != 404 {
		t.Errorf("another: %d", got.status)
	}
	if got := g.send("GET", "/v1/models", ""); !strings.Contains(got.body, "x-1") {
		t.Errorf("the list afterwards: %s", got.body)
	}
}

// What a kind of backend would ignore goes to one that would not, and is refused where there is none.
func TestTargetsThatCannot(t *testing.T) {
	t.Parallel()
	const echo = `{"model":"m","prompt":"x","echo":true}`
	backends := several{"a": fakebackend.New(t, fakebackend.JSON(200, answered)), "b": fakebackend.New(t, fakebackend.JSON(200, answered))}
	g := startBefore(t, backends, quiet+"models:\n  m: {targets: [{upstream: a, weight: 9}, {upstream: b}]}\n  n: {targets: [{upstream: a}]}\n  o: {targets: [{upstream: a}], unsupported: pass}\n",
		map[string]string{"a": ", kind: llamacpp"})
	for range 3 {
		if got := g.complete(echo); got.status != 200 || from(got) != "b" || got.header.Get("X-Specgate-Attempts") != "1" {
			t.Errorf("%d from %q", got.status, from(got))
		}
	}
	if got := tell(t, g.complete(strings.Replace(echo, `"m"`, `"n"`, 1))); got.Status != 422 || got.Code != "unsupported_parameter" || !strings.Contains(got.Message, "model n") {
		t.Errorf("%+v", got)
	}
	if got := g.complete(strings.Replace(echo, `"m"`, `"o"`, 1)); got.status != 200 || from(got) != "a" {
		t.Errorf("%d from %q", got.status, from(got))
	}
}

// A request that is split is sent elsewhere as a whole, where no part of it can have run, and not where
// one may have.
func TestSplitRequestsFailOver(t *testing.T) {
	t.Parallel()
	const two = `{"model":"m","prompt":["x","y"],"max_tokens":1}`
	both := func(width int) map[string]string {
		kinds := fmt.Sprintf(", kind: ollama, fanout_width: %d", width)
		return map[string]string{"a": kinds, "b": kinds}
	}
	for name, test := range map[string]struct {
		first  *fakebackend.Backend
		width  int
		status int
	}{
		"nobody there":              {nil, 1, 200},
		"nobody there, together":    {nil, 8, 200},
		"refused at once":           {fakebackend.New(t, fakebackend.JSON(503, "{}")), 1, 200},
		"refused together":          {fakebackend.New(t, fakebackend.JSON(429, "{}"), slowly(fakebackend.JSON(429, "{}"))), 8, 200},
		"refused half way":          {fakebackend.New(t, fakebackend.JSON(200, answered), fakebackend.JSON(503, "{}")), 1, 503},
		"refused while one answers": {fakebackend.New(t, fakebackend.JSON(503, "{}"), slowly(fakebackend.JSON(200, answered))), 8, 503},
		"reset at once":             {fakebackend.New(t, fakebackend.Reset("")), 1, 200},
		"reset half way":            {fakebackend.New(t, fakebackend.JSON(200, answered), fakebackend.Reset("")), 1, 502},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backends := several{"a": test.first, "b": fakebackend.New(t, fakebackend.JSON(200, answered))}
			g := startBefore(t, backends, quiet+"retry: {on_reset: true}\n"+twoTargets, both(test.width))
			if got := g.complete(two); got.status != test.status {
				t.Errorf("%d: %s", got.status, got.body)
			}
			if n, again := calls(backends["b"]), test.status == 200; (n > 0) != again {
				t.Errorf("the other backend was asked %d times", n)
			}
		})
	}
}
