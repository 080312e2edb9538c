package fakebackend

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Request is a request as it came.
type Request struct {
	Method string
	Path   string      // with the query
	Header http.Header // without Host and Content-Length
	Host   string
	Head   string // the request line and the headers, byte for byte
	Body   []byte // decoded from chunks where it came so
}

// Conn is the connection that a reply is played on. Writing to a connection that the client has
// closed does nothing.
type Conn struct {
	conn net.Conn
	over <-chan struct{}
	gone chan struct{}
	fail func(format string, args ...any)
	end  bool // whether the connection is not to be used again
}

// serve answers the requests of one connection, until either side closes it.
func (b *Backend) serve(conn net.Conn) {
	defer b.forget(conn)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer conn.Close() //nolint:errcheck // a connection that a reply has reset is closed already
	c := &Conn{conn: conn, over: b.over, gone: make(chan struct{}), fail: b.t.Errorf}
	requests := make(chan *Request)
	reading.Go(func() { c.read(requests) })
	for {
		select {
		case r := <-requests:
			b.record(r)(c, r)
			if c.end {
				return
			}
		case <-c.gone:
			return
		}
	}
}

// read takes the requests off the connection, and is the first to see that the client closes it.
func (c *Conn) read(requests chan<- *Request) {
	defer close(c.gone)
	head := &headRecorder{source: c.conn}
	in := bufio.NewReader(head)
	for {
		r, err := head.next(in)
		if err != nil {
			return
		}
		select {
		case requests <- r:
		case <-c.over:
			return
		}
	}
}

// headRecorder remembers all that was read, so that the head of a request can be told to the byte.
type headRecorder struct {
	source io.Reader
	seen   bytes.Buffer
}

func (h *headRecorder) Read(p []byte) (int, error) {
	n, err := h.source.Read(p)
	h.seen.Write(p[:n])
	return n, err
}

func (h *headRecorder) next(in *bufio.Reader) (*Request, error) {
	raw, err := http.ReadRequest(in)
	if err != nil {
		return nil, err
	}
	head, _, _ := strings.Cut(h.seen.String(), "\r\n\r\n")
	body, err := io.ReadAll(raw.Body)
	if err != nil {
		return nil, err
	}
	h.seen.Reset() // a client that does not pipeline has sent nothing further yet
	r := &Request{Method: raw.Method, Path: raw.RequestURI, Header: raw.Header, Host: raw.Host, Head: head, Body: body}
	r.Header.Del("Content-Length")
	return r, nil
}

// Send writes bytes as they are.
func (c *Conn) Send(raw string) {
	if _, err := io.WriteString(c.conn, raw); err != nil {
		c.end = true
	}
}

// Head writes a status line, the headers («Name: value») and that the body comes in chunks.
func (c *Conn) Head(status int, headers ...string) {
	lines := append([]string{statusLine(status)}, headers...)
	c.Send(strings.Join(append(lines, "Transfer-Encoding: chunked"), "\r\n") + "\r\n\r\n")
}

func statusLine(status int) string {
	return fmt.Sprintf("HTTP/1.1 %d %s", status, http.StatusText(status))
}

// Chunk writes one chunk of a body that Head began.
func (c *Conn) Chunk(data string) { c.Send(fmt.Sprintf("%x\r\n%s\r\n", len(data), data)) }

// End closes a body that Head began. The connection can be used again.
func (c *Conn) End() { c.Send("0\r\n\r\n") }

// Close ends the connection in good order once the reply is over.
func (c *Conn) Close() { c.end = true }

// Reset breaks the connection off at once, with an RST.
func (c *Conn) Reset() {
	c.end = true
	if tcp, ok := c.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.conn.Close()
}

// Gone is closed when the client has closed the connection.
func (c *Conn) Gone() <-chan struct{} { return c.gone }

// Await waits for signal, or for the client to close the connection or the test to end. It reports
// whether the signal came, and fails the test where nothing at all happens.
func (c *Conn) Await(signal <-chan struct{}) bool {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-signal:
		return true
	case <-c.gone:
	case <-c.over:
	case <-timer.C:
		c.fail("fakebackend: %v", errImpatient)
	}
	return false
}

var errImpatient = errors.New("waited too long for the test's signal")
