package main

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/fakebackend"
)

// Each row of the contract's table of errors that a caller's own request brings about.
func TestRequestsThatAreRefused(t *testing.T) {
	t.Parallel()
	g := startWith(t, `
auth:
  tokens:
    - {token: sg-test-token}
    - {token: sg-bound, organizations: [org-one], projects: [proj_one], models: ["llama*", exact]}
limits: {body_timeout: 100ms}
`, fakebackend.JSON(200, answered))
	const bound = "Authorization: Bearer sg-bound"
	const llama = `{"model":"llama3.1:8b","prompt":"x"}`
	for name, test := range map[string]struct {
		method, path, body string
		header             []string
		want               told
		also               string // a header «Name: value»
	}{
		"malformed gzip":        {"POST", completions, plainBody, []string{"Content-Encoding: gzip"}, told{Status: 400, Type: "invalid_request_error", Code: "invalid_encoding"}, ""},
		"no token":              {"POST", completions, plainBody, []string{"Authorization:"}, told{Status: 401, Type: "invalid_request_error", Code: "invalid_api_key"}, "Www-Authenticate: Bearer"},
		"malformed token":       {"POST", completions, plainBody, []string{"Authorization: Basic c2c="}, told{Status: 401, Type: "invalid_request_error", Code: "invalid_api_key"}, "Www-Authenticate: Bearer"},
		"unknown token":         {"POST", completions, plainBody, []string{"Authorization: Bearer sg-unknown"}, told{Status: 401, Type: "invalid_request_error", Code: "invalid_api_key"}, "Www-Authenticate: Bearer"},
		"organization":          {"POST", completions, llama, []string{bound, "OpenAI-Organization: org-two"}, told{Status: 403, Type: "permission_error", Code: "organization_not_allowed"}, ""},
		"project":               {"POST", completions, llama, []string{bound, "OpenAI-Project: proj_two"}, told{Status: 403, Type: "permission_error", Code: "project_not_allowed"}, ""},
		"model":                 {"POST", completions, plainBody, []string{bound}, told{Status: 403, Type: "permission_error", Code: "model_not_allowed", Param: "model"}, ""},
		"model in disguise":     {"POST", completions, `{"\u006dodel":"l\u006cana","prompt":"x"}`, []string{bound}, told{Status: 403, Type: "permission_error", Code: "model_not_allowed", Param: "model"}, ""},
		"a header twice":        {"POST", completions, plainBody, []string{"OpenAI-Project: proj_a", "OpenAI-Project: proj_b"}, told{Status: 422, Type: "invalid_request_error", Code: "value_error", Param: "openai-project"}, ""},
		"no token, no document": {"POST", completions, "{", []string{"Authorization:"}, told{Status: 401, Type: "invalid_request_error", Code: "invalid_api_key"}, ""},
		"no token, no type":     {"POST", completions, plainBody, []string{"Authorization:", "Content-Type: text/plain", "OpenAI-Project: 1"}, told{Status: 401, Type: "invalid_request_error", Code: "invalid_api_key"}, ""},
		"project, no document":  {"POST", completions, "{", []string{bound, "OpenAI-Project: proj_two"}, told{Status: 403, Type: "permission_error", Code: "project_not_allowed"}, ""},
		"unknown path":          {"POST", "/v1/embeddings", "{}", nil, told{Status: 404, Type: "invalid_request_error", Code: "not_found"}, ""},
		"chat":                  {"POST", "/v1/chat/completions", "{}", nil, told{Status: 404, Type: "invalid_request_error", Code: "not_found"}, ""},
		"wrong method":          {"GET", completions, "", nil, told{Status: 405, Type: "invalid_request_error", Code: "method_not_allowed"}, "Allow: OPTIONS, POST"},
		"media type":            {"POST", completions, plainBody, []string{"Content-Type: text/plain"}, told{Status: 415, Type: "invalid_request_error", Code: "unsupported_media_type"}, ""},
		"content encoding":      {"POST", completions, plainBody, []string{"Content-Encoding: zstd"}, told{Status: 415, Type: "invalid_request_error", Code: "unsupported_media_type"}, ""},
		"headers":               {"POST", completions, plainBody, []string{"OpenAI-Project: 123"}, told{Status: 422, Type: "invalid_request_error", Code: "string_pattern_mismatch", Param: "openai-project"}, ""},
		"a model of nowhere":    {"GET", "/v1/models/none", "", []string{bound}, told{Status: 403, Type: "permission_error", Code: "model_not_allowed", Param: "model"}, ""},
	} {
		before := len(g.backend.Requests())
		answered := g.send(test.method, test.path, test.body, test.header...)
		got := tell(t, answered)
		if test.want.Param == "" {
			test.want.Param = "null"
		}
		if test.want.Message = got.Message; got.Message == "" || strings.Contains(got.Message, "sg-") {
			t.Errorf("%s: message %q", name, got.Message)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if header, value, ok := strings.Cut(test.also, ": "); ok && answered.header.Get(header) != value {
			t.Errorf("%s: %s is %q, want %q", name, header, answered.header.Get(header), value)
		}
		if strings.Contains(test.path, "chat") && !strings.Contains(got.Message, completions) {
			t.Errorf("%s: %s", name, got.Message)
		}
		if len(g.backend.Requests()) != before {
			t.Errorf("%s: the backend was asked", name)
		}
	}
	if got := g.complete(`{"model":"ll\u0061ma","prompt":"x"}`, bound); got.status != 200 {
		t.Errorf("an allowed model, escaped: got %d %s", got.status, got.body)
	}
	for _, header := range [][]string{
		{bound},
		{bound, "OpenAI-Organization: org-one", "OpenAI-Project: proj_one"},
		{"Authorization: bEARER sg-test-token"},
		{"OpenAI-Organization: 5eb7cf5a86d9755df3a6c593", "OpenAI-Project: 5eb7cf5a86d9755df3a6c593"},
		{"OpenAI-Organization: org-any", "OpenAI-Project: proj_any"},
		{"Content-Type: APPLICATION/json; charset=UTF-8; x=y"},
	} {
		if got := g.complete(llama, header...); got.status != 200 {
			t.Errorf("%v: got %d %s", header, got.status, got.body)
		}
	}
	mustTimeOut(t, strings.TrimPrefix(g.front, "http://"))
}

// mustTimeOut sends a body that stops coming.
func mustTimeOut(t *testing.T, address string) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(bounded))
	_, _ = conn.Write([]byte("POST /v1/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sg-test-token\r\nContent-Type: application/json\r\nContent-Length: 26\r\n\r\n{"))
	buf := make([]byte, 4096)
	n, err := conn.Read(buf)
	if err != nil || !strings.HasPrefix(string(buf[:n]), "HTTP/1.1 408 ") || !strings.Contains(string(buf[:n]), `"code":"request_timeout"`) {
		t.Errorf("got %s, %v", buf[:n], err)
	}
}

func TestTooManyAtOneTime(t *testing.T) {
	t.Parallel()
	g := startWith(t, "limits: {max_concurrent: 1}\n", func(c *fakebackend.Conn, _ *fakebackend.Request) {
		c.Head(200, fakebackend.EventStream)
		c.Await(nil)
	})
	g.open()
	got := g.complete(plainBody)
	g.mustCount(unavailable("overloaded"), "1")
	if e := tell(t, got); e.Status != 503 || e.Type != "server_error" || e.Code != "unavailable" || e.RetryAfter == "" {
		t.Errorf("got %+v", e)
	}
}
