package upstream

import (
	"net"
	"net/http"
	"time"
)

const (
	// A backend that serves one gateway is asked for as many answers at a time as there are callers;
	// at the default of 2 most connections would be closed after one use.
	idleConns   = 1024
	idleTimeout = 90 * time.Second
	keepAlive   = 30 * time.Second

	bufferSize     = 64 << 10
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
		Protocols:              &protocols,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    connect,
		MaxIdleConnsPerHost:    idleConns,
		IdleConnTimeout:        idleTimeout,
		DisableCompression:     true, // or net/http asks for gzip, and hides that it came
		MaxResponseHeaderBytes: maxHeaderBytes,
		ReadBufferSize:         bufferSize,
		WriteBufferSize:        bufferSize,
	}
}
