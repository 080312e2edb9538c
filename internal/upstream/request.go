package upstream

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/specgate/specgate/internal/completion"
)

// call is what is asked of the backend. body is nil for a GET.
type call struct {
	method string
	url    string
	accept string
	body   []byte
}

const (
	jsonType   = "application/json"
	streamType = "text/event-stream"
	userAgent  = "specgate"
)

// request builds what is sent: the body as it is, and of the caller's headers none but those that
// are named here.
func (c *Client) request(ctx context.Context, what call) (*http.Request, error) {
	var body io.Reader
	if what.body != nil {
		body = bytes.NewReader(what.body)
	}
	r, err := http.NewRequestWithContext(ctx, what.method, what.url, body)
	if err != nil {
		return nil, fmt.Errorf("build the request to %s: %w", c.options.Name, err)
	}
	from := completion.CallOf(ctx)
	set := func(name, value string) {
		if value != "" {
			r.Header[name] = []string{value}
		}
	}
	if what.body != nil {
		set("Content-Type", jsonType)
	}
	if c.options.APIKey != "" {
		set("Authorization", "Bearer "+c.options.APIKey)
	}
	// llama.cpp closes the connection of each stream when it is over, after it has promised to keep it,
	// and the next request on it would be lost. A new connection costs little where it needs no TLS.
	r.Close = what.accept == streamType && r.URL.Scheme == "http"
	set("Accept", what.accept)
	set("User-Agent", userAgent)
	set("User-Agent", from.UserAgent)
	set("X-Request-Id", from.ID)
	set("Traceparent", from.Traceparent)
	set("Tracestate", from.Tracestate)
	set("Openai-Organization", c.options.Organization)
	set("Openai-Project", c.options.Project)
	return r, nil
}
