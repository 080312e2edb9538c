package main

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// behaviour is one way in which a backend answers.
type behaviour struct {
	name      string
	weight    int // among those of its backend
	tell      func(a *answering)
	plain     []ending // how a plain request may end that is answered so; nil for whole
	streamed  []ending // the same for a stream
	turnsAway bool     // whether the gateway may ask another backend then
}

// endings are how a request may end that is answered so.
func (b behaviour) endings(e errand) []ending {
	ends := b.plain
	if e.stream {
		ends = b.streamed
	}
	if ends == nil {
		return []ending{whole}
	}
	return ends
}

var honest = behaviour{name: "honest", weight: 40, tell: (*answering).whole}

// Stalls are longer than the gateway's timeouts, which startGateway sets.
var slowness = []behaviour{
	{name: "late events", weight: 60, tell: func(a *answering) { a.slowly(100*time.Millisecond, 30*time.Millisecond) }},
	{name: "late first byte", weight: 38, tell: func(a *answering) { a.slowly(time.Second, time.Millisecond) }},
	{name: "no first byte", weight: 1, tell: func(a *answering) { a.sleep(time.Minute) }, plain: ends(504, "upstream_timeout"), streamed: ends(504, "upstream_timeout")},
	{name: "stall", weight: 1, tell: (*answering).stall, plain: ends(504, "upstream_timeout"), streamed: breaks("upstream_timeout")},
}

func ends(status int, code string) []ending { return []ending{{status, code, false}} }

func breaks(code string) []ending { return []ending{{200, code, true}} }

// unread is what an answer comes to that makes no sense, and broke what a stream does.
var (
	unread = ends(502, "upstream_error")
	broke  = breaks("upstream_error")
)

var lies = []behaviour{
	honest,
	{name: "wrong labels", weight: 10, tell: func(a *answering) { a.labels = true; a.whole() }},
	{name: "broken JSON", weight: 2, tell: (*answering).brokenJSON, plain: unread, streamed: broke},
	{name: "no [DONE]", weight: 2, tell: func(a *answering) { a.half(); a.only(a.whole) }, streamed: broke},
	{name: "error within", weight: 2, tell: (*answering).errorWithin, plain: unread, streamed: broke},
	{name: "truncated", weight: 2, tell: (*answering).truncated, plain: unread, streamed: broke},
	{name: "reset", weight: 2, tell: (*answering).reset, plain: unread, streamed: broke},
	{name: "reset at once", weight: 1, tell: (*answering).resetAtOnce, plain: unread, streamed: unread},
	{name: "wrong type", weight: 2, tell: (*answering).wrongType, plain: unread, streamed: unread},
	{name: "JSON for a stream", weight: 4, tell: func(a *answering) { a.head("application/json"); a.send(a.document()) }},
	{name: "long event", weight: 1, tell: (*answering).longEvent, streamed: broke},
	{name: "no HTTP", weight: 1, tell: (*answering).noHTTP, plain: unread, streamed: unread},
	status(400, `{"error":{"message":"no","type":"invalid_request_error","code":"of_its_own"}}`, "of_its_own"),
	status(401, `{"error":"who"}`, ""),
	status(429, `{"message":"slow down"}`, ""),
	status(500, `<html>oops`, ""),
	status(503, `{"detail":"later"}`, ""),
	status(302, ``, ""),
}

// status is a backend that refuses.
func status(code int, body, says string) behaviour {
	how := ends(code, says)
	switch code {
	case http.StatusUnauthorized:
		how = ends(502, "upstream_auth")
	case http.StatusFound:
		how = unread
	}
	return behaviour{
		name: "status " + strconv.Itoa(code), weight: 1, plain: how, streamed: how,
		turnsAway: code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable,
		tell: func(a *answering) {
			a.w.Header().Set("Location", "/elsewhere")
			a.w.Header().Set("Retry-After", "1")
			a.w.WriteHeader(code)
			_, _ = a.w.Write([]byte(body))
		},
	}
}

// slowly answers as it should, and late.
func (a *answering) slowly(first, each time.Duration) {
	a.sleep(time.Duration(a.draw.Int64N(int64(first))))
	if !a.stream {
		a.whole()
		return
	}
	a.head("text/event-stream")
	for event := range a.events {
		for i := range len(a.prompts) * a.n {
			a.send("data: " + a.object(a.choice(i, piece(a.id, a.prompts[i/a.n], event), "null"), "") + "\n\n")
		}
		a.sleep(time.Duration(a.draw.Int64N(int64(each))))
	}
	a.finish()
}

// half sends a part of a stream: an answer that is none does nothing.
func (a *answering) half() {
	if a.stream {
		a.head("text/event-stream")
		a.send(": the beginning\n\n")
		a.sendEvents(a.draw.IntN(a.events + 1))
	}
}

// only does what is for plain requests.
func (a *answering) only(plain func()) {
	if !a.stream {
		plain()
	}
}

// begun sends a part of an answer of a known length.
func (a *answering) begun() {
	a.only(func() {
		document := a.document()
		a.head("application/json")
		a.w.Header().Set("Content-Length", strconv.Itoa(len(document)))
		a.send(document[:len(document)/2])
	})
	a.half()
}

func (a *answering) stall() {
	a.begun()
	a.sleep(time.Minute)
}

func (a *answering) brokenJSON() {
	a.half()
	a.only(func() { a.head("application/json") })
	document := a.document()
	a.only(func() { a.send(document[:len(document)/2]) })
	if a.stream {
		a.send("data: " + document[:len(document)/2] + "\n\n")
		a.send("data: [DONE]\n\n")
	}
}

func (a *answering) errorWithin() {
	const words = `{"error":{"message":"out of memory","type":"server_error","param":null,"code":null}}`
	a.half()
	if a.stream {
		a.send("data: " + words + "\n\ndata: [DONE]\n\n")
		return
	}
	a.head("application/json")
	a.send(words)
}

func (a *answering) truncated() {
	a.begun()
	panic(http.ErrAbortHandler)
}

func (a *answering) reset() {
	a.begun()
	c := a.conn()
	_ = c.SetLinger(0)
	_ = c.Close()
}

func (a *answering) resetAtOnce() {
	c, _, err := http.NewResponseController(a.w).Hijack()
	if err != nil {
		return
	}
	_ = c.Close()
}

func (a *answering) wrongType() {
	if a.stream {
		a.head("text/html")
		a.send(a.document())
		return
	}
	a.head("text/event-stream")
	a.send("data: " + a.document() + "\n\n")
}

func (a *answering) longEvent() {
	a.only(a.whole)
	a.half()
	if a.stream {
		a.send("data: " + a.object(a.choice(0, strings.Repeat("x", maxEvent), "null"), "") + "\n\ndata: [DONE]\n\n")
	}
}

func (a *answering) noHTTP() {
	c, _, err := http.NewResponseController(a.w).Hijack()
	if err != nil {
		return
	}
	_, _ = c.Write([]byte("SSH-2.0-OpenSSH_9.6\r\n\r\n"))
	_ = c.Close()
}
