package upstream

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	// A backend that serves one gateway is asked for as many answers at a time as there are callers;
	// at the default of 2 most connections would be closed after one use.
	idleConns   = 1024
	idleTimeout = 90 * time.Second
	keepAlive   = 30 * time.Second

	// A request of up to writeBuffer is one write; the rest of a longer one is a second. The buffers
	// are held as long as a connection is, so that they weigh on idle streams.
	writeBuffer    = 4 << 10
	readBuffer     = 4 << 10
	maxHeaderBytes = 256 << 10
)

// newTransport is what carries the requests. A proxy is taken from HTTP_PROXY, HTTPS_PROXY and
// NO_PROXY, as by every other program of an operator; loopback is never proxied. It speaks HTTP/1.1
// alone: a generation then owns its connection, no other waits behind it, and closing the connection,
// which is how it is given up, reaches every backend there is.
//
// A POST is sent once. net/http repeats one only where not a byte of it was written to a connection
// that turned out to be closed, and so may a key of idempotency never be added to the headers.
func newTransport(connect time.Duration) *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	// The exchange watches the whole of connecting; these two bound a dial that outlives it, to
	// serve a later request.
	dialer := &net.Dialer{Timeout: connect, KeepAlive: keepAlive}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		OnProxyConnectResponse: connected,
		Protocols:              &protocols,
		DialContext:            dial(dialer),
		TLSHandshakeTimeout:    connect,
		MaxIdleConnsPerHost:    idleConns,
		IdleConnTimeout:        idleTimeout,
		DisableCompression:     true, // or net/http asks for gzip, and hides that it came
		MaxResponseHeaderBytes: maxHeaderBytes,
		ReadBufferSize:         readBuffer,
		WriteBufferSize:        writeBuffer,
	}
}

// connected reads what a proxy answers to CONNECT, of which net/http would give the words.
func connected(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode != http.StatusOK {
		return &proxyRefused{answer.StatusCode}
	}
	return nil
}

func dial(d *net.Dialer) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, address)
		if tcp, ok := c.(*net.TCPConn); ok {
			return conn{tcp}, err
		}
		return c, err
	}
}

// conn writes what is left of a body, once its beginning has gone out with the headers, at once and
// from where it lies. The standard library would copy it through a buffer of 32 KB, piece by piece.
type conn struct{ *net.TCPConn }

// ReadFrom is what net/http writes a body by. It limits the body to the length that was declared, and
// that is how long ours are.
func (c conn) ReadFrom(r io.Reader) (int64, error) {
	limited, ok := r.(*io.LimitedReader)
	if !ok {
		return c.TCPConn.ReadFrom(r)
	}
	body, ok := limited.R.(io.WriterTo)
	if !ok {
		return c.TCPConn.ReadFrom(r)
	}
	n, err := body.WriteTo(c.TCPConn)
	limited.N -= n
	return n, err
}
