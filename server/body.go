package server

import (
	"compress/gzip"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
)

// limitBody refuses a body whose declared length is over the limit, unread, and puts the reader in
// place that holds every other to the limit and to its pace. A request that is refused with its body
// unread ends its connection: the answer need not wait for the rest, and the rest is never a request. In
// HTTP/2 it ends its stream alone, which net/http sees to.
func (s *Server) limitBody(next echo.HandlerFunc) echo.HandlerFunc {
	limit, most := s.options.Limits.Body, s.options.Limits.InflightBytes
	return func(c echo.Context) error {
		r := c.Request()
		stream := r.ProtoMajor > 1
		if stream && r.ContentLength == 0 {
			r.Body = http.NoBody // there, every request has some Body
		}
		if r.Body == nil || r.Body == http.NoBody {
			return next(c)
		}
		if r.ContentLength > limit {
			closeAfter(c)
			return apierror.BodyTooLarge(limit)
		}
		w := c.Response().Writer // the server's own, which MaxBytesReader tells to close the connection
		body := &requestBody{limit: limit, length: r.ContentLength, flight: &s.flight, most: most}
		body.paced = pacedReader{body: r.Body, control: http.NewResponseController(w), timeout: s.options.Limits.BodyTimeout, stream: stream}
		body.src = &body.paced
		if r.ContentLength < 0 {
			body.src = http.MaxBytesReader(w, &body.paced, limit)
		}
		defer body.release()
		switch encoding := strings.ToLower(strings.Join(r.Header["Content-Encoding"], ",")); encoding {
		case "", "identity":
		case "gzip":
			body.src, body.length = &gzipReader{src: body.src, limit: limit}, -1
		default:
			body.err = apierror.UnsupportedEncoding()
		}
		r.Body = body
		err := next(c)
		if err != nil && !errors.Is(body.err, io.EOF) {
			body.paced.extend() // for the rest, of which the server reads some
			closeAfter(c)
		}
		return err
	}
}

// closeAfter makes an answer the last of its connection. Over HTTP/2 that carries the requests of others.
func closeAfter(c echo.Context) {
	if c.Request().ProtoMajor == 1 {
		c.Response().Header()["Connection"] = []string{"close"}
	}
}

// pacedReader gives each read of a body its own deadline, and none to what follows the body: the
// server reads on in the background, to see the caller leave.
type pacedReader struct {
	body    io.Reader
	control *http.ResponseController
	timeout time.Duration
	stream  bool // of HTTP/2
}

func (p *pacedReader) Read(b []byte) (int, error) {
	p.extend()
	n, err := p.body.Read(b)
	switch {
	case errors.Is(err, io.EOF):
		_ = p.control.SetReadDeadline(time.Time{})
	case err != nil && p.stream && !errors.Is(err, os.ErrDeadlineExceeded):
		err = apierror.ClientClosed(err) // the stream was reset, is gone, or ended before its declared length
	}
	return n, err
}

// extend gives the next bytes their time. A transport without deadlines has no pace to hold.
func (p *pacedReader) extend() { _ = p.control.SetReadDeadline(time.Now().Add(p.timeout)) }

// Close leaves the body to the server: whether the connection can be used again is its to know.
func (p *pacedReader) Close() error { return nil }

// gzipReader inflates a body, to limit bytes at most.
type gzipReader struct {
	src   io.Reader
	zip   *gzip.Reader
	limit int64
}

func (g *gzipReader) Read(b []byte) (int, error) {
	if g.zip == nil {
		zip, err := gzip.NewReader(g.src)
		if err != nil {
			return 0, notGzip(err)
		}
		g.zip = zip
	}
	n, err := g.zip.Read(b)
	if g.limit -= int64(n); g.limit < 0 {
		return n, &http.MaxBytesError{}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = notGzip(err)
	}
	return n, err
}

// notGzip tells bytes that are not gzip from a body that could not be read. A body that ends within
// its gzip stream is the first: a cut connection is seen by the server and gives another error.
func notGzip(err error) error {
	var tooLarge *http.MaxBytesError
	var known *apierror.Error
	if errors.As(err, &tooLarge) || errors.As(err, &known) || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return apierror.InvalidEncoding(err)
}

// requestBody is the body that the validator reads: decoded, counted in what is in flight, and with
// errors that say how the request is answered.
type requestBody struct {
	paced    pacedReader
	src      io.Reader
	limit    int64
	flight   *inflight
	most     int64 // bytes that all bodies may have together
	length   int64 // that it has said it has, when decoded; -1 where it has not
	held     int64
	err      error
	accepted *completion.Request // what the validator made of it; nil until then
	refused  []byte              // all of it, where the validator refused it
}

func (b *requestBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.src.Read(p)
	if n > 0 {
		b.held += int64(n)
		if !b.flight.hold(int64(n), b.most) {
			b.err = apierror.Overloaded()
			return 0, b.err
		}
	}
	if err != nil {
		b.err = b.explain(err)
	}
	return n, b.err
}

// Memory for a body is taken as the body comes, for a length is easily declared: a first piece, and
// then four times what has come.
const firstPiece, growth = 64 << 10, 4

// readAll reads the body.
func (b *requestBody) readAll() ([]byte, error) {
	if b.length < 0 {
		return io.ReadAll(b)
	}
	most := b.length + 1 // one more, to meet the end without growing
	data := make([]byte, 0, min(most, firstPiece))
	for {
		n, err := b.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case err == io.EOF: //nolint:errorlint // explain gives it bare
			return data, nil
		case err != nil:
			return nil, err
		case len(data) == cap(data):
			data = slices.Grow(data, int(min(most, growth*int64(cap(data))))-len(data))
		}
	}
}

func (b *requestBody) explain(err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	var tooLarge *http.MaxBytesError
	var known *apierror.Error
	var network net.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &tooLarge):
		return apierror.BodyTooLarge(b.limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return apierror.RequestTimeout(err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &network):
		return apierror.ClientClosed(err)
	default: // chunks that are none
		return apierror.InvalidEncoding(err)
	}
}

// Close leaves the body to the server, as pacedReader does.
func (b *requestBody) Close() error { return nil }

func (b *requestBody) release() { b.flight.drop(b.held) }
