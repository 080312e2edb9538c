package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/fakebackend"
)

const (
	callersKey  = "sk-callers-own-key"
	passthrough = "auth: {mode: passthrough}"
)

func TestPassthrough(t *testing.T) {
	t.Parallel()
	g := startWith(t, passthrough, fakebackend.JSON(200, answered))
	g.mustGet(200, "", callersKey, "OpenAI-Organization: org-callers", "OpenAI-Project: proj_callers", "X-Request-Id: named")
	g.mustGet(200, "", callersKey, "X-Request-Id: unnamed")
	for id, want := range map[string][3]string{
		"named":   {"Bearer " + callersKey, "org-callers", "proj_callers"},
		"unnamed": {"Bearer " + callersKey, "", ""},
	} {
		h := g.received(id).Header
		if got := [3]string{h.Get("Authorization"), h.Get("OpenAI-Organization"), h.Get("OpenAI-Project")}; got != want {
			t.Errorf("%s: the backend got %q", id, got)
		}
	}
	g.mustGet(401, "invalid_api_key", " ")
	if told := g.log.String() + g.metrics(); strings.Contains(told, callersKey) {
		t.Error("the caller's key is told")
	}
}

// What a backend says of a caller's key is the caller's to hear, and not a fault of the gateway's.
func TestPassthroughRefused(t *testing.T) {
	t.Parallel()
	for status, reply := range map[int]string{
		401: `{"error":{"message":"Incorrect API key.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}`,
		403: `{"error":"Forbidden"}`,
	} {
		g := startWith(t, passthrough, fakebackend.JSON(status, reply))
		g.mustGet(status, "", callersKey)
		for _, body := range []string{plainBody, `{"model":"m","prompt":"x","stream":true}`} {
			got := g.complete(body, "Authorization: Bearer "+callersKey)
			if got.status != status || status == 401 && got.header.Get("WWW-Authenticate") != "Bearer" {
				t.Errorf("got %d %v %s", got.status, got.header, got.body)
			}
		}
	}
}

// The parts of a request that is split bear the caller's key as well, and so does the list of models.
func TestPassthroughEverywhere(t *testing.T) {
	t.Parallel()
	g := startWith(t, passthrough+"\nupstreams: {b: {base_url: \"${OPENAI_BASE_URL}\", api_key: sk-backend-key, kind: llamacpp}}", fakebackend.JSON(200, answered))
	g.complete(`{"model":"m","prompt":["x","y"],"n":2}`, "Authorization: Bearer "+callersKey)
	g.send("GET", "/v1/models", "", "Authorization: Bearer "+callersKey)
	requests := g.backend.Requests()
	if len(requests) < 3 {
		t.Fatalf("the backend got %d requests", len(requests))
	}
	for _, r := range requests {
		if got := r.Header.Get("Authorization"); got != "Bearer "+callersKey {
			t.Errorf("the backend got %q", got)
		}
	}
}

func TestPassthroughNeedsABackend(t *testing.T) {
	got := invoke(t, "config check", map[string]string{"SPECGATE_AUTH_MODE": "passthrough"})
	if got.code != exitFailure || !strings.Contains(got.stderr, "auth.mode is passthrough, and there is no upstream") {
		t.Errorf("got %+v", got)
	}
}

// A call that is printed by mistake keeps the key to itself.
func TestCredentialsAreNotPrinted(t *testing.T) {
	own := &completion.Credentials{Token: callersKey, Organization: callersKey}
	text, _ := json.Marshal(own)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("", "own", own, "value", *own)
	for _, printed := range []string{string(text), log.String(), fmt.Sprintf("%v %+v %#v %s %q %x", own, *own, own, own, own, own)} {
		if strings.Contains(printed, callersKey) || strings.Contains(printed, "736b2d") {
			t.Errorf("printed %s", printed)
		}
	}
}
