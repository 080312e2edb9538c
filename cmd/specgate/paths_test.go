package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/specgate/specgate/internal/fakebackend"
)

// keyed is a path with a key in it, as some services have it, under which each way to fail goes by its name.
const keyed = "/" + secret + "-0a1b2c3d4e5f/v1"

// However a backend fails, nobody is told the path of its base URL.
func TestPathsOfBackendsAreKept(t *testing.T) {
	t.Parallel()
	silent := func(c *fakebackend.Conn, _ *fakebackend.Request) { c.Await(make(chan struct{})) }
	quote := `{"error":{"message":"no POST ` + keyed + `/completions; who is ` + secret + `-0a1b2c3d4e5f?","type":"` + secret + `-0a1b2c3d4e5f","param":"` + keyed + `","code":"` + keyed + `"}}`
	strange := httptest.NewUnstartedServer(http.NotFoundHandler())
	strange.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	strange.StartTLS()
	t.Cleanup(strange.Close)
	bases := map[string]string{
		"gone": deadAddress(t), "strange": strange.URL,
		"insecure": "https://" + strings.TrimPrefix(fakebackend.New(t, fakebackend.JSON(200, answered)).URL, "http://"),
		"unshaken": "https://" + listenAnywhere(t).Addr().String(),
	}
	for name, reply := range map[string]fakebackend.Reply{
		"silent":   silent,
		"redirect": fakebackend.Body(307, "", "", "Location: "+keyed+"/"),
		"no-path":  fakebackend.Body(404, "text/plain", "no "+keyed+"/completions"),
		"quoted":   fakebackend.JSON(404, quote),
		"failed":   fakebackend.JSON(500, quote),
		"detail":   fakebackend.JSON(422, `{"detail":[{"loc":["body","`+keyed+`"],"msg":"no `+keyed+`/completions","type":"`+keyed+`"}]}`),
		"in-band":  fakebackend.JSON(200, quote),
		"streamed": fakebackend.Events(fakebackend.Data(first, quote)),
		"no-http":  fakebackend.Raw("no " + keyed + "\r\n\r\n"),
		"hung-up":  fakebackend.Raw(""),
	} {
		bases[name] = fakebackend.New(t, reply).URL
	}
	settings, models := "upstreams:\n", "models:\n"
	for name, base := range bases {
		settings += fmt.Sprintf("  %s: {base_url: '%s%s', timeouts: {connect: 300ms, first_byte: 300ms}}\n", name, base, keyed)
		models += fmt.Sprintf("  %s: {targets: [{upstream: %s}]}\n", name, name)
	}
	g, r := startTraced(t, nil, settings+models+"health: {interval: 10ms, timeout: 300ms}\nupstream: {expose: true}\nbreaker: {failures: 0}\nretry: {attempts: 1}\n")
	told := map[string]string{}
	for name := range bases {
		for kind, more := range map[string]string{"plain": "", "stream": `,"stream":true`} {
			got := g.do(g.request(t.Context(), "POST", completions, strings.NewReader(`{"model":"`+name+`","prompt":"x"`+more+`}`), "X-Request-Id: "+name+"."+kind))
			told["the answer of "+name] += fmt.Sprint(got.header, got.body)
			r.of(name + "." + kind)
		}
		told["the models of "+name] = g.send("GET", "/v1/models/"+name, "").body
	}
	g.log.await(t, `"health of an upstream"`, `"upstream":"gone"`, `"unhealthy"`)
	told["the list of models"], told["/readyz"], told["the metrics"], told["the log"] = g.send("GET", "/v1/models", "").body, g.operate("/readyz").body, g.metrics(), g.log.String()
	r.mu.Lock()
	defer r.mu.Unlock()
	told["the trace"] = r.raw.String()
	for where, text := range told {
		if at := strings.Index(text, secret); at >= 0 {
			t.Errorf("%s has it: %q", where, text[max(0, at-120):min(len(text), at+60)])
		}
	}
	if n := strings.Count(told["the log"], `"msg":"request failed"`); n < len(bases) || !strings.Contains(told["/readyz"], `"gone":"unhealthy"`) || len(r.spans) < 5*len(bases) {
		t.Errorf("%d failures are logged, /readyz tells %s, and %d spans came", n, told["/readyz"], len(r.spans))
	}
}
