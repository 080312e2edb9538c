package server

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	maxStreams = 256      // of one connection at one time; more wait with the caller
	maxFrame   = 16 << 10 // that is read; progress is seen by whole frames
)

// serveFront speaks what callers may: over TLS HTTP/2 and HTTP/1.1, whichever they agree on; without it
// HTTP/1.1, and HTTP/2 with those who begin with it where the options allow that.
func (s *Server) serveFront(front *http.Server, l net.Listener) error {
	front.Protocols = &http.Protocols{}
	front.Protocols.SetHTTP1(true)
	front.HTTP2 = s.streamLimits()
	if t := s.options.TLS; t != nil {
		front.Protocols.SetHTTP2(true)
		front.TLSConfig = &tls.Config{GetCertificate: t.Certificate.get, MinVersion: t.MinVersion}
		return front.ServeTLS(l, "", "")
	}
	front.Protocols.SetUnencryptedHTTP2(s.options.H2C)
	return front.Serve(l)
}

// streamLimits holds the connections of HTTP/2 to what holds for those of HTTP/1.1. A ping goes to a
// caller who has sent no whole frame for HeaderTimeout, and in the middle of a header or of a frame he
// cannot answer it. He has BodyTimeout for that, so that a body that stopped coming is still told so.
func (s *Server) streamLimits() *http.HTTP2Config {
	return &http.HTTP2Config{
		MaxConcurrentStreams: maxStreams,
		MaxReadFrameSize:     maxFrame,
		SendPingTimeout:      s.options.Limits.HeaderTimeout,
		PingTimeout:          s.options.Limits.BodyTimeout,
	}
}

// streams gives each write to a stream of HTTP/2 its own deadline, as deadlineListener does for a
// connection: its caller may well read that, and leave one stream without window.
func (s *Server) streams(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor < 2 {
		s.ServeHTTP(w, r)
		return
	}
	stream := newStreamWriter(w, s.writeTimeout)
	defer stream.end()
	body := &unread{ReadCloser: r.Body, left: r.ContentLength != 0}
	r.Body = body
	s.ServeHTTP(stream, r)
	if body.left && r.ContentLength <= mostUnread {
		stream.discard(body)
	}
}

// What is read of a body that nobody wanted: as much as net/http reads over HTTP/1.1, and not for long.
const (
	mostUnread = 256 << 10
	unreadTime = time.Second
)

// unread knows whether there may be more of a body.
type unread struct {
	io.ReadCloser
	left bool
}

func (u *unread) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	u.left = u.left && err == nil
	return n, err
}

// streamWriter breaks its stream where a write takes too long. net/http's own deadline would have to be
// set and taken away through the connection's one loop for each write.
type streamWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	timeout func() time.Duration // the present one
	late    *time.Timer

	mu    sync.Mutex // held while the deadline is touched: after the end there is nothing that has one
	ended bool
}

func newStreamWriter(w http.ResponseWriter, timeout func() time.Duration) *streamWriter {
	s := &streamWriter{ResponseWriter: w, control: http.NewResponseController(w), timeout: timeout}
	s.late = time.AfterFunc(timeout(), s.abandon)
	s.late.Stop()
	return s
}

// Unwrap gives the writer that has deadlines.
func (s *streamWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// Write writes p, piece by piece.
func (s *streamWriter) Write(p []byte) (written int, err error) {
	defer s.late.Stop()
	for {
		s.late.Reset(s.timeout())
		n, err := s.ResponseWriter.Write(p[:min(len(p), pieceSize)])
		written += n
		if p = p[n:]; err != nil || len(p) == 0 {
			return written, err
		}
	}
}

// FlushError sends what has been written.
func (s *streamWriter) FlushError() error {
	s.late.Reset(s.timeout())
	defer s.late.Stop()
	return s.control.Flush()
}

// discard sends the answer and lets the caller finish his request before it ends. Else he gets a reset behind
// the answer, and some then throw the answer away (curl 7.88 does), though HTTP/2 forbids it.
func (s *streamWriter) discard(body io.Reader) {
	if s.FlushError() == nil && s.control.SetReadDeadline(time.Now().Add(unreadTime)) == nil {
		_, _ = io.CopyN(io.Discard, body, mostUnread)
	}
}

// abandon resets the stream, which ends the write that waits and the request's context.
func (s *streamWriter) abandon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		_ = s.control.SetWriteDeadline(time.Unix(1, 0)) // long ago
	}
}

// end leaves a deadline to what the server still sends by itself.
func (s *streamWriter) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.late.Stop()
	_ = s.control.SetWriteDeadline(time.Now().Add(s.timeout()))
}
