package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/fakebackend"
)

// told is an error as its caller reads it.
type told struct {
	Status             int
	Type, Param, Code  string
	Message            string
	RetryAfter, Should string
}

func tell(t *testing.T, got answer) told {
	t.Helper()
	e := got.error(t)
	return told{
		got.status, e.Type, orNull(e.Param), orNull(e.Code), e.Message,
		got.header.Get("Retry-After"), got.header.Get("X-Should-Retry"),
	}
}

const (
	html       = "<html><head><title>500</title></head><body>nginx</body></html>"
	brokeOff   = "The backend broke off before its answer was whole."
	unreadable = "The backend's answer could not be read."
)

// What a backend says instead of an answer, and what the caller is told, streamed or not.
var refusals = map[string]struct {
	reply fakebackend.Reply
	want  told
}{
	"400 of OpenAI": {
		fakebackend.JSON(400, `{"error":{"message":"no such suffix","type":"invalid_request_error","param":"suffix","code":"bad_suffix"}}`),
		told{400, "invalid_request_error", "suffix", "bad_suffix", "no such suffix", "", ""},
	},
	"400 of vLLM": {
		fakebackend.JSON(400, `{"error":{"message":"too long","type":"BadRequestError","param":null,"code":400}}`),
		told{400, "BadRequestError", "null", "400", "too long", "", ""},
	},
	"400 flat": {
		fakebackend.JSON(400, `{"object":"error","message":"too long","type":"BadRequestError","param":"prompt","code":40012}`),
		told{400, "BadRequestError", "prompt", "40012", "too long", "", ""},
	},
	"400 of llama.cpp": {
		fakebackend.JSON(400, `{"error":{"code":400,"message":"\"prompt\" must be a string","type":"invalid_request_error"}}`),
		told{400, "invalid_request_error", "null", "400", `"prompt" must be a string`, "", ""},
	},
	"error is a text": {
		fakebackend.JSON(400, `{"error":"x"}`),
		told{400, "invalid_request_error", "null", "null", "x", "", ""},
	},
	"422 of TGI": {
		fakebackend.JSON(422, `{"error":"Input validation error","error_type":"validation"}`),
		told{422, "validation", "null", "null", "Input validation error", "", ""},
	},
	"404": {
		fakebackend.JSON(404, `{"error":{"message":"The model does not exist.","type":"NotFoundError","param":"model","code":"model_not_found"}}`),
		told{404, "NotFoundError", "model", "model_not_found", "The model does not exist.", "", ""},
	},
	"404 of a proxy": {
		fakebackend.Body(404, "text/plain", "404 page not found"),
		told{404, "invalid_request_error", "null", "null", "The backend answered with status 404.", "", ""},
	},
	"401": {
		fakebackend.JSON(401, `{"error":"Unauthorized: sk-backend-key"}`, "WWW-Authenticate: Bearer realm=backend"),
		told{502, "server_error", "null", "upstream_auth", "The backend refused the gateway's credential.", "", "false"},
	},
	"403": {
		fakebackend.JSON(403, `{"error":{"message":"sk-backend-key may not","type":"x","code":"y"}}`),
		told{502, "server_error", "null", "upstream_auth", "The backend refused the gateway's credential.", "", "false"},
	},
	"429": {
		fakebackend.JSON(429, `{"error":{"message":"slow down","type":"requests","param":null,"code":"rate_limit_exceeded"}}`, "Retry-After: 7"),
		told{429, "requests", "null", "rate_limit_exceeded", "slow down", "7", ""},
	},
	"429 without a word": {
		fakebackend.Body(429, "", ""),
		told{429, "rate_limit_error", "null", "null", "The backend answered with status 429.", "", ""},
	},
	"500 of HTML": {
		fakebackend.Body(500, "text/html", html),
		told{500, "server_error", "null", "null", "The backend answered with status 500.", "", ""},
	},
	"500 that says it is JSON": {
		fakebackend.JSON(500, html),
		told{500, "server_error", "null", "null", "The backend answered with status 500.", "", ""},
	},
	"503 loading": {
		fakebackend.JSON(503, `{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}`, "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT"),
		told{503, "unavailable_error", "null", "503", "Loading model", "Fri, 31 Dec 1999 23:59:59 GMT", ""},
	},
	"529": {
		fakebackend.JSON(529, `{"error":{"message":"overloaded","type":"overloaded_error"}}`),
		told{529, "overloaded_error", "null", "null", "overloaded", "", ""},
	},
	"redirect": {
		fakebackend.Body(307, "text/html", "", "Location: http://127.0.0.1:1/v1/completions"),
		told{502, "server_error", "null", "upstream_error", "The backend answered with a redirect, which is not followed.", "", ""},
	},
	"no HTTP":           {fakebackend.Raw("SSH-2.0-OpenSSH_9.6\r\n"), told{502, "server_error", "null", "upstream_error", unreadable, "", ""}},
	"hangs up":          {fakebackend.Raw(""), told{502, "server_error", "null", "upstream_error", brokeOff, "", ""}},
	"resets":            {fakebackend.Reset(""), told{502, "server_error", "null", "upstream_error", brokeOff, "", ""}},
	"hangs up midway":   {fakebackend.Raw("HTTP/1.1 200 OK\r\nContent-Ty"), told{502, "server_error", "null", "upstream_error", unreadable, "", ""}},
	"in-band":           {fakebackend.JSON(200, `{"error":{"message":"it broke","type":"server_error","code":500}}`), told{502, "server_error", "null", "500", "it broke", "", "false"}},
	"in-band, flat":     {fakebackend.JSON(200, `{"object":"error","message":"it broke","type":"x","param":null,"code":null}`), told{502, "x", "null", "upstream_error", "it broke", "", "false"}},
	"JSON that is none": {fakebackend.JSON(200, answered[:40]), told{502, "server_error", "null", "upstream_error", "The backend's answer cannot be used: it is not JSON.", "", "false"}},
}

func TestBackendRefuses(t *testing.T) {
	t.Parallel()
	replies := script{}
	for name, test := range refusals {
		replies[idOf(name)+"-plain"], replies[idOf(name)+"-stream"] = test.reply, test.reply
	}
	shared := start(t, replies.reply)
	for name, test := range refusals {
		for kind, request := range map[string]string{"plain": plainBody, "stream": streamed} {
			t.Run(name+", "+kind, func(t *testing.T) {
				g := shared.in(t)
				got := g.complete(request, "X-Request-Id: "+idOf(name)+"-"+kind)
				if diff := cmp.Diff(test.want, tell(t, got)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if strings.Contains(got.body, testKey) || got.header.Get("WWW-Authenticate") != "" || got.header.Get("Location") != "" {
					t.Errorf("got %v\n%s", got.header, got.body)
				}
				g.received(idOf(name) + "-" + kind) // once, and not again
			})
		}
	}
}

// A backend's 422 has the form of all others.
func TestBackendRefusesWithViolations(t *testing.T) {
	t.Parallel()
	got := start(t, fakebackend.JSON(422, `{"detail":[{"loc":["body","top_k"],"msg":"Input should be greater than 0","type":"greater_than","input":-1}]}`)).complete(plainBody)
	want := told{422, "invalid_request_error", "top_k", "greater_than", "body.top_k: Input should be greater than 0", "", ""}
	if diff := cmp.Diff(want, tell(t, got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestBackendOutOfReach(t *testing.T) {
	t.Parallel()
	l := listenAnywhere(t)
	address := l.Addr().String()
	_ = l.Close()
	g := startWith(t, "upstreams: {gone: {base_url: 'http://"+address+"/v1'}}\n")
	for _, request := range []string{plainBody, streamed} {
		got := tell(t, g.complete(request))
		want := told{502, "server_error", "null", "upstream_error", "The backend could not be reached.", "", ""}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// What a backend says of its limits is for the caller, on answers and refusals.
func TestHeadersOfLimitsPass(t *testing.T) {
	t.Parallel()
	limits := []string{
		"x-ratelimit-limit-requests: 60", "x-ratelimit-limit-tokens: 150000", "x-ratelimit-remaining-requests: 0",
		"x-ratelimit-remaining-tokens: 149984", "x-ratelimit-reset-requests: 1s", "x-ratelimit-reset-tokens: 6m0s",
	}
	more := append([]string{"Retry-After: 2", "retry-after-ms: 1500", "Set-Cookie: a=b", "X-Powered-By: x", "X-Request-Id: theirs", "openai-processing-ms: 5"}, limits...)
	g := start(t,
		fakebackend.JSON(429, `{"error":{"message":"slow down"}}`, more...),
		fakebackend.JSON(500, `{"error":{"message":"broken"}}`, more...),
		fakebackend.JSON(200, answered, more...))
	for _, status := range []int{429, 500, 200} {
		got := g.complete(plainBody, "X-Request-Id: mine")
		if got.status != status {
			t.Fatalf("got %d", got.status)
		}
		for _, line := range limits {
			if name, value, _ := strings.Cut(line, ": "); got.header.Get(name) != value {
				t.Errorf("%d: %s is %q, want %q", status, name, got.header.Get(name), value)
			}
		}
		for name, want := range map[string]string{"Retry-After": "2", "Retry-After-Ms": "1500", "Set-Cookie": "", "X-Powered-By": "", "X-Request-Id": "mine"} {
			if status == 200 && strings.HasPrefix(name, "Retry") {
				want = ""
			}
			if value := got.header.Get(name); value != want {
				t.Errorf("%d: %s is %q, want %q", status, name, value, want)
			}
		}
	}
}
