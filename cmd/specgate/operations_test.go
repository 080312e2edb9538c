package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
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

// What anybody can have lead to this machine opens nothing on loopback, nor does a page of another site, but where there is
// a token.
func TestOperationsByName(t *testing.T) {
	t.Parallel()
	const token = "the-token-of-operators"
	const here = "Host: localhost"
	for settings, heads := range map[string]map[string]int{
		"ops: {pprof: true}\n": {
			"Host: evil.example": 403, "Host: evil.example:8421": 403, "Host: 127.0.0.1.evil.example": 403, "Host: 8.8.8.8": 403, "Host: 8.8.8.8:1": 403,
			"Host: [::1%evil.example]": 403, "Host: [::1%evil.example]:1": 403, "Host: ": 403, "Host: :1": 403, "Host: [2001:db8::1]": 403,
			here: 200, "Host: LOCALHOST:1": 200, "Host: 127.0.0.1:1": 200, "Host: 127.8.0.1": 200, "Host: [::1]:1": 200, "Host: [::1]": 200,
			here + "\r\nSec-Fetch-Site: cross-site": 403, here + "\r\nSec-Fetch-Site: same-site": 403,
			here + "\r\nSec-Fetch-Site: same-origin": 200, here + "\r\nSec-Fetch-Site: none": 200,
		},
		"ops: {token: " + token + ", pprof: true}\n": {"Host: evil.example": 200, here + "\r\nSec-Fetch-Site: cross-site": 200},
	} {
		g := startWith(t, settings, fakebackend.JSON(200, answered))
		for head, want := range heads {
			head += "\r\nAuthorization: Bearer " + token
			for _, path := range []string{"/metrics", "/debug/pprof/cmdline"} {
				if got := g.operateRaw(path, head); got.status != want {
					t.Errorf("%q: %q: %s: %d", settings, head, path, got.status)
				}
			}
			if got := g.operateRaw("/readyz", head); got.status != 200 || strings.Contains(got.body, "upstreams") != (want == 200) {
				t.Errorf("%q: %q: %d %s", settings, head, got.status, got.body)
			}
		}
		if !strings.Contains(settings, token) {
			g.mustCount(`specgate_operations_refused_total{reason="host"}`, "20")
			g.mustCount(`specgate_operations_refused_total{reason="site"}`, "4")
		}
	}
}

// operateRaw asks the operations listener with the lines of a head as they are, which clients would mend.
func (g *running) operateRaw(path, head string) answer {
	g.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(g.t.Context(), "tcp", strings.TrimPrefix(g.ops, "http://"))
	if err != nil {
		g.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\n%s\r\nConnection: close\r\n\r\n", path, head); err != nil {
		g.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		g.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return answer{status: resp.StatusCode, body: string(body)}
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
