package server_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/auth"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/server"
)

const valid = `{"model":"m","prompt":"x"}`

func zipped(tb testing.TB, text string) string {
	tb.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write([]byte(text)); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return buf.String()
}

func TestRefusals(t *testing.T) {
	r := start(t, nil)
	const completions = "/v1/completions"
	tests := []struct {
		name         string
		method, path string
		body         string
		header       []string
		status       int
		code         string
		answerHeader string // "Name: value"
	}{
		{"no token", "POST", completions, valid, []string{"Authorization: "}, 401, "invalid_api_key", "Www-Authenticate: Bearer"},
		{"another scheme", "POST", completions, valid, []string{"Authorization: Basic " + token}, 401, "invalid_api_key", ""},
		{"an unknown token", "POST", completions, valid, []string{"Authorization: Bearer sg-other"}, 401, "invalid_api_key", ""},
		{"a malformed token", "POST", completions, valid, []string{"Authorization: Bearer" + token}, 401, "invalid_api_key", ""},
		{"the scheme in capitals", "POST", completions, valid, []string{"Authorization: BEARER " + token}, 200, "", ""},
		{"no token for the models", "GET", "/v1/models", "", []string{"Authorization: "}, 401, "invalid_api_key", ""},
		{"the chat endpoint", "POST", "/v1/chat/completions", "{}", nil, 404, "not_found", ""},
		{"no token and no path", "GET", "/nothing", "", []string{"Authorization: "}, 404, "not_found", ""},
		{"a trailing slash", "POST", completions + "/", valid, nil, 404, "not_found", ""},
		{"another method", "GET", completions, "", nil, 405, "method_not_allowed", "Allow: OPTIONS, POST"},
		{"another method on the models", "DELETE", "/v1/models", "", nil, 405, "method_not_allowed", "Allow: OPTIONS, GET"},
		{"another method on a model", "DELETE", "/v1/models/m", "", nil, 405, "method_not_allowed", "Allow: OPTIONS, GET"},
		{"plain text", "POST", completions, valid, []string{"Content-Type: text/plain"}, 415, "unsupported_media_type", ""},
		{"no content type", "POST", completions, valid, []string{"Content-Type: "}, 415, "unsupported_media_type", ""},
		{"letter case and parameters of the type", "POST", completions, valid, []string{"Content-Type: Application/JSON; charset=utf-8"}, 200, "", ""},
		{"deflate", "POST", completions, valid, []string{"Content-Encoding: deflate"}, 415, "unsupported_media_type", ""},
		{"two encodings", "POST", completions, valid, []string{"Content-Encoding: gzip, gzip"}, 415, "unsupported_media_type", ""},
		{"not gzip", "POST", completions, valid, []string{"Content-Encoding: gzip"}, 400, "invalid_encoding", ""},
		{"gzip cut short", "POST", completions, zipped(t, valid)[:20], []string{"Content-Encoding: gzip"}, 400, "invalid_encoding", ""},
		{"gzip with something behind it", "POST", completions, zipped(t, valid) + "more", []string{"Content-Encoding: gzip"}, 400, "invalid_encoding", ""},
		{"too large", "POST", completions, strings.Repeat(" ", 1<<20+1), nil, 413, "body_too_large", ""},
		{"too large, and no token", "POST", completions, strings.Repeat(" ", 1<<20+1), []string{"Authorization: "}, 413, "body_too_large", ""},
		{"gzip that grows too large", "POST", completions, zipped(t, strings.Repeat(" ", 1<<20+1)), []string{"Content-Encoding: gzip"}, 413, "body_too_large", ""},
		{"an empty body", "POST", completions, "", nil, 422, "missing", ""},
		{"a malformed organization", "POST", completions, valid, []string{"OpenAI-Organization: acme"}, 422, "string_pattern_mismatch", ""},
		{"a malformed project on the models", "GET", "/v1/models", "", []string{"OpenAI-Project: x"}, 422, "string_pattern_mismatch", ""},
		{"a model's id that is too long", "GET", "/v1/models/" + strings.Repeat("m", 257), "", nil, 422, "string_too_long", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := r.send(tt.method, tt.path, tt.body, tt.header...)
			if got.status != tt.status || got.code() != tt.code {
				t.Fatalf("got %d %s, want %d %s\n%s", got.status, got.code(), tt.status, tt.code, got.body)
			}
			if name, value, ok := strings.Cut(tt.answerHeader, ": "); ok && got.header.Get(name) != value {
				t.Errorf("%s: got %q, want %q", name, got.header.Get(name), value)
			}
			if got.header.Get("X-Request-Id") == "" {
				t.Error("the answer has no x-request-id")
			}
			if got.status >= 400 && got.header.Get("Content-Type") != "application/json" {
				t.Errorf("the error is of type %q", got.header.Get("Content-Type"))
			}
		})
	}
}

func TestChatPathNamesCompletions(t *testing.T) {
	r := start(t, nil)
	if got := r.send("POST", "/v1/chat/completions", "{}"); !strings.Contains(got.body, "/v1/completions") {
		t.Errorf("the message does not say where completions are made: %s", got.body)
	}
}

func TestTwoViolationsInHeaders(t *testing.T) {
	r := start(t, nil)
	got := r.send("POST", "/v1/completions", valid, "OpenAI-Organization: acme", "OpenAI-Project: x")
	want := `{"detail":[` +
		`{"loc":["header","openai-organization"],"msg":"String should match pattern '^([0-9a-fA-F]{24}|org-[A-Za-z0-9_-]{1,64})$'","type":"string_pattern_mismatch"},` +
		`{"loc":["header","openai-project"],"msg":"String should match pattern '^([0-9a-fA-F]{24}|proj_[A-Za-z0-9_-]{1,64})$'","type":"string_pattern_mismatch"}],` +
		`"error":{"message":"header.openai-organization: String should match pattern '^([0-9a-fA-F]{24}|org-[A-Za-z0-9_-]{1,64})$'","type":"invalid_request_error","param":"openai-organization","code":"string_pattern_mismatch"}}` + "\n"
	if got.status != 422 || got.body != want {
		t.Errorf("got %d\n%s\nwant\n%s", got.status, got.body, want)
	}
}

func TestGrants(t *testing.T) {
	const org, project = "5eb7cf5a86d9755df3a6c593", "proj_one"
	r := start(t, func(o *server.Options) {
		o.Tokens = auth.Tokens{
			{Hash: auth.Hash("free"), Grant: auth.Grant{Name: "free"}},
			{Hash: auth.Hash("bound"), Grant: auth.Grant{Name: "bound", Organizations: []string{org}, Projects: []string{project}}},
		}
	})
	tests := []struct {
		name   string
		header []string
		status int
		code   string
	}{
		{"free, any", []string{"Authorization: Bearer free", "OpenAI-Organization: org-x", "OpenAI-Project: proj_x"}, 200, ""},
		{"bound, its own", []string{"Authorization: Bearer bound", "OpenAI-Organization: " + org, "OpenAI-Project: " + project}, 200, ""},
		{"bound, none named", []string{"Authorization: Bearer bound"}, 200, ""},
		{"bound, another organization", []string{"Authorization: Bearer bound", "OpenAI-Organization: org-x"}, 403, "organization_not_allowed"},
		{"bound, another project", []string{"Authorization: Bearer bound", "OpenAI-Project: proj_x"}, 403, "project_not_allowed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := r.send("POST", "/v1/completions", valid, tt.header...); got.status != tt.status || got.code() != tt.code {
				t.Errorf("got %d %s, want %d %s", got.status, got.code(), tt.status, tt.code)
			}
		})
	}
}

// What an operation is given is what was sent: nothing filled in, nothing decoded.
func TestBodyReachesTheOperationAsItCame(t *testing.T) {
	r := start(t, nil)
	bodies := map[string]string{
		"absent and null":  `{"model":"m","prompt":null,"n":null}`,
		"spacing and keys": "{ \"z\":1.0,\n\t\"prompt\" : \"<b>&\\u2028😀\" , \"model\":\"m\",\"seed\":9223372036854775807,\"top_k\":12345678901234567890 }\n",
		"a digit for key":  `{"model":"m","prompt":"x","logit_bias":{"50256":-100}}`,
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			if got := r.send("POST", "/v1/completions", body); got.status != 200 || got.body != body {
				t.Errorf("got %d\n%s\nwant\n%s", got.status, got.body, body)
			}
			if got := r.send("POST", "/v1/completions", zipped(t, body), "Content-Encoding: GZIP"); got.body != body {
				t.Errorf("from gzip: got %d\n%s\nwant\n%s", got.status, got.body, body)
			}
		})
	}
}

func TestModelIDs(t *testing.T) {
	r := start(t, nil)
	for path, id := range map[string]string{
		"llama3.1:8b": "llama3.1:8b", "org/model": "org/model", "org%2Fmodel": "org/model", "a%20b": "a b", "100%25": "100%", "a%252Fb": "a%2Fb",
	} {
		if got := r.send("GET", "/v1/models/"+path, ""); !strings.Contains(got.body, `"id":"`+id+`"`) {
			t.Errorf("%s: got %d %s", path, got.status, got.body)
		}
	}
}

func TestAnotherHostIsTheSameContract(t *testing.T) {
	r := start(t, nil)
	req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+r.addr+"/v1/completions", strings.NewReader(valid))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "api.example.org"
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	if got := r.do(req); got.status != 200 {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestRequestID(t *testing.T) {
	r := start(t, nil)
	for sent, kept := range map[string]bool{
		"abc-123_x.y:z/0": true, "": false, "two words": false, strings.Repeat("x", 128): true, strings.Repeat("x", 129): false, `"quoted"`: false,
	} {
		got := r.send("GET", "/v1/models", "", "X-Request-Id: "+sent).header.Get("X-Request-Id")
		if (got == sent) != kept || got == "" {
			t.Errorf("sent %q, got %q", sent, got)
		}
	}
}

func TestBugIsOneFixedSentence(t *testing.T) {
	for name, complete := range map[string]func(context.Context, *completion.Request) (gen.CreateCompletionResponseObject, error){
		"panic": func(context.Context, *completion.Request) (gen.CreateCompletionResponseObject, error) {
			panic("secret prompt")
		},
		"unknown": func(context.Context, *completion.Request) (gen.CreateCompletionResponseObject, error) {
			return nil, errors.New("odd")
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, func(o *server.Options) { o.API = &operations{complete: complete} })
			got := r.send("POST", "/v1/completions", valid)
			want := `{"error":{"message":"The gateway failed to process the request.","type":"server_error","param":null,"code":"internal_error"}}` + "\n"
			if got.status != 500 || got.body != want {
				t.Errorf("got %d %s", got.status, got.body)
			}
			if r.send("GET", "/healthz", "").status != 200 {
				t.Error("the gateway is gone")
			}
			if log := r.log.String(); strings.Contains(log, "secret prompt") || !strings.Contains(log, `"status":500`) {
				t.Errorf("log: %s", log)
			}
		})
	}
}

func TestTooMuchInFlight(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	r := start(t, func(o *server.Options) {
		o.Limits.MaxConcurrent, o.Limits.InflightBytes = 1, 64
		o.API = &operations{complete: func(_ context.Context, req *completion.Request) (gen.CreateCompletionResponseObject, error) {
			if req.Model == "wait" {
				entered <- struct{}{}
				<-leave
			}
			return raw(req.Body), nil
		}}
	})
	if got := r.send("POST", "/v1/completions", `{"model":"m","prompt":"`+strings.Repeat("x", 64)+`"}`); got.status != 503 || got.code() != "unavailable" || got.header.Get("Retry-After") == "" {
		t.Errorf("bytes: got %d %s", got.status, got.body)
	}
	first := make(chan answer, 1)
	go func() { first <- r.send("POST", "/v1/completions", `{"model":"wait","prompt":"x"}`) }()
	<-entered
	if got := r.send("POST", "/v1/completions", valid); got.status != 503 || got.code() != "unavailable" {
		t.Errorf("requests: got %d %s", got.status, got.body)
	}
	close(leave)
	if got := <-first; got.status != 200 {
		t.Errorf("the first: got %d", got.status)
	}
	if got := r.send("POST", "/v1/completions", valid); got.status != 200 {
		t.Errorf("afterwards: got %d %s", got.status, got.body)
	}
}

func TestAccessLog(t *testing.T) {
	r := start(t, nil)
	r.send("POST", "/v1/completions", `{"model":"m","prompt":"a secret prompt"}`, "X-Request-Id: id-1")
	r.send("POST", "/v1/completions", `{"model":"m","prompt":5,"user":"a secret user"}`, "X-Request-Id: id-2")
	r.send("POST", "/v1/completions", valid, "X-Request-Id: id-3", "Authorization: Bearer sg-secret-token")
	r.send("GET", "/healthz", "")
	log := r.log.String()
	for _, want := range []string{
		`"id":"id-1","method":"POST","route":"/v1/completions","status":200,"code":"","model":"","principal":"tester"`,
		`"id":"id-2","method":"POST","route":"/v1/completions","status":422,"code":"union_error"`,
		`"id":"id-3","method":"POST","route":"/v1/completions","status":401,"code":"invalid_api_key","model":"","principal":""`,
	} {
		if !strings.Contains(log, want) {
			t.Errorf("no line with %s in\n%s", want, log)
		}
	}
	for _, secret := range []string{"secret", token, "healthz"} {
		if strings.Contains(log, secret) {
			t.Errorf("%q stands in the log:\n%s", secret, log)
		}
	}
	if n := strings.Count(log, "\n"); n != 3 {
		t.Errorf("%d lines for three requests", n)
	}
	if n := r.metrics.seen["/v1/completions 422"]; n != 1 {
		t.Errorf("counted %v", r.metrics.seen)
	}
}

func TestSlowBody(t *testing.T) {
	r := start(t, func(o *server.Options) { o.Limits.BodyTimeout = 100 * time.Millisecond })
	conn := r.dial()
	head := "POST /v1/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + "\r\nContent-Type: application/json\r\nContent-Length: 26\r\n\r\n"
	if _, err := conn.Write([]byte(head + valid[:5])); err != nil {
		t.Fatal(err)
	}
	got := readAll(t, conn)
	if !strings.HasPrefix(got, "HTTP/1.1 408 ") || !strings.Contains(got, `"code":"request_timeout"`) || !strings.Contains(got, "Connection: close") {
		t.Errorf("got %s", got)
	}
}

// A header that stands twice may be read either way, so it is refused.
func TestRepeatedHeaders(t *testing.T) {
	r := start(t, nil)
	tests := map[string]struct {
		lines  []string
		status int
		code   string
	}{
		"two tokens":        {[]string{"Authorization: Bearer " + token, "Authorization: Bearer x"}, 401, "invalid_api_key"},
		"two organizations": {[]string{"OpenAI-Organization: org-a", "OpenAI-Organization: org-b"}, 422, "value_error"},
		"two projects":      {[]string{"OpenAI-Project: proj_a", "OpenAI-Project: proj_a"}, 422, "value_error"},
		"two encodings":     {[]string{"Content-Encoding: identity", "Content-Encoding: gzip"}, 415, "unsupported_media_type"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+r.addr+"/v1/completions", strings.NewReader(valid))
			if err != nil {
				t.Fatal(err)
			}
			req.Header = http.Header{"Content-Type": {"application/json"}}
			if !strings.HasPrefix(tt.lines[0], "Authorization") {
				req.Header.Set("Authorization", "Bearer "+token)
			}
			for _, line := range tt.lines {
				field, value, _ := strings.Cut(line, ": ")
				req.Header.Add(field, value)
			}
			if got := r.do(req); got.status != tt.status || got.code() != tt.code {
				t.Errorf("got %d %s", got.status, got.body)
			}
		})
	}
}

// A backend's own 422 has the list that every 422 has, and the two agree.
func TestBackendsOwn422(t *testing.T) {
	r := start(t, func(o *server.Options) {
		o.API = &operations{complete: func(context.Context, *completion.Request) (gen.CreateCompletionResponseObject, error) {
			return nil, &apierror.Error{Status: 422, Type: apierror.TypeInvalidRequest, Code: "odd", Param: "prompt.3", Message: "no such token"}
		}}
	})
	want := `{"detail":[{"loc":["body","prompt",3],"msg":"no such token","type":"odd"}],` +
		`"error":{"message":"no such token","type":"invalid_request_error","param":"prompt.3","code":"odd"}}` + "\n"
	if got := r.send("POST", "/v1/completions", valid); got.status != 422 || got.body != want {
		t.Errorf("got %d %s", got.status, got.body)
	}
}
