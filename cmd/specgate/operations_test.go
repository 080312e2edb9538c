package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/fakebackend"
)

// operate asks the operations listener.
func (g *running) operate(path string, header ...string) answer {
	g.t.Helper()
	req := g.request(g.t.Context(), "GET", path, nil, append([]string{"Authorization: "}, header...)...)
	req.URL.Host = strings.TrimPrefix(g.ops, "http://")
	return g.do(req)
}

// Health checks are for everybody; metrics, profiles and parts for those who have the token. Callers' tokens are none.
func TestOperationsToken(t *testing.T) {
	t.Parallel()
	const token = "the-token-of-operators"
	g := startWith(t, "ops: {token: "+token+", pprof: true}\n", fakebackend.JSON(200, answered))
	for path, want := range map[string]int{
		"/healthz": 200, "/readyz": 200, "/metrics": 401, "/debug/pprof/": 401, "/debug/pprof/heap": 401, "/nowhere": 401,
	} {
		for _, header := range [][]string{nil, {"Authorization: Bearer " + testToken}, {"Authorization: Bearer " + token + "x"}, {"Authorization: Basic " + token}} {
			got := g.operate(path, header...)
			if got.status != want {
				t.Errorf("%s with %q: %d", path, header, got.status)
			}
			if got.status == 200 && got.body != `{"status":"ok"}`+"\n" {
				t.Errorf("%s with %q tells %s", path, header, got.body)
			}
		}
	}
	for path, want := range map[string]int{"/metrics": 200, "/debug/pprof/": 200, "/debug/pprof/heap": 200, "/nowhere": 404} {
		if got := g.operate(path, "Authorization: Bearer "+token); got.status != want {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	if got := g.operate("/readyz", "Authorization: Bearer "+token); !strings.Contains(got.body, `"upstreams":{"default":"unknown"}`) {
		t.Errorf("operators are told %s", got.body)
	}
	if got := g.send("GET", "/debug/pprof/", "", "Authorization: Bearer "+token); got.status != 404 {
		t.Errorf("profiles for callers: %d", got.status)
	}
	if told := g.operate("/metrics", "Authorization: Bearer "+token).body; !strings.Contains(told, `specgate_operations_refused_total{reason="token"} 16`) {
		t.Errorf("not counted:\n%s", told)
	}
	if n := strings.Count(g.log.String(), `"msg":"request for operations refused","reason":"token","from":"127.0.0.1:`); n != 1 {
		t.Errorf("%d lines of 16 refusals", n)
	}
}

// A name that anybody can have lead to this machine opens nothing on loopback, but where there is a token.
func TestOperationsByName(t *testing.T) {
	t.Parallel()
	const token = "the-token-of-operators"
	for settings, hosts := range map[string]map[string]int{
		"":                              {"evil.example": 403, "evil.example:8421": 403, "127.0.0.1.evil.example": 403, "localhost": 200, "LOCALHOST:1": 200, "127.0.0.1:1": 200, "[::1]:1": 200, "[::1]": 200},
		"ops: {token: " + token + "}\n": {"evil.example": 200},
	} {
		g := startWith(t, settings, fakebackend.JSON(200, answered))
		for host, want := range hosts {
			ask := func(path string) answer {
				req := g.request(t.Context(), "GET", path, nil, "Authorization: Bearer "+token)
				req.URL.Host, req.Host = strings.TrimPrefix(g.ops, "http://"), host
				return g.do(req)
			}
			if got := ask("/metrics"); got.status != want {
				t.Errorf("%q: %s: %d", settings, host, got.status)
			}
			if got := ask("/readyz"); got.status != 200 || strings.Contains(got.body, "upstreams") != (want == 200) {
				t.Errorf("%q: %s: %d %s", settings, host, got.status, got.body)
			}
		}
		if want := `specgate_operations_refused_total{reason="host"}`; settings == "" {
			g.mustCount(want, "3")
		}
	}
}

func TestProfilesAreOff(t *testing.T) {
	t.Parallel()
	g := start(t, fakebackend.JSON(200, answered))
	if got := g.operate("/debug/pprof/"); got.status != 404 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// Operators are told of each part; callers of none; and the gateway is ready all the same.
func TestReadyByPart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g := startBefore(t, several{"gone": nil, "well": fakebackend.New(t, fakebackend.JSON(200, `{"object":"list","data":[]}`))}, `auth: {mode: keys}
store: sqlite://`+filepath.Join(dir, "keys.db")+`
limits: {backend: "redis://127.0.0.1:1"}
models: {m: {targets: [{upstream: gone}, {upstream: well}]}}
health: {interval: 20ms}
`, nil)
	g.eventually(`specgate_upstream_healthy{upstream="gone"}`, "0")
	got := g.operate("/readyz")
	var told struct {
		Status string
		Parts  parts
	}
	if err := json.Unmarshal([]byte(got.body), &told); err != nil || got.status != 200 || told.Status != "ok" {
		t.Fatalf("%d %s: %v", got.status, got.body, err)
	}
	want := parts{Settings: "ok", Store: "ok", Limits: "ok", Usage: "ok", Upstreams: map[string]string{"gone": "unhealthy", "well": "ok"}}
	if diff := cmp.Diff(want, told.Parts); diff != "" {
		t.Errorf("parts (-want +got)\n%s", diff)
	}
	if got := g.do(g.request(t.Context(), "GET", "/readyz", nil)); got.status != 200 || got.body != `{"status":"ok"}`+"\n" {
		t.Errorf("callers are told %s", got.body)
	}
}

// The one upstream that gets whatever is asked for is asked whether it is well, as others are. What it says is for
// operators: requests go to it whatever that is. Any answer below 500 is that of a server which is there.
func TestTheOnlyUpstreamIsProbed(t *testing.T) {
	t.Parallel()
	const healthy = `specgate_upstream_healthy{upstream="default"}`
	var ill atomic.Bool
	g := startWith(t, "health: {interval: 20ms}\n", func(c *fakebackend.Conn, r *fakebackend.Request) {
		switch {
		case r.Method == "POST":
			fakebackend.JSON(200, answered)(c, r)
		case ill.Load():
			fakebackend.JSON(500, "{}")(c, r)
		default:
			fakebackend.JSON(401, `{"error":"no key"}`)(c, r)
		}
	})
	g.eventually(healthy, "1")
	ill.Store(true)
	g.eventually(healthy, "0")
	if got := g.operate("/readyz"); got.status != 200 || !strings.Contains(got.body, `"upstreams":{"default":"unhealthy"}`) {
		t.Errorf("operators are told %d %s", got.status, got.body)
	}
	if got := g.complete(plainBody); got.status != 200 {
		t.Errorf("it is not asked: %d %s", got.status, got.body)
	}
	if first := g.backend.Requests()[0]; first.Method+" "+first.Path != "GET /v1/models" {
		t.Errorf("it was asked for %s %s", first.Method, first.Path)
	}
	gone := startIn(t, map[string]string{"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}, "health: {interval: 1h}\n")
	gone.eventually(healthy, "0")
	if got := gone.operate("/readyz"); !strings.Contains(got.body, `"upstreams":{"default":"unhealthy"}`) {
		t.Errorf("of one that is not there, operators are told %s", got.body)
	}
}

// Where nobody asks an upstream, nothing is said of how it is.
func TestWhatIsNotKnownIsNotToldAsWell(t *testing.T) {
	t.Parallel()
	g := startIn(t, map[string]string{"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}, "health: {interval: 0s}\n")
	if got := g.complete(plainBody); got.status != 502 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if told := g.metrics(); strings.Contains(told, "specgate_upstream_healthy{") {
		t.Errorf("metrics:\n%s", told)
	}
	if got := g.operate("/readyz"); !strings.Contains(got.body, `"upstreams":{"default":"unknown"}`) {
		t.Errorf("operators are told %s", got.body)
	}
}
