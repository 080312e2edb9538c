package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
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

// Health checks are for everybody; metrics and profiles for those who have the token. Callers' tokens are none.
func TestOperationsToken(t *testing.T) {
	t.Parallel()
	g := startWith(t, "ops: {token: ops-secret, pprof: true}\n", fakebackend.JSON(200, answered))
	for path, want := range map[string]int{
		"/healthz": 200, "/readyz": 200, "/metrics": 401, "/debug/pprof/": 401, "/debug/pprof/heap": 401, "/nowhere": 401,
	} {
		for _, header := range [][]string{nil, {"Authorization: Bearer " + testToken}, {"Authorization: Bearer ops-secretx"}, {"Authorization: Basic ops-secret"}} {
			if got := g.operate(path, header...); got.status != want {
				t.Errorf("%s with %q: %d", path, header, got.status)
			}
		}
	}
	for path, want := range map[string]int{"/metrics": 200, "/debug/pprof/": 200, "/debug/pprof/heap": 200, "/nowhere": 404} {
		if got := g.operate(path, "Authorization: Bearer ops-secret"); got.status != want {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	if got := g.send("GET", "/debug/pprof/", "", "Authorization: Bearer ops-secret"); got.status != 404 {
		t.Errorf("profiles for callers: %d", got.status)
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
