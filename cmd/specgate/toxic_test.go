package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	toxics "github.com/Shopify/toxiproxy/v2/client"
	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/fakebackend"
)

// The limits that a toxic runs into are short, and all others are left as they are: long.
const (
	hastyFirstByte = "first_byte: 200ms"
	hastyIdle      = "idle: 100ms"
	hastyTotal     = "total: 400ms"
	forever        = 3_600_000 // milliseconds
)

var (
	toldUnreachable = told{502, "server_error", "null", "upstream_error", "The backend could not be reached.", "", ""}
	toldBrokeOff    = told{502, "server_error", "null", "upstream_error", brokeOff, "", ""}
	toldUnreadable  = told{502, "server_error", "null", "upstream_error", unreadable, "", ""}
	toldTooSlow     = told{504, "server_error", "null", "upstream_timeout", "The backend took too long to answer.", "", ""}
)

// wholeOf answers a request as it was asked to, streamed or not.
func wholeOf(c *fakebackend.Conn, r *fakebackend.Request) {
	reply := fakebackend.JSON(200, answered)
	if strings.Contains(string(r.Body), `"stream":true`) {
		reply = fakebackend.Events(pieces(whole)...)
	}
	reply(c, r)
}

// Whatever the network does: the caller gets the whole answer, or is told in the contract's words that
// there is none, and in time.
func TestToxics(t *testing.T) {
	t.Parallel()
	client := startToxiproxy(t)
	t.Run("before the answer", func(t *testing.T) { beforeTheAnswer(t, client) })
	t.Run("within a body", func(t *testing.T) { withinABody(t, client) })
	t.Run("within a stream", func(t *testing.T) { withinAStream(t, client) })
	t.Run("midway", func(t *testing.T) { midway(t, client) })
	t.Run("slow", func(t *testing.T) { merelySlow(t, client) })
	t.Run("a real backend", func(t *testing.T) { realBackend(t, client) })
}

func beforeTheAnswer(t *testing.T, client *toxics.Client) {
	t.Helper()
	const statusLine = len("HTTP/1.1 200 OK\r\n")
	tests := map[string]struct {
		timeouts string
		toxics   []toxic
		want     told
	}{
		"TLS is not answered":                 {"connect: 200ms", []toxic{fromBackend("timeout", "timeout", 0)}, toldTooSlow},
		"TLS is not heard":                    {"connect: 200ms", []toxic{toBackend("timeout", "timeout", 0)}, toldTooSlow},
		"TLS is answered late":                {"connect: 200ms", []toxic{fromBackend("latency", "latency", forever)}, toldTooSlow},
		"TLS takes all of the time":           {hastyTotal, []toxic{fromBackend("timeout", "timeout", 0)}, toldTooSlow},
		"TLS is reset":                        {"", []toxic{toBackend("reset_peer", "timeout", 0)}, toldBrokeOff},
		"the request is swallowed":            {hastyFirstByte, []toxic{toBackend("timeout", "timeout", 0)}, toldTooSlow},
		"the request is late":                 {hastyFirstByte, []toxic{toBackend("latency", "latency", forever)}, toldTooSlow},
		"the request trickles":                {hastyFirstByte, []toxic{toBackend("slicer", "average_size", 1, "delay", 100_000)}, toldTooSlow},
		"the request is cut in its headers":   {"", []toxic{toBackend("limit_data", "bytes", 30)}, toldBrokeOff},
		"the request is cut in its body":      {"", []toxic{toBackend("limit_data", "bytes", 2000)}, toldBrokeOff},
		"the request is reset":                {"", []toxic{toBackend("reset_peer", "timeout", 0)}, toldBrokeOff},
		"the request is reset in time":        {"", []toxic{toBackend("reset_peer", "timeout", 50)}, toldBrokeOff},
		"the request is dropped, then closed": {"", []toxic{toBackend("timeout", "timeout", 50)}, toldBrokeOff},
		"the answer is swallowed":             {hastyFirstByte, []toxic{fromBackend("timeout", "timeout", 0)}, toldTooSlow},
		"the answer is late":                  {hastyFirstByte, []toxic{fromBackend("latency", "latency", forever, "jitter", 1000)}, toldTooSlow},
		"the answer is late for all":          {hastyTotal, []toxic{fromBackend("latency", "latency", forever)}, toldTooSlow},
		"the answer is reset":                 {"", []toxic{fromBackend("reset_peer", "timeout", 0)}, toldBrokeOff},
		"the answer is reset in time":         {"", []toxic{fromBackend("reset_peer", "timeout", 50)}, toldBrokeOff},
		"the answer is dropped, then closed":  {"", []toxic{fromBackend("timeout", "timeout", 50)}, toldBrokeOff},
		"the headers trickle":                 {hastyFirstByte, []toxic{fromBackend("slicer", "average_size", 1, "delay", 100_000)}, toldTooSlow},
		"the status is cut":                   {"", []toxic{fromBackend("limit_data", "bytes", 5)}, toldUnreadable},
		"the headers are cut":                 {"", []toxic{fromBackend("limit_data", "bytes", statusLine+10)}, toldUnreadable},
		"the headers are cut between two":     {"", []toxic{fromBackend("limit_data", "bytes", statusLine)}, toldBrokeOff},
		"the headers are cut with a reset":    {"", resetAfter(statusLine), toldBrokeOff},
	}
	all, backends := map[string]trial{}, map[string]*fakebackend.Backend{}
	overTLS := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(overTLS.Close)
	for name, test := range tests {
		backends[name] = fakebackend.New(t, wholeOf)
		all[name] = trial{backend: backends[name].URL, timeouts: test.timeouts, toxics: test.toxics}
		if strings.HasPrefix(name, "TLS") {
			all[name] = trial{backend: "http://" + overTLS.Listener.Addr().String(), tls: true, timeouts: test.timeouts, toxics: test.toxics}
		}
	}
	all["nobody listens"], all["nobody is behind it"] = trial{backend: overTLS.URL}, trial{backend: deadAddress(t)}
	shared := tryAll(t, client, all)
	for name, test := range tests {
		for kind, request := range map[string]string{"plain": plainBody, "stream": streamed} {
			t.Run(name+", "+kind, func(t *testing.T) {
				t.Parallel()
				if diff := cmp.Diff(test.want, tell(t, shared.in(t).try(name, request+many(1<<20, " ")))); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if n := calls(backends[name]); n > 2 {
					t.Errorf("the backend was asked %d times", n)
				}
			})
		}
	}
	t.Run("nobody listens", func(t *testing.T) {
		t.Parallel()
		if err := shared.networks["nobody listens"].Disable(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(toldUnreachable, tell(t, shared.in(t).try("nobody listens", plainBody))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("nobody is behind it", func(t *testing.T) {
		t.Parallel()
		if diff := cmp.Diff(toldBrokeOff, tell(t, shared.in(t).try("nobody is behind it", plainBody))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func withinABody(t *testing.T, client *toxics.Client) {
	t.Helper()
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	declared := head + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(answered))
	long := head + "Content-Length: 4000\r\n\r\n" + answered + many(4000-len(answered), " ")
	chunked := head + "Transfer-Encoding: chunked\r\n\r\n" + chunk(answered) + "0\r\n\r\n"
	const undeclared = head + "Connection: close\r\n\r\n" // the body ends with the connection
	noJSON := told{502, "server_error", "null", "upstream_error", "The backend's answer cannot be used: it is not JSON.", "", ""}
	cut := func(n int) []toxic { return []toxic{fromBackend("limit_data", "bytes", n)} }
	tests := map[string]struct {
		answer   string
		timeouts string
		toxics   []toxic
		want     told
	}{
		"cut":                        {declared + answered, "", cut(len(declared) + 20), toldBrokeOff},
		"cut before the body":        {declared + answered, "", cut(len(declared)), toldBrokeOff},
		"cut before the last byte":   {declared + answered, "", cut(len(declared+answered) - 1), toldBrokeOff},
		"reset":                      {declared + answered, "", resetAfter(len(declared) + 20), toldBrokeOff},
		"cut within a chunk":         {chunked, "", cut(len(chunked) - 50), toldBrokeOff},
		"cut before the last chunk":  {chunked, "", cut(len(chunked) - len("0\r\n\r\n")), toldBrokeOff},
		"cut where nothing tells it": {undeclared + answered, "", cut(len(undeclared) + 20), noJSON},
		"trickles":                   {long, "idle: 50ms", []toxic{fromBackend("bandwidth", "rate", 1)}, toldTooSlow},
		"slow for all":               {long, "total: 1s", []toxic{fromBackend("bandwidth", "rate", 1)}, toldTooSlow},
		"does not close":             {undeclared + answered, hastyIdle, []toxic{fromBackend("slow_close", "delay", forever)}, toldTooSlow},
	}
	all, backends := map[string]trial{}, map[string]*fakebackend.Backend{}
	for name, test := range tests {
		backends[name] = fakebackend.New(t, fakebackend.Raw(test.answer))
		all[name] = trial{backend: backends[name].URL, timeouts: test.timeouts, toxics: test.toxics}
	}
	shared := tryAll(t, client, all)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.want.Should = "false" // it was generated, and would be paid for again
			if diff := cmp.Diff(test.want, tell(t, shared.in(t).try(name, plainBody))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if n := calls(backends[name]); n != 1 {
				t.Errorf("the backend was asked %d times", n)
			}
		})
	}
}

// chunk is a chunk of a body.
func chunk(data string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(data), data) }

const streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

func withinAStream(t *testing.T, client *toxics.Client) {
	t.Helper()
	slow := chunk(many(200, ": this says nothing\n")) // 4 seconds at 1 KB a second
	a, b, done := chunk(fakebackend.Data(first)), chunk(fakebackend.Data(last)), chunk(fakebackend.Data("[DONE]"))
	cut := func(n int) []toxic { return []toxic{fromBackend("limit_data", "bytes", n)} }
	tests := map[string]struct {
		timeouts string
		toxics   []toxic
		golden   string // of what the caller gets
	}{
		"cut before any event":            {"", cut(len(streamHead)), "stream_cut_at_once"},
		"cut in the first event":          {"", cut(len(streamHead) + 40), "stream_cut_at_once"},
		"cut after the first event":       {"", cut(len(streamHead + a)), "stream_cut_in_event"},
		"cut in a size":                   {"", cut(len(streamHead+a) + 1), "stream_cut_in_event"},
		"cut in the second event":         {"", cut(len(streamHead+a) + 60), "stream_cut_in_event"},
		"cut before done":                 {"", cut(len(streamHead + a + b)), "stream_cut_before_done"},
		"cut in done":                     {"", cut(len(streamHead+a+b) + len("e\r\ndata: [DO")), "stream_cut_before_done"},
		"cut before the last empty line":  {"", cut(len(streamHead+a+b) + len("e\r\ndata: [DONE]\n")), "stream_cut_before_done"},
		"cut after done":                  {"", cut(len(streamHead + a + b + done)), "stream_plain"},
		"reset before any event":          {"", resetAfter(len(streamHead)), "stream_cut_at_once"},
		"reset in the second event":       {"", resetAfter(len(streamHead+a) + 60), "stream_cut_in_event"},
		"slow for all":                    {"total: 1s", []toxic{fromBackend("bandwidth", "rate", 1)}, "stall_at_once"},
		"a piece is late":                 {"idle: 50ms", []toxic{fromBackend("bandwidth", "rate", 1)}, "stall_at_once"},
		"closes late after done":          {"", []toxic{fromBackend("slow_close", "delay", forever)}, "stream_plain"},
		"closes late after done, asked":   {"", []toxic{toBackend("slow_close", "delay", forever)}, "stream_plain"},
		"closes late after it was cut":    {"idle: 500ms", append(cut(len(streamHead+a)+60), fromBackend("slow_close", "delay", forever)), "stall"},
		"closes late, but before a pause": {"idle: 10s", append(cut(len(streamHead+a)+60), fromBackend("slow_close", "delay", 100)), "stream_cut_in_event"},
	}
	all := map[string]trial{}
	for name, test := range tests {
		events := a + b + done + "0\r\n\r\n"
		if test.golden == "stall_at_once" {
			events = slow + events
		}
		all[name] = trial{backend: fakebackend.New(t, fakebackend.Raw(streamHead+events)).URL, timeouts: test.timeouts, toxics: test.toxics}
	}
	shared := tryAll(t, client, all)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := shared.in(t).try(name, streamed)
			if got.status != 200 {
				t.Errorf("got %d", got.status)
			}
			mustMatchGolden(t, test.golden, got.body)
		})
	}
}

// midway has the network fall ill when the caller has read the first event.
func midway(t *testing.T, client *toxics.Client) {
	t.Helper()
	tests := map[string]struct {
		timeouts string
		toxics   []toxic
		golden   string
	}{
		"swallowed":              {"idle: 1s", []toxic{fromBackend("timeout", "timeout", 0)}, "stall"},
		"swallowed, in total":    {"total: 3s", []toxic{fromBackend("timeout", "timeout", 0)}, "stall"},
		"swallowed, then closed": {"", []toxic{fromBackend("timeout", "timeout", 50)}, "stream_cut_in_event"},
		"late":                   {"idle: 1s", []toxic{fromBackend("latency", "latency", forever)}, "stall"},
		"late, but in time":      {"idle: 10s", []toxic{fromBackend("latency", "latency", 150, "jitter", 100)}, "stream_plain"},
		"reset":                  {"", []toxic{fromBackend("reset_peer", "timeout", 0)}, "stream_cut_in_event"},
		"nothing more is heard":  {"", []toxic{toBackend("timeout", "timeout", 0)}, "stream_plain"},
		"byte by byte":           {"", []toxic{fromBackend("slicer", "average_size", 1, "delay", 10)}, "stream_plain"},
		"slow":                   {"", []toxic{fromBackend("bandwidth", "rate", 2)}, "stream_plain"},
	}
	all, ill := map[string]trial{}, map[string]chan struct{}{}
	for name, test := range tests {
		ill[name] = make(chan struct{})
		backend := fakebackend.New(t, func(c *fakebackend.Conn, _ *fakebackend.Request) {
			c.Head(200, fakebackend.EventStream)
			c.Chunk(fakebackend.Data(first))
			c.Await(ill[name])
			c.Chunk(fakebackend.Data(last))
			c.Chunk(fakebackend.Data("[DONE]"))
			c.End()
		})
		all[name] = trial{backend: backend.URL, timeouts: test.timeouts}
	}
	gone := make(chan struct{})
	all["the network is gone"] = trial{backend: fakebackend.New(t, func(c *fakebackend.Conn, _ *fakebackend.Request) {
		c.Head(200, fakebackend.EventStream)
		c.Chunk(fakebackend.Data(first))
		c.Await(nil)
		close(gone)
	}).URL}
	shared := tryAll(t, client, all)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := shared.in(t).openFor(forTrial(name, streamed))
			begin := readLine(t, in)
			intoxicate(t, shared.networks[name], test.toxics)
			close(ill[name])
			mustMatchGolden(t, test.golden, begin+readRest(t, in))
		})
	}
	t.Run("the network is gone", func(t *testing.T) {
		t.Parallel()
		in := shared.in(t).openFor(forTrial("the network is gone", streamed))
		begin := readLine(t, in)
		if err := shared.networks["the network is gone"].Disable(); err != nil {
			t.Fatal(err)
		}
		mustMatchGolden(t, "stream_cut_in_event", begin+readRest(t, in))
		<-gone
	})
}

// openFor asks for a stream, and returns with its headers; the events are read as they come.
func (g *running) openFor(request string) *bufio.Reader {
	g.t.Helper()
	resp, err := g.client.Do(g.request(g.t.Context(), "POST", completions, strings.NewReader(request)))
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		g.t.Fatalf("got %d", resp.StatusCode)
	}
	return bufio.NewReader(resp.Body)
}

// slowness is all that may be wrong with a network that loses nothing.
var slowness = map[string][]toxic{
	"latency":            {fromBackend("latency", "latency", 30)},
	"latency and jitter": {fromBackend("latency", "latency", 30, "jitter", 30), toBackend("latency", "latency", 30, "jitter", 30)},
	"bandwidth":          {fromBackend("bandwidth", "rate", 8), toBackend("bandwidth", "rate", 8)},
	"slow close":         {fromBackend("slow_close", "delay", 100), toBackend("slow_close", "delay", 100)},
	"slicer":             {fromBackend("slicer", "average_size", 4, "delay", 10), toBackend("slicer", "average_size", 1, "delay", 10)},
	"slicer and jitter":  {fromBackend("slicer", "average_size", 50, "size_variation", 40, "delay", 100), fromBackend("latency", "latency", 5, "jitter", 5)},
	"all of it": {
		fromBackend("latency", "latency", 10, "jitter", 10), fromBackend("slicer", "average_size", 20, "size_variation", 10, "delay", 50),
		fromBackend("bandwidth", "rate", 20), fromBackend("slow_close", "delay", 50),
	},
}

func merelySlow(t *testing.T, client *toxics.Client) {
	t.Helper()
	all, backends := map[string]trial{}, map[string]*fakebackend.Backend{}
	for name, slow := range slowness {
		backends[name] = fakebackend.New(t, wholeOf)
		all[name] = trial{backend: backends[name].URL, toxics: slow}
	}
	shared := tryAll(t, client, all)
	for name := range slowness {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := shared.in(t)
			if got := g.try(name, plainBody); got.status != 200 || got.body != answered {
				t.Errorf("got %d %s", got.status, got.body)
			}
			mustMatchGolden(t, "stream_plain", g.try(name, streamed).body)
			var got []string
			for _, r := range backends[name].Requests() {
				got = append(got, string(r.Body))
			}
			if diff := cmp.Diff([]string{forTrial(name, plainBody), forTrial(name, streamed)}, got); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

// realBackend has a second gateway with its embedded model, in a process of its own, for a backend.
func realBackend(t *testing.T, client *toxics.Client) {
	t.Helper()
	const (
		plain  = `{"model":"m","prompt":"The rain","max_tokens":60,"seed":7}`
		stream = `{"model":"m","prompt":"The rain","max_tokens":60,"seed":7,"stream":true}`
	)
	broken := map[string]struct {
		timeouts string
		toxics   []toxic
		code     string
	}{
		"cut":         {"", []toxic{fromBackend("limit_data", "bytes", 2500)}, "upstream_error"},
		"reset":       {"", resetAfter(2500), "upstream_error"},
		"late pieces": {"idle: 50ms", []toxic{fromBackend("bandwidth", "rate", 2)}, "upstream_timeout"},
		"in total":    {"total: 1500ms", []toxic{fromBackend("bandwidth", "rate", 2)}, "upstream_timeout"},
	}
	url := startProcess(t, "").url
	all := map[string]trial{"well": {backend: url, model: "specgate-1"}}
	for name, slow := range slowness {
		all[name] = trial{backend: url, model: "specgate-1", toxics: slow}
	}
	for name, test := range broken {
		all[name] = trial{backend: url, model: "specgate-1", timeouts: test.timeouts, toxics: test.toxics}
	}
	shared := tryAll(t, client, all)
	want := textOf(t, shared.in(t).try("well", plain))
	for name := range slowness {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(want, textOf(t, shared.in(t).try(name, plain))); diff != "" {
				t.Errorf("plain (-want +got):\n%s", diff)
			}
		})
		t.Run(name+", stream", func(t *testing.T) {
			t.Parallel()
			if text, end := streamText(t, shared.in(t).try(name, stream)); text != want || end != "" {
				t.Errorf("%q, %s", text, end)
			}
		})
	}
	for name, test := range broken {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, end := streamText(t, shared.in(t).try(name, stream))
			if !strings.HasPrefix(want, text) || text == want || end != test.code {
				t.Errorf("%q, %s", text, end)
			}
		})
	}
}

func textOf(t *testing.T, got answer) string {
	t.Helper()
	if got.status != http.StatusOK {
		t.Fatalf("got %d %s", got.status, abridged(got.body))
	}
	return textIn(t, got.body)
}

func textIn(t *testing.T, document string) string {
	t.Helper()
	var w written
	if err := json.Unmarshal([]byte(document), &w); err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	return strings.Join(w.texts(), "")
}

// streamText is the text of a stream, and the code of the error that ended it; "" for [DONE].
func streamText(t *testing.T, got answer) (text, end string) {
	t.Helper()
	if got.status != http.StatusOK {
		t.Fatalf("got %d %s", got.status, abridged(got.body))
	}
	for _, event := range pieces(got.body) {
		data := strings.TrimSpace(strings.TrimPrefix(event, "data: "))
		if data == "[DONE]" {
			return text, ""
		}
		if strings.HasPrefix(data, `{"error"`) {
			e := answer{body: data}.error(t)
			return text, orNull(e.Code)
		}
		text += textIn(t, data)
	}
	return text, "nothing"
}
