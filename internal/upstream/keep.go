package upstream

import (
	"net/http"
	"strings"
)

// What is known of a backend's connections.
const (
	unknown int32 = iota
	keepsStreams
	closesStreams
)

// mayCloseStreams reports whether a stream is to have a connection of its own. The HTTP server in
// llama.cpp closes the connection of each stream when it is over, after it has promised to keep it, and
// the next request on it would be lost. Until the backend is known not to be that, its streams end their
// connections. Over TLS it is another server that keeps them, and a new one is dear.
func (c *Client) mayCloseStreams() bool {
	return c.completionsURL.Scheme == "http" && c.connections.Load() != keepsStreams
}

// recognize looks in the headers of an answer for the name of that server. One answer of it is enough:
// there may be several servers at the address.
func (c *Client) recognize(h http.Header) {
	if strings.Contains(h.Get("Server"), "llama.cpp") {
		c.connections.Store(closesStreams)
		return
	}
	if c.connections.Load() == unknown {
		c.connections.CompareAndSwap(unknown, keepsStreams)
	}
}
