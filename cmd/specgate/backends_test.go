package main

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/fakebackend"
)

// several are scripted backends by the name of their upstream.
type several map[string]*fakebackend.Backend

// startBefore runs a gateway in front of several backends, each an upstream of its name. settings follow
// the line of each upstream: those of an upstream stand in extra, by its name.
func startBefore(t *testing.T, backends several, settings string, extra map[string]string) *running {
	t.Helper()
	file := "upstreams:\n"
	for _, name := range slices.Sorted(maps.Keys(backends)) {
		base := deadAddress(t)
		if backends[name] != nil {
			base = backends[name].URL
		}
		file += fmt.Sprintf("  %s: {base_url: '%s/v1'%s}\n", name, base, extra[name])
	}
	path := filepath.Join(t.TempDir(), "specgate.yaml")
	if err := os.WriteFile(path, []byte(file+settings), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	if !strings.Contains(settings, "tokens:") {
		env["SPECGATE_API_KEY"] = testToken
	}
	cfg, err := config.Load(path, nil, func(name string) string { return env[name] })
	if err != nil {
		t.Fatalf("%v\n%s", err, file+settings)
	}
	g := &running{t: t, log: newLogbook(), ended: make(chan error, 1)}
	g.client = &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: bounded}
	g.serve(cfg)
	return g
}

// deadAddress is one on which nobody listens, and which nobody else gets while the test runs.
func deadAddress(t *testing.T) string {
	t.Helper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(socket) })
	if err := syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(socket)
	if err != nil {
		t.Fatal(err)
	}
	address, ok := name.(*syscall.SockaddrInet4)
	if !ok {
		t.Fatalf("the socket is bound to a %T", name)
	}
	return fmt.Sprintf("http://127.0.0.1:%d", address.Port)
}

// calls are how many completions a backend was asked for.
func calls(b *fakebackend.Backend) int {
	n := 0
	if b != nil {
		for _, r := range b.Requests() {
			if r.Method == "POST" {
				n++
			}
		}
	}
	return n
}

// eventually waits until a metric, given with its labels, is what it should be. It looks so many times, and not for
// so long: where the machine stands still in between, it looks again.
func (g *running) eventually(metric, want string) {
	g.t.Helper()
	const pause = 5 * time.Millisecond
	for range bounded / pause {
		if g.value(metric) == want {
			return
		}
		time.Sleep(pause)
	}
	g.t.Fatalf("%s never was %s\n%s\n%s", metric, want, notZero(g.metrics()), lastOf(g.log.String()))
}

// notZero are the gateway's own metrics that are not 0.
func notZero(metrics string) (lines string) {
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, "specgate_") && !strings.Contains(line, "_bucket{") && !strings.HasSuffix(line, " 0\n") {
			lines += line
		}
	}
	return lines
}

// lastOf is the end of a log that is long.
func lastOf(log string) string {
	const enough = 8 << 10
	return log[max(0, len(log)-enough):]
}

// quiet is for tests of what happens between requests alone.
const quiet = "health: {interval: 0}\nupstream: {expose: true}\n"

// of is a request for a model.
func of(model string) string { return `{"model":"` + model + `","prompt":"x"}` }

func from(got answer) string { return got.header.Get("X-Specgate-Upstream") }

func TestModelsGoToTheirTargets(t *testing.T) {
	t.Parallel()
	backends := several{}
	for _, name := range []string{"a", "b", "c", "d"} {
		backends[name] = fakebackend.New(t, fakebackend.JSON(200, answered))
	}
	g := startBefore(t, backends, quiet+`
models:
  "llama3.1:8b": {targets: [{upstream: a, model: meta/llama}]}
  "llama*": {targets: [{upstream: b}]}
  "llama3*": {targets: [{upstream: c}]}
  "*/exact": {targets: [{upstream: d}]}
`, nil)
	const spaced = `{ "m\u006fdel" : "llama3.1:\u0038b" ,"prompt":"<b>&\u2028", "seed": 9223372036854775807, "x":{"model":"llama3.1:8b"}}`
	for name, test := range map[string]struct{ body, upstream, sent string }{
		"an id before a pattern":       {of("llama3.1:8b"), "a", of("meta/llama")},
		"an id in escapes":             {spaced, "a", strings.Replace(spaced, `"llama3.1:\u0038b" ,`, `"meta/llama" ,`, 1)},
		"the longer pattern":           {of("llama3.2"), "c", of("llama3.2")},
		"the shorter pattern":          {of("llama2"), "b", of("llama2")},
		"the pattern, nothing to fill": {of("llama"), "b", of("llama")},
		"slashes":                      {of("a/b/exact"), "d", of("a/b/exact")},
	} {
		got := g.complete(test.body)
		if got.status != 200 || from(got) != test.upstream || got.header.Get("X-Specgate-Attempts") != "1" {
			t.Errorf("%s: %d from %q after %s", name, got.status, from(got), got.header.Get("X-Specgate-Attempts"))
			continue
		}
		all := backends[test.upstream].Requests()
		if diff := cmp.Diff(test.sent, string(all[len(all)-1].Body)); diff != "" {
			t.Errorf("%s: what was sent (-want +got):\n%s", name, diff)
		}
	}
	before := len(backends["d"].Requests())
	for _, model := range []string{"other", "Llama2", "exact"} {
		if got := tell(t, g.complete(of(model))); got.Status != 404 || got.Code != "model_not_found" || got.Param != "model" {
			t.Errorf("%s: %+v", model, got)
		}
	}
	if len(backends["d"].Requests()) != before {
		t.Error("a backend was asked for a model that is nowhere")
	}
}

// The caller's name for a model is in every answer, and no other byte of it changes.
func TestAnswersBearThePublicName(t *testing.T) {
	t.Parallel()
	const theirs = `{ "id":"c","object" : "text_completion","created":1000000000 ,"m\u006fdel" : "back\u0065nd/m", "x":[12345678901234567890,{"model":"backend/m"}],"choices":[{"text":"\"model\":\"backend/m\" <&>","index":0,"logprobs":null,"finish_reason":"stop"}]}`
	ours := strings.Replace(theirs, `"back\u0065nd/m",`, `"pub:<é>",`, 1)
	chunk := strings.ReplaceAll(theirs, `"x"`, `"y"`)
	a := fakebackend.New(t, fakebackend.JSON(200, theirs), fakebackend.Events(fakebackend.Data(chunk, theirs, "[DONE]")))
	g := startBefore(t, several{"a": a}, quiet+"models: {'pub:<é>': {targets: [{upstream: a, model: backend/m}]}}\n", nil)
	if got := g.complete(of("pub:<é>")); got.body != ours {
		t.Errorf("the answer (-want +got):\n%s", cmp.Diff(ours, got.body))
	}
	want := fakebackend.Data(strings.ReplaceAll(ours, `"x"`, `"y"`), ours, "[DONE]")
	if got := g.complete(`{"model":"pub:\u003c\u00e9>","prompt":"x","stream":true}`); got.body != want {
		t.Errorf("the stream (-want +got):\n%s", cmp.Diff(want, got.body))
	}
}

// Without another name for it, a model in an answer is the backend's business.
func TestAnswersKeepTheirModel(t *testing.T) {
	t.Parallel()
	theirs := strings.Replace(answered, `"model":"m"`, `"model":"m-0613"`, 1)
	a := fakebackend.New(t, fakebackend.JSON(200, theirs))
	g := startBefore(t, several{"a": a}, quiet+"models: {m: {targets: [{upstream: a}]}}\n", nil)
	if got := g.complete(plainBody); got.body != theirs {
		t.Errorf("%s", got.body)
	}
}

func TestSharesAreKept(t *testing.T) {
	t.Parallel()
	backends := several{"a": fakebackend.New(t, fakebackend.JSON(200, answered)), "b": fakebackend.New(t, fakebackend.JSON(200, answered))}
	g := startBefore(t, backends, quiet+"models: {m: {targets: [{upstream: a, weight: 3}, {upstream: b}]}}\n", nil)
	for range 12 {
		g.complete(plainBody)
	}
	if a, b := calls(backends["a"]), calls(backends["b"]); a != 9 || b != 3 {
		t.Errorf("%d and %d, want 9 and 3", a, b)
	}
}

// What is sent again, and what is not: two targets, of which the second always answers.
func TestFailover(t *testing.T) {
	t.Parallel()
	const onReset = "retry: {on_reset: true}\n"
	for name, test := range map[string]struct {
		settings string
		extra    string
		first    fakebackend.Reply // nil for nobody
		status   int
		upstream string
		attempts string
	}{
		"nobody there":              {"", "", nil, 200, "b", "2"},
		"no retries":                {"retry: {attempts: 1}\n", "", nil, 502, "a", "1"},
		"429":                       {"", "", fakebackend.JSON(429, "{}", "Retry-After: 60"), 200, "b", "2"},
		"503":                       {"", "", fakebackend.JSON(503, "{}"), 200, "b", "2"},
		"500":                       {"", "", fakebackend.JSON(500, "{}"), 500, "a", "1"},
		"502":                       {"", "", fakebackend.JSON(502, "{}"), 502, "a", "1"},
		"504":                       {"", "", fakebackend.JSON(504, "{}"), 504, "a", "1"},
		"400":                       {"", "", fakebackend.JSON(400, "{}"), 400, "a", "1"},
		"its key refused":           {"", "", fakebackend.JSON(401, "{}"), 502, "a", "1"},
		"reset":                     {"", "", fakebackend.Reset(""), 502, "a", "1"},
		"reset, allowed":            {onReset, "", fakebackend.Reset(""), 200, "b", "2"},
		"reset in the head":         {onReset, "", fakebackend.Reset("HTTP/1.1 200"), 502, "a", "1"},
		"reset in the body":         {onReset, "", fakebackend.Reset("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), 502, "a", "1"},
		"too slow":                  {onReset, ", timeouts: {first_byte: 50ms}", fakebackend.Stall(""), 504, "a", "1"},
		"nonsense":                  {onReset, "", fakebackend.JSON(200, "{}"), 502, "a", "1"},
		"an error within an answer": {onReset, "", fakebackend.JSON(200, `{"error":{"message":"busy","code":503}}`), 502, "a", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backends := several{"a": nil, "b": fakebackend.New(t, fakebackend.JSON(200, answered))}
			if test.first != nil {
				backends["a"] = fakebackend.New(t, test.first)
			}
			g := startBefore(t, backends, quiet+test.settings+"models: {m: {targets: [{upstream: a}, {upstream: b, priority: 2}]}}\n", map[string]string{"a": test.extra})
			got := g.complete(plainBody, "X-Request-Id: it")
			if got.status != test.status || from(got) != test.upstream || got.header.Get("X-Specgate-Attempts") != test.attempts {
				t.Errorf("%d from %q after %q", got.status, from(got), got.header.Get("X-Specgate-Attempts"))
			}
			if got, want := calls(backends["b"]), test.upstream == "b"; (got > 0) != want {
				t.Errorf("the other backend was asked %d times", got)
			}
			g.log.await(t, `"id":"it"`, `"upstream":"`+test.upstream+`","attempts":`+test.attempts)
		})
	}
}

// Whatever the number of targets that fail before it, the last priority is reached by the first request, unless it is
// said how often one may be sent.
func TestEveryPriorityIsReached(t *testing.T) {
	t.Parallel()
	for retry, want := range map[string]told{"": {Status: 200, Param: "c 3"}, "retry: {attempts: 2}\n": {Status: 502, Param: " 2"}} {
		last := fakebackend.New(t, fakebackend.JSON(200, answered))
		g := startBefore(t, several{"a": nil, "b": nil, "c": last}, quiet+retry+
			"models: {m: {targets: [{upstream: a}, {upstream: b}, {upstream: c, priority: 2}]}}\n", nil)
		got := g.complete(plainBody)
		by := from(got)
		if got.status != 200 {
			by = ""
		}
		if diff := cmp.Diff(want, told{Status: got.status, Param: by + " " + got.header.Get("X-Specgate-Attempts")}); diff != "" {
			t.Errorf("%q (-want +got)\n%s", retry, diff)
		}
	}
}

func TestStreamFailover(t *testing.T) {
	t.Parallel()
	backends := several{"a": fakebackend.New(t, fakebackend.JSON(503, "{}")), "b": fakebackend.New(t, fakebackend.Events(whole))}
	g := startBefore(t, backends, quiet+"models: {m: {targets: [{upstream: a}, {upstream: b, priority: 2}]}}\n", nil)
	if got := g.complete(streamed); got.status != 200 || got.body != whole || from(got) != "b" {
		t.Errorf("%d from %q:\n%s", got.status, from(got), got.body)
	}
}

// What has begun is never begun again, whatever is allowed.
func TestStreamsAreNotReplayed(t *testing.T) {
	t.Parallel()
	broken := func(c *fakebackend.Conn, _ *fakebackend.Request) {
		c.Head(200, fakebackend.EventStream)
		c.Chunk(fakebackend.Data(first))
		c.Reset()
	}
	headAlone := func(c *fakebackend.Conn, _ *fakebackend.Request) {
		c.Head(200, fakebackend.EventStream)
		c.Reset()
	}
	for name, reply := range map[string]fakebackend.Reply{"after a chunk": broken, "after the headers": headAlone} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backends := several{"a": fakebackend.New(t, reply), "b": fakebackend.New(t, fakebackend.Events(whole))}
			g := startBefore(t, backends, quiet+"retry: {on_reset: true, attempts: 5}\nmodels: {m: {targets: [{upstream: a}, {upstream: b, priority: 2}]}}\n", nil)
			got := g.complete(streamed)
			if got.status != 200 || !strings.Contains(got.body, `"upstream_error"`) || strings.Contains(got.body, "[DONE]") {
				t.Errorf("%d:\n%s", got.status, got.body)
			}
			if calls(backends["a"]) != 1 || calls(backends["b"]) != 0 {
				t.Errorf("asked %d and %d times", calls(backends["a"]), calls(backends["b"]))
			}
		})
	}
}

// One target, which can only be asked again or not.
func TestRetriesOfOneTarget(t *testing.T) {
	t.Parallel()
	fine := fakebackend.JSON(200, answered)
	for name, test := range map[string]struct {
		first  fakebackend.Reply
		status int
		calls  int
		header string
	}{
		"429 passes at once":        {fakebackend.JSON(429, "{}", "Retry-After: 0", "X-RateLimit-Remaining-Requests: 0"), 429, 1, "X-Ratelimit-Remaining-Requests: 0"},
		"429 with its time":         {fakebackend.JSON(429, "{}", "Retry-After: 60"), 429, 1, "Retry-After: 60"},
		"503 that is soon over":     {fakebackend.JSON(503, "{}", "Retry-After: 0"), 200, 2, ""},
		"503, in milliseconds":      {fakebackend.JSON(503, "{}", "Retry-After: 60", "Retry-After-Ms: 1"), 200, 2, ""},
		"503 that is long":          {fakebackend.JSON(503, "{}", "Retry-After: 3"), 503, 1, "Retry-After: 3"},
		"503 that says nothing":     {fakebackend.JSON(503, "{}"), 503, 1, ""},
		"503 that says no time":     {fakebackend.JSON(503, "{}", "Retry-After: soon"), 503, 1, "Retry-After: soon"},
		"503 until a date gone by":  {fakebackend.JSON(503, "{}", "Retry-After: Mon, 02 Jan 2006 15:04:05 GMT"), 200, 2, ""},
		"503 until a date far away": {fakebackend.JSON(503, "{}", "Retry-After: Mon, 02 Jan 2096 15:04:05 GMT"), 503, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := fakebackend.New(t, test.first, fine)
			g := startBefore(t, several{"a": a}, quiet+"models: {m: {targets: [{upstream: a}]}}\n", nil)
			got := g.complete(plainBody)
			if got.status != test.status || calls(a) != test.calls {
				t.Errorf("%d after %d calls", got.status, calls(a))
			}
			if name, value, ok := strings.Cut(test.header, ": "); ok && got.header.Get(name) != value {
				t.Errorf("%s is %q", name, got.header.Get(name))
			}
		})
	}
}

// A backend that nobody reaches is asked again as often as is allowed, and no more.
func TestRetriesOfADeadBackend(t *testing.T) {
	t.Parallel()
	g := startBefore(t, several{"a": nil}, quiet+"retry: {attempts: 3}\nmodels: {m: {targets: [{upstream: a}]}}\n", nil)
	got := g.complete(plainBody)
	if got.status != 502 || got.header.Get("X-Specgate-Attempts") != "3" {
		t.Errorf("%d after %s attempts", got.status, got.header.Get("X-Specgate-Attempts"))
	}
	g.mustCount(`specgate_upstream_attempts_total{outcome="unreachable",upstream="a"}`, "3")
}

func TestBudgetOfRetries(t *testing.T) {
	t.Parallel()
	backends := several{"a": fakebackend.New(t, fakebackend.JSON(429, "{}")), "b": fakebackend.New(t, fakebackend.JSON(200, answered))}
	g := startBefore(t, backends, quiet+"retry: {budget: 0}\nmodels: {m: {targets: [{upstream: a}, {upstream: b, priority: 2}]}}\n", nil)
	var got []int
	for range 6 {
		got = append(got, g.complete(plainBody).status)
	}
	if diff := cmp.Diff([]int{200, 200, 200, 429, 429, 429}, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
}

// Nothing is told where nobody wants it told, and nothing where nobody was asked.
func TestUpstreamsAreHiddenByDefault(t *testing.T) {
	t.Parallel()
	g := start(t, fakebackend.JSON(200, answered), fakebackend.JSON(500, "{}"))
	for _, status := range []int{200, 500} {
		got := g.complete(plainBody, fmt.Sprintf("X-Request-Id: it-%d", status))
		if got.status != status || from(got) != "" || got.header.Get("X-Specgate-Attempts") != "" {
			t.Errorf("%d: %v", got.status, got.header)
		}
		g.log.await(t, fmt.Sprintf("it-%d", status), `"upstream":"default","attempts":1`)
	}
}

// What docs/routing.md shows is what can be run, and its list of outcomes is the one there is.
func TestDocsOfRouting(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/routing.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(page), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	path := filepath.Join(t.TempDir(), "specgate.yaml")
	if err := os.WriteFile(path, []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path, nil, func(name string) string {
		return map[string]string{"GPU_KEY": "a", "OPENAI_API_KEY": "b"}[name]
	})
	if err != nil || cfg.Notices != nil || len(cfg.Models) != 2 {
		t.Errorf("%v, %q", err, cfg.Notices)
	}
}
