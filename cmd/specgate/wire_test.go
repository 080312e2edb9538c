package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/fakebackend"
	"github.com/specgate/specgate/internal/sse"
)

// inAllForms is a stream in which no two events are framed alike.
var inAllForms = "\uFEFF: hello\r\nevent: completion\r\nid: 1\r\nretry: 10\r\ndata:" + first + "\r\n\r\n" +
	":\n\n: ping\n" + "id\ndata: {" + names + ",\rdata: \"choices\":[{\"text\":\" b\",\r\ndata:\"index\":0,\"logprobs\":null,\n: x\ndata:  \"finish_reason\":\"stop\"}]}\r\r" +
	"event: error\ndata: " + first + "\n\n" + "data\n\n" + "data: [DONE]\r\n\r\n"

var splitStreams = []struct{ golden, stream string }{
	{"stream_in_all_forms", inAllForms},
	{"stream_error_openai", fakebackend.Data(first, `{"error":{"message":"The server is overloaded","type":"server_error","param":null,"code":"overloaded"}}`)},
	{"stream_error_llamacpp_old", fakebackend.Data(first) + "error: {\"code\":500,\"message\":\"Context size has been exceeded.\",\"type\":\"server_error\"}\n\n" + fakebackend.Data("[DONE]")},
}

// Wherever the network splits a stream, the caller gets the same bytes.
func TestStreamIsSplitAnywhere(t *testing.T) {
	t.Parallel()
	for _, test := range splitStreams {
		t.Run(test.golden, func(t *testing.T) {
			t.Parallel()
			g := start(t, func(c *fakebackend.Conn, r *fakebackend.Request) {
				at, _ := strconv.Atoi(r.Header.Get("X-Request-Id"))
				fakebackend.Events(test.stream[:at], test.stream[at:])(c, r)
			})
			mustMatchGolden(t, test.golden, g.complete(streamed, "X-Request-Id: 1").body)
			for at := 1; at < len(test.stream) && !t.Failed(); at++ {
				if got := g.complete(streamed, "X-Request-Id: "+strconv.Itoa(at)); got.status != 200 {
					t.Errorf("split at %d: got %d %s", at, got.status, got.body)
				} else {
					mustMatchGolden(t, test.golden, got.body)
				}
			}
		})
	}
}

// The network may join again what a backend wrote apart. Here each part is read by itself.
func TestEventsAreSplitAnywhere(t *testing.T) {
	t.Parallel()
	read := func(source io.Reader) (all []string) {
		for events := sse.NewReader(source, 0); ; {
			e, err := events.Next()
			if err != nil {
				return append(all, err.Error())
			}
			all = append(all, fmt.Sprint(e.Kind, string(e.Data)))
		}
	}
	for _, test := range splitStreams {
		want := read(strings.NewReader(test.stream))
		for at := range test.stream {
			got := read(io.MultiReader(strings.NewReader(test.stream[:at]), strings.NewReader(test.stream[at:])))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s, split at %d (-whole +split):\n%s", test.golden, at, diff)
			}
		}
	}
}

// cutAnswer is an answer of a backend that closes its connection after some bytes of it.
type cutAnswer struct {
	request string
	head    string
	body    string
	data    func(body string) string // what a body holds, as far as it has come
	events  bool
	whole   func(data string, cut int) bool // whether nothing is missing
}

func (a cutAnswer) raw() string { return a.head + a.body }

// dechunked is what there is in the chunks of a body that may be cut off.
func dechunked(body string) (data string) {
	for {
		line, rest, ok := strings.Cut(body, "\r\n")
		size, err := strconv.ParseInt(line, 16, 64)
		if !ok || err != nil || size == 0 {
			return data
		}
		n := min(int(size), len(rest))
		data, body = data+rest[:n], rest[n:]
		body = strings.TrimPrefix(body, "\r\n")
	}
}

func asIs(body string) string { return body }

// Wherever a backend is cut off, its caller gets each event that came whole, and then an error: never a
// success that was none.
func TestAnswerIsCutAnywhere(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: " // or the next request could meet the end
	all := map[string]cutAnswer{
		"plain": {
			request: plainBody, body: answered, data: asIs,
			head:  ok + fmt.Sprintf("application/json\r\nContent-Length: %d\r\n\r\n", len(answered)),
			whole: func(data string, _ int) bool { return data == answered },
		},
		"plain, in chunks": {
			request: plainBody, data: dechunked,
			head:  ok + "application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
			body:  chunk(answered[:50]) + chunk(answered[50:]) + "0\r\n\r\n",
			whole: func(_ string, left int) bool { return left == 0 },
		},
		"stream": {
			request: streamed, data: dechunked, events: true,
			head:  ok + "text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
			body:  chunk(fakebackend.Data(first)) + chunk(fakebackend.Data(last)[:20]) + chunk(fakebackend.Data(last)[20:]) + chunk(fakebackend.Data("[DONE]")) + "0\r\n\r\n",
			whole: func(data string, _ int) bool { return data == whole },
		},
		"stream that ends with its connection": { // so that [DONE] needs no empty line
			request: streamed, data: asIs, events: true,
			head:  ok + "text/event-stream\r\n\r\n",
			body:  whole,
			whole: func(data string, _ int) bool { return strings.HasSuffix(strings.TrimRight(data, "\n"), "data: [DONE]") },
		},
	}
	for name, answer := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw := answer.raw()
			g := start(t, func(c *fakebackend.Conn, r *fakebackend.Request) {
				at, _ := strconv.Atoi(r.Header.Get("X-Request-Id"))
				fakebackend.Raw(raw[:at])(c, r)
			})
			var callers sync.WaitGroup
			const width = 4
			for first := range width {
				callers.Go(func() {
					for at := first; at <= len(raw) && !t.Failed(); at += width {
						mustTellOfCut(t, g, answer, at)
					}
				})
			}
			callers.Wait()
		})
	}
}

// mustTellOfCut asks for an answer that is cut off.
func mustTellOfCut(t *testing.T, g *running, a cutAnswer, at int) {
	t.Helper()
	resp, err := g.client.Do(g.request(t.Context(), "POST", completions, strings.NewReader(a.request), "X-Request-Id: "+strconv.Itoa(at)))
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("cut at %d: the answer does not end well: %v", at, err)
	}
	got := answer{resp.StatusCode, resp.Header, string(body)}
	mustKeepContract(t, completions, got)
	status, want, retry := a.afterCut(at)
	if got.status != status || got.header.Get("X-Should-Retry") != retry {
		log := g.log.await(t, `"msg":"request failed"`, fmt.Sprintf(`"id":"%d"`, at))
		t.Errorf("cut at %d: got %d, x-should-retry %q\n%s\n%s", at, got.status, got.header.Get("X-Should-Retry"), body, log)
	}
	if diff := cmp.Diff(want, got.body); diff != "" && status == http.StatusOK {
		t.Errorf("cut at %d (-want +got):\n%s", at, diff)
	}
	if status != http.StatusOK && !strings.Contains(got.body, `"code":"upstream_error"`) {
		t.Errorf("cut at %d: got %s", at, body)
	}
}

// afterCut is what the caller has to get: the body where it is a 200, and x-should-retry.
func (a cutAnswer) afterCut(at int) (status int, body, retry string) {
	if at < len(a.head) {
		return http.StatusBadGateway, "", ""
	}
	data := a.data(a.raw()[len(a.head):at])
	isWhole := a.whole(data, len(a.raw())-at)
	switch {
	case a.events && isWhole:
		return http.StatusOK, whole, ""
	case a.events:
		return http.StatusOK, data[:strings.LastIndex("\n\n"+data, "\n\n")] + fakebackend.Data(cutOff), ""
	case isWhole:
		return http.StatusOK, data, ""
	default:
		return http.StatusBadGateway, "", "false"
	}
}

const cutOff = `{"error":{"message":"` + brokeOff + `","type":"server_error","param":null,"code":"upstream_error"}}`

// A keepalive comment comes while half of an event is here, and never within one.
func TestPingsStandBetweenEvents(t *testing.T) {
	t.Parallel()
	const rounds = 20
	pinged := make(chan struct{})
	g := startWith(t, "stream: {keepalive: 1ms}\n", func(c *fakebackend.Conn, _ *fakebackend.Request) {
		c.Head(200, fakebackend.EventStream)
		event := fakebackend.Data(first)
		for at := range rounds {
			at = 1 + at*(len(event)-2)/rounds
			c.Chunk(event[:at])
			if !c.Await(pinged) {
				return
			}
			c.Chunk(event[at:])
		}
		c.Chunk(fakebackend.Data(last, "[DONE]"))
		c.End()
	})
	in := g.open()
	text := ""
	for range rounds {
		for line := ""; line != ": ping\n"; text += line {
			line = readLine(t, in)
		}
		pinged <- struct{}{}
	}
	text += readRest(t, in)
	mustBeStream(t, text)
	if got, want := strings.ReplaceAll(text, ": ping\n", ""), many(rounds, fakebackend.Data(first))+fakebackend.Data(last, "[DONE]"); got != want {
		t.Errorf("without its pings, the stream is %s", abridged(got))
	}
}

// An event of 5 MB passes whole, however it is framed.
func TestLargeEventInEachForm(t *testing.T) {
	t.Parallel()
	text := many(500_000, "0123456789")
	large := piece(text, "null", "")
	begin, end, _ := strings.Cut(large, text)
	lines := "data:" + begin + text + "\",\ndata:" + strings.TrimPrefix(end, `",`) + "\n\n"
	forms := map[string]struct{ stream, want string }{
		"no space, CRLF": {"data:" + large + "\r\n\r\n", large},
		"CR":             {"data: " + large + "\r\r", large},
		"several lines":  {lines, begin + text + `", ` + strings.TrimPrefix(end, `",`)},
		"commented":      {": " + text + "\ndata: " + large + "\n: " + text + "\n\n", large},
	}
	replies := script{}
	for name, form := range forms {
		pieces, rest := []string{}, form.stream+fakebackend.Data("[DONE]")
		for ; len(rest) > 99_991; rest = rest[99_991:] {
			pieces = append(pieces, rest[:99_991])
		}
		replies[idOf(name)] = fakebackend.Events(append(pieces, rest)...)
	}
	g := start(t, replies.reply)
	for name, form := range forms {
		req := g.request(t.Context(), "POST", completions, strings.NewReader(streamed), "X-Request-Id: "+idOf(name))
		if got := g.do(req).body; got != fakebackend.Data(form.want, "[DONE]") {
			t.Errorf("%s: %d bytes came of %d: %s", name, len(got), len(form.want), abridged(got))
		}
	}
}

// connect opens a connection to the gateway, which holds as little unread as the system lets it.
func (g *running) connect() *net.TCPConn {
	g.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(g.t.Context(), "tcp", strings.TrimPrefix(g.front, "http://"))
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = conn.Close() })
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		g.t.Fatalf("the connection is a %T", conn)
	}
	if err := errors.Join(tcp.SetReadBuffer(32<<10), tcp.SetReadDeadline(deadline())); err != nil {
		g.t.Fatal(err)
	}
	return tcp
}

// rawRequest is a request for a completion, as it stands on the wire.
func rawRequest(protocol, body string, header ...string) string {
	lines := append([]string{
		"POST " + completions + " HTTP/" + protocol, "Host: x", "Authorization: Bearer " + testToken,
		"Content-Type: application/json", fmt.Sprintf("Content-Length: %d", len(body)),
	}, header...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + body
}

func mustWrite(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
}

// After an error event the body ends cleanly: nothing overtakes the event, and the connection is as good
// as new. A caller of HTTP/1.0 gets the same, and the end of the connection.
func TestErrorEventEndsTheBodyWell(t *testing.T) {
	t.Parallel()
	const reported = `{"error":{"message":"The server is overloaded","type":"server_error","param":null,"code":"overloaded"}}`
	for golden, reply := range map[string]fakebackend.Reply{
		"stream_error_openai":    fakebackend.Events(fakebackend.Data(first, reported), fakebackend.Data(last, "[DONE]")),
		"stream_cut_in_event":    fakebackend.Reset(streamHead + chunk(fakebackend.Data(first)) + "ff\r\ndata"),
		"stream_cut_before_done": fakebackend.Events(fakebackend.Data(first, last)),
		"stall":                  fakebackend.Stall(streamHead + chunk(fakebackend.Data(first))),
		"unreadable":             fakebackend.Stall(streamHead + chunk(fakebackend.Data(first)) + "nonsense\r\n"),
	} {
		t.Run(golden, func(t *testing.T) {
			t.Parallel()
			g := startWith(t, "upstreams: {gpu: {base_url: '${OPENAI_BASE_URL}', timeouts: {idle: 300ms}}}\n", reply)
			conn := g.connect()
			in := bufio.NewReader(conn)
			for range 2 {
				mustWrite(t, conn, rawRequest("1.1", streamed))
				resp, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if err != nil || resp.Close || len(resp.TransferEncoding) != 1 {
					t.Errorf("the body ends with %v, the connection closes: %v", err, resp.Close)
				}
				mustMatchGolden(t, golden, string(body))
			}
			old := g.connect()
			mustWrite(t, old, rawRequest("1.0", streamed))
			all, err := io.ReadAll(old)
			if err != nil {
				t.Fatal(err)
			}
			head, body, _ := strings.Cut(string(all), "\r\n\r\n")
			if !strings.HasPrefix(head, "HTTP/1.0 200 ") || strings.Contains(head, "chunked") {
				t.Errorf("got %s", head)
			}
			mustMatchGolden(t, golden, body)
		})
	}
}
