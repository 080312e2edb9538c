package upstream

import (
	"context"
	"net/http"
	"strings"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
)

// Complete sends the request as it is, and returns once the backend has answered it: whole, or with
// the headers of a stream. An error is an *apierror.Error, or that of the context.
func (c *Client) Complete(ctx context.Context, req *completion.Request) (*completion.Answer, error) {
	answer, err := c.complete(ctx, req)
	return answer, c.discreet(err)
}

func (c *Client) complete(ctx context.Context, req *completion.Request) (*completion.Answer, error) {
	what := call{method: http.MethodPost, url: c.completionsURL, accept: jsonType, body: req.Body}
	if req.Stream {
		what.accept = streamType
	}
	x, err := c.ask(ctx, what)
	if err != nil {
		return nil, err
	}
	answer := &completion.Answer{Header: kept(x.response.Header, limitHeaders)}
	if req.Stream && x.mediaType() == streamType {
		answer.Stream = c.stream(x, req)
		return answer, nil
	}
	defer x.close()
	if err := expectWhole(x.mediaType(), req.Stream); err != nil {
		return nil, err
	}
	if answer.Body, err = c.whole(x, req); err != nil {
		return nil, err
	}
	if req.Stream {
		answer.Stream, err = c.asStream(answer.Body, req)
		answer.Body = nil
	}
	return answer, err
}

// expectWhole refuses a stream where none was asked for. Where one was, only what calls itself JSON
// is read instead; otherwise any type will do, as long as the body is JSON.
func expectWhole(mediaType string, stream bool) error {
	isJSON := mediaType == jsonType || strings.HasSuffix(mediaType, "+json")
	switch {
	case mediaType == streamType:
		return apierror.UpstreamSpent("The backend answered with a stream, which was not asked for.", nil)
	case stream && !isJSON:
		return apierror.UpstreamSpent("The backend answered with neither a stream nor JSON.", nil)
	}
	return nil
}

// whole reads an answer that is no stream.
func (c *Client) whole(x *exchange, req *completion.Request) ([]byte, error) {
	body, err := x.readAll(c.options.MaxResponse)
	if err != nil {
		return nil, apierror.Spent(err)
	}
	return c.inspector(c.options.Completion, repair{requestID: completion.CallOf(x.ctx).ID, asked: req.Model}).inspect(body)
}
