package main

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/specgate/specgate/internal/fakebackend"
)

// linesOf are the lines of the log that have an id.
func (l *logbook) linesOf(id string) (all []string) {
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, `"id":"`+id+`"`) {
			all = append(all, line)
		}
	}
	return all
}

// Whatever becomes of a request, it has one line, a second one where something failed, which says why, and one id and one
// trace in the answer, the log, the spans, the exemplars and at the backend.
func TestOneIDEverywhere(t *testing.T) {
	t.Parallel()
	const streamed = `{"model":"m","prompt":"x","stream":true}`
	const limited = "Authorization: Bearer sg-one-request"
	reply, asked, _ := held(nil)
	begun := "HTTP/1.1 200 OK\r\n" + fakebackend.EventStream + "\r\nConnection: close\r\n\r\n" + fakebackend.Data(first)
	g, r := startTraced(t, nil, "auth: {tokens: [{token: "+testToken+"}, {token: sg-one-request, limits: {requests_per_minute: 1}}]}\n", script{
		"ok": fakebackend.JSON(200, answered), "stream": fakebackend.Events(fakebackend.Data(first, last, "[DONE]")), "leaves": reply,
		"models": fakebackend.JSON(200, `{"data":[{"id":"m"}]}`), "first": fakebackend.JSON(200, answered), "busy": fakebackend.JSON(429, "{}"),
		"failed": fakebackend.Reset(""), "broken": fakebackend.Reset(begun), "no-models": fakebackend.JSON(500, "{}"),
	}.reply)
	for _, test := range []struct {
		id, method, path, body string
		header                 []string
		status, code           string
		asked, fails           bool // whether the backend is, and the log says why it failed
	}{
		{id: "ok", method: "POST", path: completions, body: plainBody, status: "200", asked: true},
		{id: "stream", method: "POST", path: completions, body: streamed, status: "200", asked: true},
		{id: "no-token", method: "POST", path: completions, body: plainBody, header: []string{"Authorization:"}, status: "401", code: "invalid_api_key"},
		{id: "invalid", method: "POST", path: completions, body: `{"model":"m"}`, status: "422", code: "missing"},
		{id: "first", method: "POST", path: completions, body: plainBody, header: []string{limited}, status: "200", asked: true},
		{id: "limited", method: "POST", path: completions, body: plainBody, header: []string{limited}, status: "429", code: "rate_limit_exceeded"},
		{id: "busy", method: "POST", path: completions, body: plainBody, status: "429", asked: true},
		{id: "failed", method: "POST", path: completions, body: plainBody, status: "502", code: "upstream_error", asked: true, fails: true},
		{id: "broken", method: "POST", path: completions, body: streamed, status: "200", code: "upstream_error", asked: true, fails: true},
		{id: "leaves", method: "POST", path: completions, body: plainBody, status: "499", code: "client_closed", asked: true},
		{id: "models", method: "GET", path: "/v1/models", status: "200", asked: true},
		{id: "no-models", method: "GET", path: "/v1/models", status: "500", asked: true, fails: true},
		{id: "nowhere", method: "POST", path: "/v1/nowhere", body: "{}", status: "404", code: "not_found"},
		{id: "no-method", method: "PUT", path: completions, body: "{}", status: "405", code: "method_not_allowed"},
	} {
		ctx, leave := context.WithCancel(t.Context())
		req := g.request(ctx, test.method, test.path, strings.NewReader(test.body), append(test.header, "X-Request-Id: "+test.id)...)
		if test.id == "leaves" {
			go func() { <-asked; leave() }()
		}
		if resp, err := g.client.Do(req); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if got := resp.Header.Get("X-Request-Id"); got != test.id {
				t.Errorf("%s: the answer has %q", test.id, got)
			}
		} else if test.status != "499" {
			t.Errorf("%s: %v", test.id, err)
		}
		leave()
		trace := r.of(test.id)[0].trace
		g.log.await(t, `"msg":"request"`, `"id":"`+test.id+`"`, `"status":`+test.status+`,`, `"code":"`+test.code, `"trace_id":"`+trace+`"`)
		all := strings.Join(g.log.linesOf(test.id), "")
		want := map[bool]int{false: 0, true: 1}[test.fails]
		if strings.Count(all, `"msg":"request"`) != 1 || strings.Count(all, `"level":"ERROR"`) != want || strings.Count(all, `"cause":`) != want || strings.Count(all, trace) != 1+want {
			t.Errorf("%s: the log has\n%s", test.id, all)
		}
		if test.asked {
			if sent := g.received(test.id).Header; !strings.Contains(sent.Get("Traceparent"), trace) {
				t.Errorf("%s: the backend was sent %v", test.id, sent)
			}
		}
		if test.method == "POST" && test.path == completions {
			told := g.operate("/metrics", "Accept: application/openmetrics-text").body
			if !strings.Contains(told, `request_id="`+test.id+`",trace_id="`+trace+`"`) && !strings.Contains(told, `trace_id="`+trace+`",request_id="`+test.id+`"`) {
				t.Errorf("%s: no exemplar of %s", test.id, trace)
			}
		}
	}
}
