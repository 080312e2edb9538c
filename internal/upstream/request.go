package upstream

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"net/http"
	"net/url"

	"github.com/specgate/specgate/internal/completion"
)

// call is what is asked of the backend. body is nil for a GET.
type call struct {
	method string
	url    *url.URL // shared by all calls, and not changed
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
func (c *Client) request(ctx context.Context, what call) *http.Request {
	r := (&http.Request{
		Method: what.method, URL: what.url, Host: what.url.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: c.headers(completion.CallOf(ctx), what),
		Close:  what.accept == streamType && c.mayCloseStreams(),
	}).WithContext(ctx)
	if what.body != nil {
		r.ContentLength = int64(len(what.body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(what.body)), nil }
		r.Body, _ = r.GetBody() // never fails
	}
	return r
}

// headers are those of a request, by the names under which net/http keeps them.
func (c *Client) headers(from *completion.Call, what call) http.Header {
	const most = 11
	h, values := make(http.Header, most), make([]string, 0, most)
	set := func(name, value string) {
		if value != "" {
			values = append(values, value)
			h[name] = values[len(values)-1 : len(values) : len(values)]
		}
	}
	if what.body != nil {
		set("Content-Type", jsonType)
	}
	authorization, organization, project := c.authorization, c.options.Organization, c.options.Project
	if own := from.Own; own != nil {
		authorization, organization, project = "Bearer "+own.Token, own.Organization, own.Project
	}
	set("Authorization", authorization)
	set("Accept", what.accept)
	set("User-Agent", cmp.Or(from.UserAgent, userAgent))
	set("X-Request-Id", from.ID)
	set("Traceparent", from.Traceparent)
	set("Tracestate", from.Tracestate)
	set("Baggage", from.Baggage)
	set("Openai-Organization", organization)
	set("Openai-Project", project)
	return h
}
