package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/specgate/specgate/internal/fakebackend"
)

// limitedTo is the settings of a gateway whose one caller has limits, in flow style.
func limitedTo(limits string) string {
	return "auth:\n  tokens: [{name: caller, token: " + testToken + ", limits: {" + limits + "}}]\n"
}

// withUsage is an answer whose backend counts tokens.
func withUsage(prompt, completion int) string {
	usage := fmt.Sprintf(`,"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}}`, prompt, completion, prompt+completion)
	return strings.TrimSuffix(answered, "}") + usage
}

// left is what an answer says is left: «limit remaining» of requests, then of tokens.
func (a answer) left() string {
	var all []string
	for _, name := range []string{"limit-requests", "remaining-requests", "limit-tokens", "remaining-tokens"} {
		if value := a.header.Get("x-ratelimit-" + name); value != "" {
			all = append(all, value)
		}
	}
	return strings.Join(all, " ")
}

// mustLeave fails the test where an answer is not as it should be.
func (a answer) mustLeave(t *testing.T, status int, left string) {
	t.Helper()
	if a.status != status || a.left() != left {
		t.Errorf("got %d and %q left, want %d and %q: %s", a.status, a.left(), status, left, abridged(a.body))
	}
}

// eachCounting runs a test with limits that are counted in memory, and in Redis.
func eachCounting(t *testing.T, test func(t *testing.T, more string)) {
	t.Helper()
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		test(t, "")
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		url := os.Getenv("SPECGATE_TEST_REDIS")
		if url == "" {
			t.Skip("SPECGATE_TEST_REDIS is not set")
		}
		test(t, "limits: {backend: '"+url+"'}\n")
	})
}

// unique is the settings for a token that no other test has, whose use Redis would know.
func unique(t *testing.T, settings string) string {
	t.Helper()
	return strings.Replace(settings, "name: caller", fmt.Sprintf("name: %q", t.Name()+strconv.FormatInt(time.Now().UnixNano(), 36)), 1)
}

// Every answer says what is left, and not what a backend says of its own limits.
func TestLimitsAreToldOnEveryAnswer(t *testing.T) {
	t.Parallel()
	eachCounting(t, func(t *testing.T, more string) {
		t.Helper()
		g := startWith(t, unique(t, limitedTo("requests_per_minute: 7, tokens_per_minute: 1000")+more), func(c *fakebackend.Conn, r *fakebackend.Request) {
			switch {
			case r.Method == "GET":
				fakebackend.JSON(200, `{"object":"list","data":[]}`, "x-ratelimit-limit-requests: 1")(c, r)
			case strings.Contains(string(r.Body), "broken"):
				fakebackend.JSON(400, `{"error":{"message":"no"}}`, "x-ratelimit-limit-requests: 1", "x-ratelimit-reset-tokens: 1s")(c, r)
			case strings.Contains(string(r.Body), "stream"):
				fakebackend.Events(whole)(c, r)
			default:
				fakebackend.JSON(200, withUsage(1, 9), "x-ratelimit-limit-requests: 1", "x-ratelimit-reset-tokens: 1s")(c, r)
			}
		})
		g.in(t).complete(plainBody, "Authorization: Bearer sg-nobody").mustLeave(t, 401, "")
		got := g.complete(plainBody)
		got.mustLeave(t, 200, "7 6 1000 983") // 1 for the prompt and 16 by default
		for _, name := range []string{"requests", "tokens"} {
			reset, err := time.ParseDuration(got.header.Get("x-ratelimit-reset-" + name))
			if err != nil || reset < 59*time.Second || reset > 61*time.Second {
				t.Errorf("the limit of %s is whole after %v, %v", name, reset, err)
			}
		}
		g.complete(`{"model":"m"}`).mustLeave(t, 422, "7 5 1000 990")
		g.send("GET", "/v1/models", "").mustLeave(t, 200, "7 4 1000 990")
		g.complete(`{"model":"m","prompt":"broken","max_tokens":40}`).mustLeave(t, 400, "7 3 1000 948")
		g.complete(streamed).mustLeave(t, 200, "7 2 1000 973")
		g.send("GET", "/v1/models/none", "").mustLeave(t, 404, "7 1 1000 987")
		g.complete("{").mustLeave(t, 422, "7 0 1000 987")
		for _, refused := range []answer{g.complete(plainBody), g.complete("{"), g.send("GET", "/v1/models", "")} {
			refused.mustBeLimited(t, "7 0 1000 987", "limit of 7 requests per minute of this token")
		}
	})
}

// One who is known and may not is told what is left, and nobody finds out for free what a token is good for.
func TestCallersWhoMayNotAreCounted(t *testing.T) {
	t.Parallel()
	eachCounting(t, func(t *testing.T, more string) {
		t.Helper()
		bound := strings.Replace(limitedTo("requests_per_minute: 4, parallel: 1"), "limits:", "organizations: [org-one], projects: [proj_one], limits:", 1)
		g := startWith(t, unique(t, bound)+more, fakebackend.JSON(200, answered))
		g.complete(plainBody, "OpenAI-Project: proj_two").mustLeave(t, 403, "4 3")
		g.complete("{", "OpenAI-Organization: org-two").mustLeave(t, 403, "4 2")
		g.send("GET", "/v1/models/m", "", "OpenAI-Project: proj_two").mustLeave(t, 403, "4 1")
		g.complete(plainBody, "OpenAI-Project: proj_one").mustLeave(t, 200, "4 0")
		g.complete(plainBody, "OpenAI-Project: proj_two").mustBeLimited(t, "4 0", "limit of 4 requests per minute of this token")
	})
}

// What was reserved and not used is there for the next request, whoever says what was used.
func TestLimitsAreSettled(t *testing.T) {
	t.Parallel()
	const (
		asked   = `{"model":"m","prompt":"x","max_tokens":999}`
		askedIn = `{"model":"m","prompt":"x","max_tokens":999,"stream":true`
		ended   = `{` + names + `,"choices":[],"usage":` + someUsage + `}`
	)
	for name, test := range map[string]struct {
		request string
		reply   fakebackend.Reply
		used    int
	}{
		"reported":             {asked, fakebackend.JSON(200, withUsage(3, 7)), 10},
		"not reported":         {asked, fakebackend.JSON(200, answered), 1 + 2}, // « there» is 6 bytes
		"zeros":                {asked, fakebackend.JSON(200, withUsage(0, 0)), 1 + 2},
		"details":              {asked, fakebackend.JSON(200, strings.Replace(withUsage(30, 7), `"total`, `"prompt_tokens_details":{"cached_tokens":20},"total`, 1)), 37},
		"refused":              {asked, fakebackend.JSON(500, `{}`), 0},
		"broken":               {asked, fakebackend.Reset(""), 0},
		"stream that reports":  {askedIn + `}`, fakebackend.Events(fakebackend.Data(first, last, ended, "[DONE]")), 5},
		"stream that was told": {askedIn + `,"stream_options":{"include_usage":true}}`, fakebackend.Events(fakebackend.Data(first, last, ended, "[DONE]")), 5},
		"stream of llama.cpp":  {askedIn + `}`, fakebackend.Events(fakebackend.Data(first, piece(" b", `"stop"`, `,"usage":`+someUsage), "[DONE]")), 5},
		"stream without":       {askedIn + `}`, fakebackend.Events(whole), 1 + 2},
		"stream with echo":     {askedIn + `,"echo":true}`, fakebackend.Events(fakebackend.Data(first, last, "[DONE]")), 1 + 1},
		"stream that breaks":   {askedIn + `}`, fakebackend.Events(fakebackend.Data(first)), 1 + 1},
		"stream that is none":  {askedIn + `}`, fakebackend.JSON(200, withUsage(3, 7)), 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachCounting(t, func(t *testing.T, more string) {
				t.Helper()
				g := startWith(t, unique(t, limitedTo("tokens_per_minute: 1000")+more), test.reply, fakebackend.JSON(200, answered))
				req := g.request(t.Context(), "POST", completions, strings.NewReader(test.request))
				if got := g.do(req); got.left() != "1000 0" {
					t.Errorf("%q is left while it runs", got.left())
				}
				g.in(t).complete(`{"model":"m","prompt":"","max_tokens":0}`).mustLeave(t, 200, fmt.Sprint("1000 ", 1000-test.used))
			})
		})
	}
}

// Requests that are refused reach no backend and take nothing.
func TestQuotas(t *testing.T) {
	t.Parallel()
	eachCounting(t, func(t *testing.T, more string) {
		t.Helper()
		for _, period := range []string{"day", "month"} {
			g := startWith(t, unique(t, limitedTo("tokens_per_"+period+": 100, requests_per_minute: 9")+more), fakebackend.JSON(200, withUsage(50, 40)))
			g.complete(plainBody).mustLeave(t, 200, "9 8 100 83")
			for range 2 {
				got := g.complete(plainBody)
				got.mustLeave(t, 429, "9 8 100 10")
				after, err := strconv.Atoi(got.header.Get("Retry-After"))
				e := got.error(t)
				if err != nil || after < 1 || e.Code == nil || *e.Code != "insufficient_quota" || got.header.Get("X-Should-Retry") != "false" || !strings.Contains(e.Message, "100 tokens per "+period) {
					t.Errorf("%v %+v", got.header, e)
				}
			}
			g.complete(`{"model":"m","prompt":"x","max_tokens":9}`).mustLeave(t, 200, "9 7 100 0")
			if n := len(g.backend.Requests()); n != 2 {
				t.Errorf("the backend got %d requests", n)
			}
		}
	})
}

// The words of a refusal agree with what its headers say is left, and when to come again.
func TestRefusalsAgreeWithTheirHeaders(t *testing.T) {
	t.Parallel()
	eachCounting(t, func(t *testing.T, more string) {
		t.Helper()
		for limit, of := range map[string]string{"tokens_per_day: 20": "20 tokens per day", "tokens_per_month: 20": "20 tokens per month", "tokens_per_minute: 20": "20 tokens per minute"} {
			g := startWith(t, unique(t, limitedTo(limit)+more), fakebackend.JSON(200, withUsage(1, 16)), fakebackend.JSON(200, withUsage(1, 2)))
			g.complete(plainBody).mustLeave(t, 200, "20 3")
			got := g.complete(plainBody)
			got.mustLeave(t, 429, "20 3")
			got.mustSay(t, "The request may use 17 tokens, with its prompt and max_tokens; 3 are left of the limit of "+of+" of this token. Try again in ", ", or ask for fewer.")
			g.complete(`{"model":"m","prompt":"x","max_tokens":2}`).mustLeave(t, 200, "20 0")
			got = g.complete(`{"model":"m","prompt":"x","max_tokens":2}`)
			got.mustLeave(t, 429, "20 0")
			got.mustSay(t, "The limit of "+of+" of this token is reached. Try again in ", ".")
		}
		g := startWith(t, unique(t, limitedTo("requests_per_minute: 1")+more), fakebackend.JSON(200, answered))
		g.complete(plainBody).mustLeave(t, 200, "1 0")
		g.complete(plainBody).mustSay(t, "The limit of 1 requests per minute of this token is reached. Try again in ", ".")
		g = startWith(t, unique(t, limitedTo("tokens_per_minute: 30, tokens_per_day: 20")+more), fakebackend.JSON(200, withUsage(1, 16)))
		g.complete(plainBody).mustLeave(t, 200, "20 3")
		g.complete(plainBody).mustSay(t, "3 are left of the limit of 20 tokens per day of this token. Try again in ", ", or ask for fewer.")
	})
}

// mustSay fails the test where the message of a refusal has not the words before and after its time to wait, or that is
// another than Retry-After.
func (a answer) mustSay(t *testing.T, before, after string) {
	t.Helper()
	message := a.error(t).Message
	_, rest, ok := strings.Cut(message, before)
	wait, err := time.ParseDuration(strings.TrimSuffix(rest, after))
	if !ok || err != nil || !strings.HasSuffix(message, after) || strconv.Itoa(int(wait.Seconds())) != a.header.Get("Retry-After") {
		t.Errorf("Retry-After %s, and: %s", a.header.Get("Retry-After"), message)
	}
}

// One more than may run is refused, and passes once one is over, however it ended. One who left has used what
// was generated for him.
func TestParallelRequests(t *testing.T) {
	t.Parallel()
	eachCounting(t, func(t *testing.T, more string) {
		t.Helper()
		at := awaited{make(chan string, 1), make(chan string, 1)}
		replies := script{
			"leaves": at.leaver(beginStream(fakebackend.Data(first, first, first))),
			"plain":  fakebackend.JSON(200, answered), "stream": fakebackend.Events(whole), "broken": fakebackend.Reset(""),
		}
		g := startWith(t, unique(t, limitedTo("parallel: 1, tokens_per_minute: 1000")+more), replies.reply)
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		resp, err := g.client.Do(g.request(ctx, "POST", completions, strings.NewReader(streamed), "X-Request-Id: leaves"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if _, err := io.ReadFull(resp.Body, make([]byte, len(fakebackend.Data(first, first, first)))); err != nil {
			t.Fatal(err)
		}
		got := g.complete(plainBody)
		got.mustLeave(t, 429, "1000 983")
		if e := got.error(t); got.header.Get("Retry-After") != "1" || *e.Code != "rate_limit_exceeded" || !strings.Contains(e.Message, "1 requests in parallel") {
			t.Errorf("%v %+v", got.header, e)
		}
		g.complete("{").mustLeave(t, 422, "1000 983") // takes nobody's place
		leave()
		<-at.gone
		for end := deadline(); got.status == 429 && time.Now().Before(end); {
			got = g.complete(plainBody, "X-Request-Id: plain")
		}
		got.mustLeave(t, 200, "1000 979") // 1 and 3 used, 17 reserved
		g.complete(plainBody, "X-Request-Id: broken").mustLeave(t, 502, "1000 976")
		g.complete(streamed, "X-Request-Id: stream").mustLeave(t, 200, "1000 976")
		g.complete(plainBody, "X-Request-Id: plain").mustLeave(t, 200, "1000 973")
	})
}

// While Redis is away, each instance counts for itself, or nothing that is limited passes.
func TestRedisIsAway(t *testing.T) {
	t.Parallel()
	l := listenAnywhere(t)
	address := l.Addr().String()
	_ = l.Close()
	for failure, want := range map[string][]int{"open": {200, 200, 429}, "closed": {503, 503, 503}} {
		t.Run(failure, func(t *testing.T) {
			t.Parallel()
			g := startWith(t, limitedTo("requests_per_minute: 2")+"limits: {backend: 'redis://:hidden@"+address+"', on_failure: "+failure+"}\n", fakebackend.JSON(200, answered))
			for _, status := range want {
				got := g.complete(plainBody)
				if got.status != status || status == 503 && (got.code(t) != "unavailable" || got.header.Get("Retry-After") != "1") {
					t.Errorf("got %d, want %d: %s", got.status, status, got.body)
				}
			}
			g.log.await(t, `"msg":"Redis is away, which counts limits"`, `"on_failure":"`+failure+`"`)
			g.mustCount("specgate_limits_away", "1")
			g.mustCount(unavailable("limits_away"), map[string]string{"open": "0", "closed": "3"}[failure])
			if all := g.log.String(); strings.Contains(all, "hidden") || strings.Count(all, "Redis is away") != 1 {
				t.Errorf("logged:\n%s", all)
			}
		})
	}
}
