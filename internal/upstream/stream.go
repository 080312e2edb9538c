package upstream

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/sse"
)

// Stream gives the chunks of one answer as the backend generates them.
type Stream struct {
	exchange  *exchange
	events    *sse.Reader
	inspector *inspector
	tally     tally
	limit     int
	discreet  func(error) error
	wait      func() // called before the backend is waited for
	begun     bool   // whether a chunk has come
	whole     bool   // whether the backend has said [DONE]
	err       error  // what every further call gives
}

var (
	_ completion.Stream  = (*Stream)(nil)
	_ completion.Waiting = (*Stream)(nil)
)

func (c *Client) stream(x *exchange, req *completion.Request) *Stream {
	r := repair{chunks: true, requestID: completion.CallOf(x.ctx).ID, asked: req.Model}
	return &Stream{
		exchange:  x,
		events:    sse.NewReader(x.body, c.options.MaxEvent),
		inspector: c.inspector(c.options.Chunk, r),
		tally:     tally{wanted: req.IncludeUsage},
		limit:     c.options.MaxEvent,
		discreet:  c.discreet,
		wait:      func() {},
	}
}

// Next waits for the next chunk; see completion.Stream. An error that the backend reports in the
// stream is an *apierror.Error with the backend's words, and so is everything else but the end of the
// context.
func (s *Stream) Next() ([]byte, error) {
	for s.err == nil {
		event, err := s.events.Next()
		if err != nil {
			s.err = s.broken(err)
			break
		}
		chunk, err := s.take(event)
		s.err = s.discreet(err)
		if chunk != nil {
			return chunk, nil
		}
	}
	return nil, s.err
}

// BeforeWait has f called before Next waits; see completion.Waiting.
func (s *Stream) BeforeWait(f func()) bool {
	s.wait = f
	s.events.BeforeWait(f)
	return true
}

// take makes a chunk of an event: nil where there is nothing in it for the caller. It may return a
// last chunk together with io.EOF.
func (s *Stream) take(event sse.Event) ([]byte, error) {
	data := bytes.TrimSpace(event.Data)
	switch {
	case event.Kind == sse.Error:
		return nil, inBand(complaintIn(data))
	case len(data) == 0, string(data) == "null": // llama.cpp's first event for several prompts is null
		return nil, nil
	case sse.IsDone(data):
		s.whole = true
		if !s.begun {
			return nil, apierror.UpstreamSpent("The backend's stream ended without an answer in it.", nil)
		}
		return s.tally.last(), io.EOF
	}
	doc, err := s.inspector.inspect(data)
	if err != nil {
		return nil, err
	}
	doc = oneLine(doc)
	s.adopt(doc)
	doc, moved := s.tally.settle(doc, s.inspector.spans)
	if moved {
		s.inspector.repair.note(repairedUsagePlace)
		s.inspector.report()
	}
	return doc, nil
}

// adopt keeps what names the stream, from its first chunk.
func (s *Stream) adopt(doc []byte) {
	if s.begun {
		return
	}
	s.begun = true
	at := func(fact int) []byte { return part(doc, s.inspector.span(fact)) }
	s.inspector.repair.adopt(at(factID), at(factCreated), at(factModel))
}

// broken says what the end of the events means where no [DONE] came before it.
func (s *Stream) broken(err error) error {
	switch {
	case errors.Is(err, sse.ErrTooLong):
		return apierror.UpstreamSpent(fmt.Sprintf("An event of the backend's answer is larger than %d bytes.", s.limit), err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return apierror.Upstream(msgBrokeOff, loggable(err))
	default:
		return s.exchange.unreadable(err)
	}
}

// Close gives the backend up at once, unless it is done. It never fails.
func (s *Stream) Close() error {
	if s.whole && !s.exchange.ended && !s.exchange.response.Request.Close {
		s.wait()
		s.exchange.drain()
	}
	s.exchange.close()
	return nil
}

// part is the piece of doc at a place.
func part(doc []byte, at completion.Span) []byte { return doc[at.Start:at.End] }

// oneLine puts spaces for the line ends of JSON, none of which stand inside a string.
func oneLine(doc []byte) []byte {
	for i, c := range doc {
		if c == '\n' || c == '\r' {
			doc[i] = ' '
		}
	}
	return doc
}
