package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/specgate/specgate/internal/fakebackend"
)

// secret marks what must not be told: it stands wherever a caller or a backend can put it.
const secret = "hush-5e1f"

// No 422 repeats a value that was sent.
func TestViolationsRepeatNoValue(t *testing.T) {
	t.Parallel()
	g := start(t)
	marked := []string{`"` + secret + `"`, `["` + secret + `",5]`, `[5,"` + secret + `"]`, `{"a":"` + secret + `"}`, `[["` + secret + `"]]`, `{"include_usage":"` + secret + `"}`, `{"1":"` + secret + `"}`}
	var bodies []string
	for name := range requestFields(t) {
		for _, value := range marked {
			bodies = append(bodies, with(name, value), strings.TrimSuffix(with(name, value), "}"))
		}
	}
	bodies = append(bodies,
		with("model", `"`+many(100, secret)+`"`), with("stop", `["`+many(5, secret+`","`)+`"]`), `"`+secret+`"`, `["`+secret+`"]`, secret, `{"model":`+secret,
		`{"model":"`+secret+`","prompt":"\ud800`+secret+`"}`, `{"model":"`+secret+`","model":"`+secret+`","prompt":"x"}`, `{"model":"m","prompt":"x","n":5e1f}`,
	)
	refused := 0
	for _, body := range bodies {
		got := g.complete(body)
		if strings.Contains(got.body, secret) || strings.Contains(fmt.Sprint(got.header), secret) {
			t.Errorf("%s: got %s", abridged(body), got.body)
		}
		if got.status == 422 {
			refused++
		}
	}
	if refused < len(bodies)*3/4 {
		t.Errorf("only %d of %d bodies were refused", refused, len(bodies))
	}
	got := g.complete(plainBody, "OpenAI-Organization: "+secret, "OpenAI-Project: "+secret)
	if got.status != 422 || strings.Contains(got.body, secret) {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

// replies that have the secret in every place where a backend can put it.
var indiscreet = script{
	"answer":        fakebackend.JSON(200, answerWith(strings.ReplaceAll(fine, "there", secret)), "X-Secret: "+secret),
	"repaired":      fakebackend.JSON(200, `{"id":5,"x":"`+secret+`","choices":[`+strings.ReplaceAll(fine, "there", secret)+`]}`),
	"refusal":       fakebackend.JSON(400, `{"error":{"message":"`+secret+`","type":"`+secret+`","param":"`+secret+`","code":"`+secret+`"}}`),
	"failure":       fakebackend.JSON(500, `{"error":{"message":"`+secret+`","type":"`+secret+`","param":"`+secret+`","code":"`+secret+`"}}`),
	"credential":    fakebackend.JSON(401, `{"error":"`+secret+`"}`, "WWW-Authenticate: "+secret),
	"in-band":       fakebackend.JSON(200, `{"error":{"message":"`+secret+`","type":"`+secret+`"}}`),
	"no-text":       fakebackend.JSON(200, answerWith(`{"x":"`+secret+`"}`)),
	"broken":        fakebackend.JSON(200, `{"`+secret+`":`),
	"HTML":          fakebackend.Body(502, "text/html", "<html>"+secret),
	"redirect":      fakebackend.Body(302, "", "", "Location: http://127.0.0.1:1/"+secret),
	"no-HTTP":       fakebackend.Raw(secret + "\r\n\r\n"),
	"bad-status":    fakebackend.Raw("HTTP/1.1 " + secret + "\r\n\r\n"),
	"bad-header":    fakebackend.Raw("HTTP/1.1 200 OK\r\n" + secret + "\r\n\r\n"),
	"bad-length":    fakebackend.Raw("HTTP/1.1 200 OK\r\nContent-Length: " + secret + "\r\n\r\n"),
	"bad-transfer":  fakebackend.Raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: " + secret + "\r\n\r\n"),
	"bad-chunk":     fakebackend.Raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n" + secret + "\r\n"),
	"bad-encoding":  fakebackend.Body(200, "application/json", secret, "Content-Encoding: "+secret),
	"bad-gzip":      fakebackend.Body(200, "application/json", secret, "Content-Encoding: gzip"),
	"bad-type":      fakebackend.Body(200, secret, secret),
	"stream":        fakebackend.Events(fakebackend.Data(piece(secret, "null", `,"`+secret+`":1`), "[DONE]")),
	"stream-cut":    fakebackend.Events(fakebackend.Data(piece(secret, "null", "")), "data: "+secret),
	"stream-error":  fakebackend.Events(fakebackend.Data(piece(secret, "null", ""), `{"error":{"message":"`+secret+`","type":"`+secret+`"}}`)),
	"stream-line":   fakebackend.Events("error: " + secret + "\n\n"),
	"stream-broken": fakebackend.Events(fakebackend.Data(secret)),
	"stream-chunk":  fakebackend.Raw("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" + secret + "\r\n"),
}

// Neither the log, at its most talkative, nor the metrics repeat what passes through the gateway.
func TestLogAndMetricsKeepSecrets(t *testing.T) {
	t.Parallel()
	g := startWith(t, `
auth: {tokens: [{name: friend, token: `+secret+`-token}]}
upstreams: {gpu: {base_url: '${OPENAI_BASE_URL}', api_key: `+secret+`-key, organization: `+secret+`-org, project: `+secret+`-project}}
`, indiscreet.reply)
	header := []string{
		"Authorization: Bearer " + secret + "-token", "Cookie: a=" + secret, "X-Api-Key: " + secret, "User-Agent: " + secret, "Tracestate: a=" + secret,
		"Referer: http://" + secret, "OpenAI-Organization: org-" + secret, "OpenAI-Project: proj_" + secret,
	}
	body := func(more string) string {
		return `{"model":"m","prompt":"` + secret + `","suffix":"` + secret + `","stop":"` + secret + `","user":"` + secret + `","` + secret + `":"` + secret + `"` + more + `}`
	}
	count := 0
	ask := func(method, path, body string, header ...string) {
		got := g.do(g.request(t.Context(), method, path, strings.NewReader(body), header...))
		if got.header.Get("X-Request-Id") == "" {
			t.Error("an answer without an id")
		}
		count++
	}
	for id := range indiscreet {
		for _, more := range []string{"", `,"stream":true`} {
			ask("POST", completions, body(more), append(header, "X-Request-Id: "+id)...)
		}
		ask("GET", "/v1/models", "", append(header, "X-Request-Id: "+id)...)
	}
	ask("POST", completions, body(`,"n":0,"temperature":"`+secret+`"`), header...)
	ask("POST", completions, body(`,"`+secret+`":1`), header...)
	ask("POST", completions, body("")[:40], header...)
	ask("POST", completions, body(""), append(header, "OpenAI-Project: "+secret)...)
	ask("POST", completions, body(""), append(header, "Content-Encoding: "+secret)...)
	ask("POST", completions, body(""), append(header, "Content-Encoding: gzip")...)
	ask("POST", completions, body(""), append(header, "Content-Type: text/"+secret)...)
	ask("POST", completions, body(""), "Authorization: Bearer "+secret+"-unknown")
	ask("POST", completions, body(""), "Authorization: Basic "+secret)
	ask("POST", completions+"?key="+secret, body(""), header...)
	ask("GET", "/v1/"+secret, "", header...)
	ask(secret, "/v1/models", "", header...)
	ask("POST", completions, `{"model":"a\u202eb\u001b[31m","prompt":"p"}`, header...)
	ask("GET", "/v1/models/none", "", header...)
	log := g.log.String()
	for line := range strings.Lines(log) {
		if strings.Contains(line, secret) {
			t.Errorf("the log says %s", line)
		}
	}
	for line := range strings.Lines(g.metrics()) {
		if strings.Contains(line, secret) {
			t.Errorf("the metrics say %s", line)
		}
	}
	if strings.ContainsAny(log, "\u202e\x1b") || !strings.Contains(log, "\"model\":\"a\ufffdb\ufffd[31m\"") || !strings.Contains(log, `"method":"other"`) {
		t.Errorf("the log has more than a name of what a caller chose:\n%s", log)
	}
	if n := strings.Count(log, `"msg":"request"`); n < count {
		t.Errorf("%d lines for %d requests", n, count)
	}
	if !strings.Contains(log, `"msg":"request failed"`) || !strings.Contains(log, `"principal":"friend"`) {
		t.Errorf("the log tells too little:\n%s", log)
	}
}

// net/http has a log of its own, in which it repeats what a backend sends unasked.
func TestProcessKeepsWhatABackendSendsUnasked(t *testing.T) {
	t.Parallel()
	backend := fakebackend.New(t, func(c *fakebackend.Conn, _ *fakebackend.Request) {
		c.Send(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s%s", len(answered), answered, secret))
	})
	ctx, cancel := context.WithTimeout(t.Context(), bounded)
	defer cancel()
	program := exec.CommandContext(ctx, os.Args[0], "serve", "--listen", "127.0.0.1:0", "--ops-listen", "", "--log-level", "debug")
	program.Env = []string{asProcess + "=1", "OPENAI_BASE_URL=" + backend.URL + "/v1", "SPECGATE_API_KEY=" + testToken}
	log := newLogbook()
	program.Stderr = log
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	address := regexp.MustCompile(`address=(\S+)`).FindStringSubmatch(log.await(t, "msg=listening"))[1]
	g := &running{t: t, front: "http://" + address, client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: bounded}}
	for backend.Connections() < 2 && ctx.Err() == nil { // the second is made once the first was found to be spoilt
		_ = g.do(g.request(ctx, "POST", completions, strings.NewReader(plainBody)))
	}
	if err := program.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := program.Wait(); err != nil {
		t.Error(err)
	}
	if text := log.String(); strings.Contains(text, secret) {
		t.Errorf("the log says\n%s", text)
	}
}
