package main

import (
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/fakebackend"
)

// To the backend go the headers that are named here, and nothing else of the caller's.
func TestHeadersThatGoToTheBackend(t *testing.T) {
	t.Parallel()
	g := start(t, func(c *fakebackend.Conn, r *fakebackend.Request) {
		switch {
		case r.Method == "GET":
			fakebackend.JSON(200, `{"object":"list","data":[]}`)(c, r)
		case strings.Contains(string(r.Body), "stream"):
			fakebackend.Events(whole)(c, r)
		default:
			fakebackend.JSON(200, answered)(c, r)
		}
	})
	const trace, state = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "vendor=1,other=2"
	sent := []string{
		"Content-Type: Application/JSON; charset=utf-8", "Accept: */*", "Accept-Language: de", "Accept-Encoding: gzip, deflate", "User-Agent: OpenAI/Python 2.0",
		"X-Request-Id: mine", "Traceparent: " + trace, "Tracestate: " + state, "OpenAI-Organization: org-caller", "OpenAI-Project: proj_caller",
		"Cookie: session=1", "X-Api-Key: x", "X-Stainless-Lang: python", "X-Forwarded-For: 10.0.0.1", "Forwarded: for=10.0.0.1", "Idempotency-Key: x",
		"X-Idempotency-Key: x", "Baggage: x=y", "Referer: http://x", "Origin: http://x", "Proxy-Authorization: Basic eDp5", "X-Base-Url: http://evil", "Te: trailers", "Expect: 100-continue",
		"Openai-Beta: x", "Via: 1.1 x", "Range: bytes=0-1", "If-None-Match: x", "X-Http-Method-Override: DELETE",
	}
	want := http.Header{
		"Authorization": {"Bearer " + testKey}, "Content-Type": {"application/json"}, "Accept": {"application/json"}, "User-Agent": {"OpenAI/Python 2.0"},
		"X-Request-Id": {"mine"}, "Traceparent": {trace}, "Tracestate": {state}, "Openai-Organization": {"org-backend"}, "Openai-Project": {"proj_backend"},
	}
	g.complete(plainBody, sent...)
	g.complete(streamed, sent...)
	g.send("GET", "/v1/models", "", sent...)
	requests := g.backend.Requests()
	if len(requests) != 3 {
		t.Fatalf("the backend got %d requests", len(requests))
	}
	ofStream, ofModels := maps.Clone(want), maps.Clone(want)
	ofStream["Accept"] = []string{"text/event-stream"}
	delete(ofModels, "Content-Type")
	for i, want := range []http.Header{want, ofStream, ofModels} {
		if diff := cmp.Diff(want, requests[i].Header); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", requests[i].Method, requests[i].Path, diff)
		}
		if host := strings.TrimPrefix(g.backend.URL, "http://"); requests[i].Host != host {
			t.Errorf("Host: %s, want %s", requests[i].Host, host)
		}
	}
	if path := requests[0].Path; path != completions {
		t.Errorf("the backend was asked at %s", path)
	}
}

// Where nothing is configured, nothing is made up; and the query stays here.
func TestHeadersWithoutAKey(t *testing.T) {
	t.Parallel()
	g := startWith(t, "upstreams: {plain: {base_url: '${OPENAI_BASE_URL}'}}\n", fakebackend.JSON(200, answered))
	g.send("POST", completions+"?api_key=x&model=other", plainBody, "User-Agent: x", "X-Request-Id: id-1")
	r := g.received("id-1")
	want := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}, "User-Agent": {"x"}, "X-Request-Id": {"id-1"}}
	if diff := cmp.Diff(want, r.Header); diff != "" || r.Path != completions {
		t.Errorf("%s (-want +got):\n%s", r.Path, diff)
	}
}

// The id is the caller's where it is sane, else a new one; it is the same on all three sides.
func TestRequestIDsAreEverywhere(t *testing.T) {
	t.Parallel()
	g := start(t, fakebackend.JSON(200, answered))
	made := regexp.MustCompile(`^req_[0-9a-f]{32}$`)
	for sent, kept := range map[string]bool{
		"abc-123": true, many(128, "x"): true, "": false, many(129, "x"): false, "a b": false, "a\"b": false, "é": false,
	} {
		got := g.complete(plainBody, "X-Request-Id: "+sent).header.Get("X-Request-Id")
		if kept && got != sent || !kept && !made.MatchString(got) {
			t.Errorf("%q was answered with %q", sent, got)
		}
		g.received(got)
		g.log.await(t, `"msg":"request"`, `"id":"`+got+`"`)
	}
	for _, refused := range []answer{
		g.complete(`{}`), g.complete(plainBody, "Authorization:"), g.send("GET", "/none", ""), g.send("PUT", completions, ""),
	} {
		if id := refused.header.Get("X-Request-Id"); !made.MatchString(id) {
			t.Errorf("%d has the id %q", refused.status, id)
		}
	}
}
