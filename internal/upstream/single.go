package upstream

import (
	"io"

	"github.com/specgate/specgate/internal/completion"
)

// chunks is a stream that is over before it begins.
type chunks [][]byte

var _ completion.Stream = (*chunks)(nil)

// Next gives the chunks one after the other.
func (c *chunks) Next() ([]byte, error) {
	if len(*c) == 0 {
		return nil, io.EOF
	}
	next := (*c)[0]
	*c = (*c)[1:]
	return next, nil
}

// Close has nothing to give up.
func (c *chunks) Close() error { return nil }

// asStream makes a stream of an answer that came whole, though a stream was asked for.
func (c *Client) asStream(body []byte, req *completion.Request) (completion.Stream, error) {
	i := c.inspector(c.options.Chunk, repair{chunks: true, asked: req.Model})
	doc, err := i.inspect(body)
	if err != nil {
		return nil, err
	}
	t := tally{wanted: req.IncludeUsage}
	out := &chunks{}
	doc, _ = t.settle(oneLine(doc), i.spans)
	for _, chunk := range [][]byte{doc, t.last()} {
		if chunk != nil {
			*out = append(*out, chunk)
		}
	}
	return out, nil
}
