package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/fakebackend"
)

// writeScript puts a script of faults into a file, and gives its path.
func writeScript(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "faults.yaml")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// startFaulty runs a gateway with a script of faults.
func startFaulty(t *testing.T, script string, replies ...fakebackend.Reply) *running {
	t.Helper()
	return startWith(t, "faults: {file: '"+writeScript(t, script)+"'}\nshutdown: {drain: 50ms}\n", replies...)
}

// wire is what came of a request, as it was on the wire.
type wire struct {
	head   string
	chunks []string // of the body, in the sizes in which they were sent
	ended  bool     // by the chunk that ends a body
}

func (w wire) body() string { return strings.Join(w.chunks, "") }

// onTheWire asks for a completion, and reads until the connection ends.
func (g *running) onTheWire(body string) wire {
	g.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(g.t.Context(), "tcp", strings.TrimPrefix(g.front, "http://"))
	if err != nil {
		g.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(bounded)); err != nil {
		g.t.Fatal(err)
	}
	_, err = io.WriteString(conn, "POST "+completions+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+testToken+
		"\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body)
	if err != nil {
		g.t.Fatal(err)
	}
	raw, err := io.ReadAll(conn)
	if err != nil {
		g.t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(raw), "\r\n\r\n")
	if !ok || !strings.Contains(head, "Transfer-Encoding: chunked") {
		g.t.Fatalf("the answer is not in chunks: %q", raw)
	}
	w := wire{head: head}
	for rest != "" {
		line, after, _ := strings.Cut(rest, "\r\n")
		size, err := strconv.ParseUint(line, 16, 32)
		if err != nil || uint64(len(after)) < size+2 {
			g.t.Fatalf("no chunk: %q", rest)
		}
		if w.ended = size == 0; !w.ended {
			w.chunks = append(w.chunks, after[:size])
		}
		rest = after[size+2:]
	}
	return w
}

var (
	firstEvent = fakebackend.Data(first)
	lastEvent  = fakebackend.Data(last)
	doneEvent  = fakebackend.Data("[DONE]")
)

func TestFaultBeforeTheFirstByte(t *testing.T) {
	t.Parallel()
	const wait = 300 * time.Millisecond
	g := startFaulty(t, "rules: [{before_first_byte: 300ms}]", fakebackend.JSON(200, answered))
	begin := time.Now()
	got := g.complete(plainBody, "X-Request-Id: slow")
	if took := time.Since(begin); took < wait || got.status != 200 || got.body != answered {
		t.Errorf("after %v: %d %s", took, got.status, got.body)
	}
	g.log.await(t, `"id":"slow"`, `"fault":"rules[0]"`, `"status":200`)
}

func TestFaultBetweenEvents(t *testing.T) {
	t.Parallel()
	const wait = 200 * time.Millisecond
	g := startFaulty(t, "rules: [{name: slowly, between_events: 200ms}]", fakebackend.Events(whole))
	begin := time.Now()
	resp, err := g.client.Do(g.request(t.Context(), "POST", completions, strings.NewReader(streamed), "X-Request-Id: slow"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	in := bufio.NewReader(resp.Body)
	line, err := in.ReadString('\n')
	if err != nil || line+"\n" != firstEvent {
		t.Fatalf("got %q, %v", line, err)
	}
	afterFirst := time.Now()
	rest, err := io.ReadAll(in)
	if err != nil || "\n"+lastEvent+doneEvent != string(rest) {
		t.Errorf("got %q, %v", rest, err)
	}
	// Two pauses lie between the three; one may have begun when the first event was read here.
	if total, tail := time.Since(begin), time.Since(afterFirst); total < 2*wait || tail < wait {
		t.Errorf("the stream took %v, %v of it after its first event", total, tail)
	}
	g.log.await(t, `"id":"slow"`, `"fault":"slowly"`)
}

func TestFaultTooManyRequests(t *testing.T) {
	t.Parallel()
	g := startFaulty(t, "rules: [{name: limited, nth: 1, status: 429, retry_after: 1500ms}]", fakebackend.JSON(200, answered))
	got := g.complete(streamed, "X-Request-Id: one")
	const want = `{"error":{"message":"Too many requests. Try again later.","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}` + "\n"
	if got.status != 429 || got.body != want {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if got.header.Get("Retry-After") != "2" || got.header.Get("X-Request-Id") != "one" {
		t.Errorf("got %v", got.header)
	}
	g.log.await(t, `"id":"one"`, `"fault":"limited"`, `"status":429`, `"code":"rate_limit_exceeded"`)
	if n := len(g.backend.Requests()); n != 0 {
		t.Errorf("the backend was asked %d times", n)
	}
	if got := g.complete(plainBody, "X-Request-Id: two"); got.status != 200 {
		t.Errorf("the second got %d %s", got.status, got.body)
	}
	if line := g.log.await(t, `"id":"two"`, `"msg":"request"`); strings.Contains(line, `"fault":`) {
		t.Errorf("nothing went wrong with %s", line)
	}
	if !regexp.MustCompile(`specgate_requests_total{[^}]*status="429"} 1\n`).MatchString(g.metrics()) {
		t.Errorf("it is not counted in\n%s", g.metrics())
	}
}

func TestFaultInternalError(t *testing.T) {
	t.Parallel()
	g := startFaulty(t, "rules: [{header: {X-Fault: broken}, status: 500}]", fakebackend.JSON(200, answered))
	got := g.complete(plainBody, "X-Request-Id: one", "X-Fault: broken")
	if got.status != 500 || !strings.Contains(got.body, `"code":"internal_error"`) || !strings.Contains(got.body, `"type":"server_error"`) {
		t.Errorf("got %d %s", got.status, got.body)
	}
	g.log.await(t, `"id":"one"`, `"msg":"request"`, `"fault":"rules[0]"`, `"status":500`, `"code":"internal_error"`)
	g.log.await(t, `"id":"one"`, `"msg":"request failed"`, `"cause":"a fault was injected"`)
	if got := g.complete(plainBody, "X-Fault: other"); got.status != 200 {
		t.Errorf("without its header: %d %s", got.status, got.body)
	}
}

// A stream that is cut has no end at all, on the wire and for a client.
func TestFaultCut(t *testing.T) {
	t.Parallel()
	for after, want := range []string{"", firstEvent, firstEvent + lastEvent, firstEvent + lastEvent} {
		t.Run(strconv.Itoa(after), func(t *testing.T) {
			t.Parallel()
			g := startFaulty(t, "rules: [{name: cut, cut_after: "+strconv.Itoa(after)+"}]", fakebackend.Events(whole))
			got := g.onTheWire(streamed)
			if !strings.HasPrefix(got.head, "HTTP/1.1 200 ") || got.ended {
				t.Errorf("head %q, ended %v", got.head, got.ended)
			}
			if diff := cmp.Diff(want, got.body()); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
			resp, err := g.client.Do(g.request(t.Context(), "POST", completions, strings.NewReader(streamed), "X-Request-Id: cut"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			if body, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) || string(body) != want {
				t.Errorf("a client got %q, %v", body, err)
			}
			g.log.await(t, `"id":"cut"`, `"fault":"cut"`, `"status":200`, `"code":""`)
		})
	}
}

// The backend is not left to generate for nobody.
func TestFaultCutGivesTheBackendUp(t *testing.T) {
	t.Parallel()
	left := make(chan struct{})
	g := startFaulty(t, "rules: [{cut_after: 1}]", func(c *fakebackend.Conn, _ *fakebackend.Request) {
		c.Head(200, fakebackend.EventStream)
		c.Chunk(firstEvent)
		c.Chunk(lastEvent)
		c.Await(nil)
		close(left)
	})
	if got := g.onTheWire(streamed); got.ended || got.body() != firstEvent {
		t.Errorf("got %q, ended %v", got.body(), got.ended)
	}
	select {
	case <-left:
	case <-time.After(bounded):
		t.Error("the backend's connection is still open")
	}
}

func TestFaultMalformed(t *testing.T) {
	t.Parallel()
	for after, want := range map[string][]string{
		"0": {"", first, last, "[DONE]"},
		"1": {first, "", last, "[DONE]"},
		"9": {first, last, "", "[DONE]"},
	} {
		t.Run(after, func(t *testing.T) {
			t.Parallel()
			g := startFaulty(t, "rules: [{name: odd, malformed_after: "+after+"}]", fakebackend.Events(whole))
			got := g.onTheWire(streamed)
			var events []string
			for data := range strings.SplitSeq(strings.TrimSuffix(got.body(), "\n\n"), "\n\n") {
				data, ok := strings.CutPrefix(data, "data: ")
				if !ok {
					t.Errorf("no event: %q", data)
				}
				if data != "[DONE]" && !json.Valid([]byte(data)) {
					data = ""
				}
				events = append(events, data)
			}
			if diff := cmp.Diff(want, events); diff != "" || !got.ended {
				t.Errorf("ended %v; events, the malformed one empty (-want +got):\n%s", got.ended, diff)
			}
			g.log.await(t, `"fault":"odd"`, `"status":200`)
		})
	}
}

// It is the end of the body that a client without [DONE] has to go by, and the body ends well.
func TestFaultNoDone(t *testing.T) {
	t.Parallel()
	g := startFaulty(t, "rules: [{name: endless, no_done: true}]", fakebackend.Events(whole))
	got := g.onTheWire(streamed)
	if diff := cmp.Diff(firstEvent+lastEvent, got.body()); diff != "" || !got.ended {
		t.Errorf("ended %v; body (-want +got):\n%s", got.ended, diff)
	}
	g.log.await(t, `"fault":"endless"`, `"status":200`)
}

func TestFaultByteByByte(t *testing.T) {
	t.Parallel()
	g := startFaulty(t, "rules: [{byte_by_byte: true, no_done: true}]", fakebackend.Events(whole))
	got := g.onTheWire(streamed)
	for _, chunk := range got.chunks {
		if len(chunk) != 1 {
			t.Fatalf("a chunk of %d bytes: %q", len(chunk), chunk)
		}
	}
	if diff := cmp.Diff(firstEvent+lastEvent, got.body()); diff != "" || !got.ended {
		t.Errorf("ended %v; body (-want +got):\n%s", got.ended, diff)
	}
	g.log.await(t, `"fault":"rules[0]"`, `"bytes":`+strconv.Itoa(len(whole)))
}

// A stream's faults leave an answer alone that is none, and the log does not say otherwise.
func TestFaultsOfStreamsLeaveOthersAlone(t *testing.T) {
	t.Parallel()
	g := startFaulty(t, "rules: [{between_events: 1h, malformed_after: 0, cut_after: 0}]", fakebackend.JSON(200, answered))
	if got := g.complete(plainBody, "X-Request-Id: plain"); got.status != 200 || got.body != answered {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if line := g.log.await(t, `"id":"plain"`, `"msg":"request"`); strings.Contains(line, `"fault":`) {
		t.Errorf("nothing went wrong with %s", line)
	}
}

// What is behind the gateway makes no difference.
func TestFaultsOfTheEmbeddedModel(t *testing.T) {
	t.Parallel()
	script := writeScript(t, "rules: [{nth: 2, cut_after: 2}, {nth: 3, byte_by_byte: true, no_done: true}, {nth: 4, status: 429}]")
	env := map[string]string{"SPECGATE_API_KEY": testToken, "SPECGATE_FAULTS": script}
	cfg, err := config.Load("", nil, func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	g := &running{t: t, log: newLogbook(), ended: make(chan error, 1), client: &http.Client{Transport: &http.Transport{}, Timeout: bounded}}
	g.serve(cfg)
	const asked = `{"model":"specgate-1","prompt":"Once upon a time","max_tokens":4,"temperature":0,"stream":true}`
	texts := func(w wire) (all []string) {
		for line := range strings.Lines(w.body()) {
			var chunk struct{ Choices []struct{ Text string } }
			if data, ok := strings.CutPrefix(line, "data: "); ok && json.Unmarshal([]byte(data), &chunk) == nil {
				all = append(all, chunk.Choices[0].Text)
			}
		}
		return all
	}
	whole, cut, bytes := g.onTheWire(asked), g.onTheWire(asked), g.onTheWire(asked)
	if !whole.ended || !strings.HasSuffix(whole.body(), doneEvent) || len(texts(whole)) < 4 {
		t.Fatalf("without a fault: ended %v, %q", whole.ended, whole.body())
	}
	if diff := cmp.Diff(texts(whole)[:2], texts(cut)); diff != "" || cut.ended {
		t.Errorf("cut: ended %v, texts (-want +got):\n%s", cut.ended, diff)
	}
	if diff := cmp.Diff(texts(whole), texts(bytes)); diff != "" || !bytes.ended || len(bytes.chunks) != len(bytes.body()) {
		t.Errorf("byte by byte: ended %v, %d chunks, texts (-want +got):\n%s", bytes.ended, len(bytes.chunks), diff)
	}
	if got := g.complete(asked); got.status != 429 {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

// Only completions that would have been made are counted, and go wrong.
func TestFaultsCountAcceptedRequests(t *testing.T) {
	t.Parallel()
	const models = `{"object":"list","data":[{"id":"m","object":"model","created":1,"owned_by":"o"}]}`
	g := startFaulty(t, "rules: [{nth: 2, status: 429}]", func(c *fakebackend.Conn, r *fakebackend.Request) {
		if r.Method == http.MethodGet {
			fakebackend.JSON(200, models)(c, r)
			return
		}
		fakebackend.JSON(200, answered)(c, r)
	})
	var got []int
	for range 2 {
		got = append(got,
			g.complete(plainBody, "Authorization: Bearer sg-wrong").status,
			g.complete(`{"model":"m","prompt":"x","temperature":3}`).status,
			g.send("GET", "/v1/models", "").status,
			g.complete(plainBody).status)
	}
	if diff := cmp.Diff([]int{401, 422, 200, 200, 401, 422, 200, 429}, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
}

// Nobody waits out a pause for a caller who has left.
func TestFaultEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ rule, request string }{
		"before": {"before_first_byte: 1h, status: 500", plainBody},
		"within": {"between_events: 1h", streamed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startFaulty(t, "rules: [{"+test.rule+"}]", fakebackend.Events(whole))
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			resp, err := g.client.Do(g.request(ctx, "POST", completions, strings.NewReader(test.request)))
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the answer ended with %v", err)
			}
			g.log.await(t, `"msg":"request"`, `"fault":"rules[0]"`, `"status":499`)
		})
	}
}

// A gateway that ends waits out no pause, and says so as ever.
func TestFaultEndsWithTheGateway(t *testing.T) {
	t.Parallel()
	g := startFaulty(t, "rules: [{before_first_byte: 1h}]", fakebackend.JSON(200, answered))
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(int, textproto.MIMEHeader) error { g.end(); return nil }, // the body is being read
	})
	got := g.do(g.request(ctx, "POST", completions, strings.NewReader(plainBody), "Expect: 100-continue"))
	if got.status != 503 || !strings.Contains(got.body, `"unavailable"`) {
		t.Errorf("got %d %s", got.status, got.body)
	}
	g.log.await(t, `"msg":"request"`, `"fault":"rules[0]"`, `"status":503`)
}

func TestFaultWithinAStreamEndsWithTheGateway(t *testing.T) {
	t.Parallel()
	g := startFaulty(t, "rules: [{between_events: 1h}]", func(c *fakebackend.Conn, _ *fakebackend.Request) {
		c.Head(200, fakebackend.EventStream)
		c.Chunk(firstEvent + lastEvent)
		c.Await(nil)
	})
	resp, err := g.client.Do(g.request(t.Context(), "POST", completions, strings.NewReader(streamed)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	in := bufio.NewReader(resp.Body)
	if _, err := in.Peek(len(firstEvent)); err != nil {
		t.Fatal(err)
	}
	g.end()
	body, err := io.ReadAll(in)
	if err != nil || !strings.HasPrefix(string(body), firstEvent+lastEvent+`data: {"error":`) || !strings.Contains(string(body), `"unavailable"`) {
		t.Errorf("got %q, %v", body, err)
	}
}

// A script that is in disorder stops the start, with all that is wrong with it.
func TestFaultsAreRefusedAtTheStart(t *testing.T) {
	bad := writeScript(t, "rules:\n  - nth: 0\n    status: 418\n  - cut: 1\n")
	good := writeScript(t, "rules: [{status: 500}]\n")
	const cut = " means nothing: a rule has header, name, nth, every, from, to, probability, before_first_byte, between_events, status, retry_after, cut_after, malformed_after, no_done, byte_by_byte\n"
	problems := "specgate: " + bad + ":2: rules[0].nth must be an integer, 1 or more: requests are counted from 1\n" +
		"specgate: " + bad + ":3: rules[0].status must be 429 or 500\n" +
		"specgate: " + bad + ":4: rules[1].cut" + cut +
		"specgate: " + bad + ":4: rules[1] does nothing: say what is to go wrong, such as status: 500\n"
	note := func(file string) string {
		return "completions go wrong on purpose, as " + file + " says (faults.file)"
	}
	env := map[string]string{"OPENAI_BASE_URL": "http://gpu/v1", "SPECGATE_API_KEY": "sg-of-16-characters"}
	tests := []struct {
		line   string
		code   int
		stderr string
	}{
		{"serve --listen 127.0.0.1:0 --ops-listen= --faults " + bad, 1, problems},
		{"config check --faults " + bad, 1, problems},
		{"config check --faults " + good, 0, "specgate: note: " + note(good) + "\n"},
		{"serve --listen 127.0.0.1:0 --ops-listen= --faults none.yaml", 1, "specgate: faults.file cannot be read: open none.yaml: no such file or directory\n"},
		{"config check --listen 127.0.0.1:0 --faults none.yaml", 1, "specgate: faults.file cannot be read: open none.yaml: no such file or directory\n"},
		{"serve --listen :8420 --faults " + good, 1, "specgate: --faults: faults.file is set, and others can reach listen (:8420): listen on 127.0.0.1, or set faults.allow to true\n"},
	}
	for _, test := range tests {
		got := invoke(t, test.line, env)
		if diff := cmp.Diff(test.stderr, got.stderr); diff != "" || got.code != test.code {
			t.Errorf("%s: exit code %d; standard error (-want +got):\n%s", test.line, got.code, diff)
		}
	}
}
