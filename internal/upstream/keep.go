package upstream

import (
	"net/http"
	"strings"
)

// mayCloseStreams reports whether a stream is to have a connection of its own. The HTTP server in
// llama.cpp closes the connection of each stream when it is over, after it has promised to keep it, and
// the next request on it would be lost. Until the backend is known not to be that, its streams end their
// connections. Over TLS it is another server that keeps them, and a new one is dear.
func (c *Client) mayCloseStreams() bool {
	return c.completionsURL.Scheme == "http" && !c.keepsStreams.Load()
}

// recognize looks in the headers of an answer for the marks of that server: its name, or the number of
// requests that it says a connection is good for.
func (c *Client) recognize(h http.Header) {
	keeps := !strings.Contains(h.Get("Server"), "llama.cpp") && !strings.Contains(h.Get("Keep-Alive"), "max=")
	if keeps != c.keepsStreams.Load() {
		c.keepsStreams.Store(keeps)
	}
}
