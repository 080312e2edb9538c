package fakebackend

import (
	"fmt"
	"strings"
)

// Reply answers one request. It runs on a goroutine that the backend waits for.
type Reply func(c *Conn, r *Request)

// JSON answers with a body of application/json. headers are further ones, «Name: value».
func JSON(status int, body string, headers ...string) Reply {
	return Body(status, "application/json", body, headers...)
}

// Body answers with a body of any type, which an empty contentType leaves out.
func Body(status int, contentType, body string, headers ...string) Reply {
	lines := []string{statusLine(status)}
	if contentType != "" {
		lines = append(lines, "Content-Type: "+contentType)
	}
	lines = append(lines, headers...)
	lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)))
	return func(c *Conn, _ *Request) { c.Send(strings.Join(lines, "\r\n") + "\r\n\r\n" + body) }
}

// EventStream is the header of a stream of events.
const EventStream = "Content-Type: text/event-stream"

// Events answers with a stream, one chunk for each piece of it; the pieces are sent as they are. It
// ends in good order: whoever wants a [DONE] sends one.
func Events(pieces ...string) Reply {
	return func(c *Conn, _ *Request) {
		c.Head(200, EventStream)
		for _, p := range pieces {
			c.Chunk(p)
		}
		c.End()
	}
}

// Data is a piece for Events: one event for each value.
func Data(values ...string) string {
	var b strings.Builder
	for _, v := range values {
		b.WriteString("data: " + v + "\n\n")
	}
	return b.String()
}

// Raw sends bytes as they are, and closes the connection.
func Raw(raw string) Reply {
	return func(c *Conn, _ *Request) {
		c.Send(raw)
		c.Close()
	}
}

// Reset breaks the connection off after it has sent some bytes, or none.
func Reset(raw string) Reply {
	return func(c *Conn, _ *Request) {
		c.Send(raw)
		c.Reset()
	}
}

// Stall sends some bytes, or none, and then nothing until the client closes the connection.
func Stall(raw string) Reply {
	return func(c *Conn, _ *Request) {
		c.Send(raw)
		c.Await(nil)
	}
}
