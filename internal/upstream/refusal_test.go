package upstream_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/fakebackend"
	"github.com/specgate/specgate/internal/upstream"
)

func TestRefusals(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		status int
		body   string
		want   told
	}{
		"OpenAI":                {400, `{"error":{"message":"too long","type":"invalid_request_error","param":"prompt","code":"context_length_exceeded"}}`, told{Type: "invalid_request_error", Code: "context_length_exceeded", Param: "prompt", Message: "too long"}},
		"OpenAI with nulls":     {500, `{"error":{"message":"oops","type":"server_error","param":null,"code":null}}`, told{Type: "server_error", Message: "oops"}},
		"vLLM":                  {404, `{"error":{"message":"The model does not exist.","type":"NotFoundError","param":"model","code":404}}`, told{Type: "NotFoundError", Code: "404", Param: "model", Message: "The model does not exist."}},
		"vLLM before":           {400, `{"object":"error","message":"bad","type":"BadRequestError","param":null,"code":400}`, told{Type: "BadRequestError", Code: "400", Message: "bad"}},
		"a text":                {429, `{"error":"Too many"}`, told{Type: "rate_limit_error", Message: "Too many"}},
		"TGI":                   {422, `{"error":"Input validation error","error_type":"validation"}`, told{Type: "validation", Message: "Input validation error"}},
		"llama.cpp":             {503, `{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}`, told{Type: "unavailable_error", Code: "503", Message: "Loading model"}},
		"detail":                {405, `{"detail":"Method Not Allowed"}`, told{Type: "invalid_request_error", Message: "Method Not Allowed"}},
		"detail, an object":     {400, `{"detail":{"error":{"message":"deep"}}}`, told{Type: "invalid_request_error", Message: "deep"}},
		"FastAPI":               {422, `{"detail":[{"loc":["body","prompt",3],"msg":"Input should be a valid string","type":"string_type"},{"loc":["body","n"],"msg":"Field required","type":"missing"}]}`, told{Type: "invalid_request_error", Code: "string_type", Param: "prompt.3", Message: "body.prompt.3: Input should be a valid string; body.n: Field required"}},
		"FastAPI, empty":        {422, `{"detail":[]}`, told{Type: "invalid_request_error", Message: "The backend answered with status 422."}},
		"message":               {400, `{"message":"flat"}`, told{Type: "invalid_request_error", Message: "flat"}},
		"wrong types":           {400, `{"error":{"message":{"a":1},"type":7,"param":["x"],"code":{"y":1}}}`, told{Type: "invalid_request_error", Message: "The backend answered with status 400."}},
		"a fraction for a code": {500, `{"error":{"message":"m","code":5.5}}`, told{Type: "server_error", Message: "m"}},
		"error null":            {500, `{"error":null,"message":"m"}`, told{Type: "server_error", Message: "m"}},
		"HTML":                  {502, "<html>Bad Gateway</html>", told{Type: "server_error", Message: "The backend answered with status 502."}},
		"nothing":               {500, "", told{Type: "server_error", Message: "The backend answered with status 500."}},
		"no object":             {500, `[1]`, told{Type: "server_error", Message: "The backend answered with status 500."}},
		"escapes":               {400, `{"error":{"message":"\u00e9 \ud83d\ude00 \ud83d"}}`, told{Type: "invalid_request_error", Message: "é 😀 \uFFFD"}},
		"401":                   {401, `{"error":"secret"}`, told{Status: 502, Type: "server_error", Code: "upstream_auth", Message: "The backend refused the gateway's credential.", NoRetry: true}},
		"403":                   {403, `{"error":"secret"}`, told{Status: 502, Type: "server_error", Code: "upstream_auth", Message: "The backend refused the gateway's credential.", NoRetry: true}},
		"407":                   {407, ``, told{Status: 502, Type: "server_error", Code: "upstream_auth", Message: "The backend refused the gateway's credential.", NoRetry: true}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := complete(t, fakebackend.JSON(test.status, test.body))
			if test.want.Status == 0 {
				test.want.Status = test.status
			}
			got := toldOf(t, err)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if strings.Contains(err.Error(), got.Message) || strings.Contains(err.Error(), "secret") {
				t.Errorf("the log is told the backend's words: %v", err)
			}
		})
	}
}

// A streamed request is refused before there is a stream.
func TestRefusalOfAStream(t *testing.T) {
	t.Parallel()
	backend := fakebackend.New(t, fakebackend.JSON(400, `{"error":{"message":"no"}}`))
	_, err := newClient(t, backend.URL).Complete(caller(t), streamed())
	if diff := cmp.Diff(told{Status: 400, Type: "invalid_request_error", Message: "no"}, toldOf(t, err)); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestRefusalKeepsHeaders(t *testing.T) {
	t.Parallel()
	_, err := complete(t, fakebackend.JSON(429, "{}",
		"Retry-After: 3", "retry-after-ms: 2500", "x-ratelimit-remaining-requests: 0", "X-RateLimit-Reset-Tokens: 1s",
		"Set-Cookie: a=b", "Server: x", "Content-Language: en"))
	var e *apierror.Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	want := http.Header{
		"Retry-After": {"3"}, "Retry-After-Ms": {"2500"}, "X-Ratelimit-Remaining-Requests": {"0"}, "X-Ratelimit-Reset-Tokens": {"1s"},
	}
	if diff := cmp.Diff(want, e.Header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
}

// The status and the headers count where the body's encoding is unknown or broken.
func TestRefusalInAnotherEncoding(t *testing.T) {
	t.Parallel()
	auth := told{Status: 502, Type: "server_error", Code: "upstream_auth", Message: "The backend refused the gateway's credential.", NoRetry: true}
	for status, want := range map[int]told{
		400: {Status: 400, Type: "invalid_request_error", Message: "The backend answered with status 400."},
		401: auth,
		429: {Status: 429, Type: "rate_limit_error", Message: "The backend answered with status 429."},
		503: {Status: 503, Type: "server_error", Message: "The backend answered with status 503."},
	} {
		for _, encoding := range []string{"br", "gzip", "gzip, br", "x"} {
			reply := fakebackend.JSON(status, `{"error":{"message":"hidden"}}`, "Content-Encoding: "+encoding, "Retry-After: 3")
			_, err := complete(t, reply)
			if diff := cmp.Diff(want, toldOf(t, err)); diff != "" {
				t.Errorf("%d in %s (-want +got):\n%s", status, encoding, diff)
			}
			var e *apierror.Error
			if errors.As(err, &e) && status != 401 && e.Header.Get("Retry-After") != "3" {
				t.Errorf("%d in %s: header %v", status, encoding, e.Header)
			}
		}
	}
}

// An error of nothing but details, one in the other, is read as fast as any.
func TestRefusalOfDeepDetails(t *testing.T) {
	t.Parallel()
	const levels = 9_000
	start := time.Now()
	_, err := complete(t, fakebackend.JSON(400, strings.Repeat(`{"detail":`, levels)+`"`+strings.Repeat("x", 800_000)+`"`+strings.Repeat("}", levels)))
	if got := toldOf(t, err); got.Status != 400 || got.Message != "The backend answered with status 400." {
		t.Errorf("error %+v", got)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestRefusalIsBounded(t *testing.T) {
	t.Parallel()
	_, err := complete(t, fakebackend.JSON(400, `{"error":{"message":"x`+strings.Repeat("é", 4000)+`","code":"`+strings.Repeat("c", 4000)+`"}}`))
	got := toldOf(t, err)
	if len(got.Message) != 4095 || !utf8.ValidString(got.Message) || len(got.Code) != 256 {
		t.Errorf("message of %d bytes, code of %d", len(got.Message), len(got.Code))
	}
	_, err = complete(t, fakebackend.JSON(400, `{"error":{"message":"x","pad":"`+strings.Repeat("p", 2<<20)+`"}}`))
	if got := toldOf(t, err); got.Status != 400 || got.Message != "The backend answered with status 400." {
		t.Errorf("error %+v", got)
	}
}

// The status is known even where the body never comes.
// The words of an error are not waited for as an answer is: its status says what has to be known.
func TestRefusalThatDrips(t *testing.T) {
	t.Parallel()
	reply := func(c *fakebackend.Conn, _ *fakebackend.Request) {
		c.Send("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 1000000\r\n\r\n")
		for tick := time.Tick(20 * time.Millisecond); ; {
			select {
			case <-tick:
				c.Send(" ")
			case <-c.Gone():
				return
			}
		}
	}
	_, err := complete(t, reply, timeouts(upstream.Timeouts{Idle: time.Minute}))
	want := told{Status: 429, Type: "rate_limit_error", Message: "The backend answered with status 429."}
	if diff := cmp.Diff(want, toldOf(t, err)); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

// Some backends quote the key that they were called with.
func TestRefusalThatQuotesTheKey(t *testing.T) {
	t.Parallel()
	const e = `{"error":{"message":"no sk-gateway here","type":"sk-gateway","param":"sk-gateway","code":"sk-gateway"}}`
	keyed := func(o *upstream.Options) { o.APIKey = "sk-gateway" }
	for name, ask := range map[string]func() error{
		"status":  func() error { _, err := complete(t, fakebackend.JSON(400, e), keyed); return err },
		"in band": func() error { _, err := complete(t, fakebackend.JSON(200, e), keyed); return err },
		"stream": func() error {
			backend := fakebackend.New(t, fakebackend.Events(fakebackend.Data(e)))
			answer, err := newClient(t, backend.URL, keyed).Complete(caller(t), streamed())
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Stream.Close() //nolint:errcheck // it never fails
			_, err = answer.Stream.Next()
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := toldOf(t, ask())
			if got.Message != "no [redacted] here" || got.Type != "[redacted]" || got.Param != "[redacted]" || got.Code != "[redacted]" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// Of the path of a base URL the caller is told what can be no key.
func TestRefusalThatQuotesThePath(t *testing.T) {
	t.Parallel()
	for path, said := range map[string][2]string{
		"/v1":                           {"no /v1/completions", "no /v1/completions"},
		"/api/v1":                       {"no /api/v1/completions", "no /api/v1/completions"},
		"/openai/v1":                    {"no /openai/v1/completions", "no /openai/v1/completions"},
		"/v1beta/openai/":               {"no /v1beta/openai/completions", "no /v1beta/openai/completions"},
		"/team-a/openai/v1":             {"no /team-a/openai/v1/completions", "no [redacted]/completions"},
		"/openai/v4fb07c":               {"no /openai/v4fb07c/completions", "no [redacted]/completions"},
		"/a-client-of/v1":               {"no /a-client-of/v1/completions of a-client-of", "no [redacted]/completions of a-client-of"},
		"/applications-4fb07c1d9e2a/v1": {"no /applications-4fb07c1d9e2a/x of applications-4fb07c1d9e2a", "no /[redacted]/x of [redacted]"},
		"/a%20client%2F4fb07c1d9e2a/v":  {"no /a%20client%2F4fb07c1d9e2a/v/x of 4fb07c1d9e2a/v", "no [redacted]/x of [redacted]/v"},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			_, err := complete(t, fakebackend.JSON(404, `{"error":{"message":"`+said[0]+`"}}`), func(o *upstream.Options) {
				o.BaseURL.Path = "/"
				o.BaseURL = o.BaseURL.JoinPath(path)
			})
			if got := toldOf(t, err).Message; got != said[1] {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestRefusalThatStalls(t *testing.T) {
	t.Parallel()
	reply := fakebackend.Stall("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 100\r\n\r\n{\"err")
	_, err := complete(t, reply, timeouts(upstream.Timeouts{Idle: soon}))
	want := told{Status: 503, Type: "server_error", Message: "The backend answered with status 503."}
	if diff := cmp.Diff(want, toldOf(t, err)); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}
