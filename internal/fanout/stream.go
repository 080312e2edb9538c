package fanout

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/rawjson"
)

// event is what happens in the stream of a part: it has a chunk, or is opened, which has none.
type event struct {
	part   int
	chunk  []byte
	header http.Header
}

// stream is the streams of all parts as one. Each part has a goroutine that reads it and holds one
// event at most, until Next takes it.
type stream struct {
	*group
	events chan event // closed when all parts are over
	early  *event     // came before the stream was returned; nil once it is taken

	id, created, model []byte // what the first chunk says; nil before it
	usage              tally
	last               []byte // the latest chunk with a usage
	err                error  // what every further call of Next gives
}

var _ completion.Stream = (*stream)(nil)

// stream asks for all parts, and returns when it is known that they are streamed.
func (g *group) stream() (*completion.Answer, error) {
	s := &stream{group: g, events: make(chan event)}
	g.start(s.read)
	go func() { // it ends when the parts have ended, for which Close waits
		g.running.Wait()
		close(s.events)
	}()
	answer := &completion.Answer{Stream: s}
	for opened := 0; opened < g.parts.Width && s.early == nil; {
		e, ok := <-s.events
		switch {
		case !ok:
			return nil, g.wait()
		case e.chunk != nil:
			s.early = &e
		default:
			if opened++; opened == 1 {
				answer.Header = e.header
			}
		}
	}
	return answer, nil
}

// read asks for one part, and hands on all that comes of it.
func (s *stream) read(ctx context.Context, i int, req *completion.Request) error {
	answer, err := s.next.Complete(ctx, req)
	if err != nil {
		return err
	}
	if answer.Stream == nil {
		return errNoStream
	}
	defer answer.Stream.Close() //nolint:errcheck // it says nothing that Next has not said
	s.answered()
	if err := s.send(event{part: i, header: answer.Header}); err != nil {
		return err
	}
	for {
		chunk, err := answer.Stream.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.send(event{part: i, chunk: bytes.Clone(chunk)}); err != nil {
			return err
		}
	}
}

// send hands an event over, unless nobody wants it any more.
func (s *stream) send(e event) error {
	select {
	case s.events <- e:
		return nil
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	}
}

// Next waits for the next chunk of any part; see completion.Stream.
func (s *stream) Next() ([]byte, error) {
	for s.err == nil {
		e, ok := s.take()
		if !ok {
			return s.over()
		}
		if chunk := s.settle(e); chunk != nil {
			return chunk, nil
		}
	}
	return nil, s.err
}

// take waits for the next event; there is none once all parts are over or one has failed.
func (s *stream) take() (event, bool) {
	if e := s.early; e != nil {
		s.early = nil
		return *e, true
	}
	e, ok := <-s.events
	return e, ok
}

// over is what Next gives when there are no more events: the usage, where all parts gave theirs, or why
// there is nothing more.
func (s *stream) over() ([]byte, error) {
	if s.err = s.wait(); s.err != nil {
		return nil, s.err
	}
	s.err = io.EOF
	if s.usage.count == s.parts.Count {
		return s.totals(), nil
	}
	return nil, s.err
}

// settle makes a chunk of the whole of a part's chunk: with the part's index, and the names of the
// first; nil where it has none. One with the usage is kept back.
func (s *stream) settle(e event) []byte {
	if e.chunk == nil {
		return nil
	}
	choices, usage := rawjson.Find(e.chunk, "choices"), part(e.chunk, rawjson.Find(e.chunk, "usage"))
	_, some := first(part(e.chunk, choices))
	if !some && !isNull(usage) {
		s.usage.add(usage)
		s.last = e.chunk
		return nil
	}
	patches := s.names(e.chunk)
	if some {
		patches = append(patches, rawjson.Patch{At: choices, With: renumbered(part(e.chunk, choices), e.part)})
	}
	return rawjson.Apply(e.chunk, patches...)
}

// renumbered gives all choices of a chunk one index.
func renumbered(choices []byte, index int) []byte {
	var patches []rawjson.Patch
	for at := range rawjson.Items(choices) {
		patches = append(patches, rawjson.Patch{At: at, With: numbered(part(choices, at), index)})
	}
	return rawjson.Apply(choices, patches...)
}

// names takes the names of the stream from its first chunk, and puts them into all the others.
func (s *stream) names(chunk []byte) []rawjson.Patch {
	id, created, model := rawjson.Find(chunk, "id"), rawjson.Find(chunk, "created"), rawjson.Find(chunk, "model")
	if s.id == nil {
		s.id, s.created, s.model = part(chunk, id), part(chunk, created), part(chunk, model)
		return nil
	}
	return []rawjson.Patch{{At: id, With: s.id}, {At: created, With: s.created}, {At: model, With: s.model}}
}

// totals is the chunk with the usage of all parts.
func (s *stream) totals() []byte {
	patches := s.names(s.last)
	return rawjson.Apply(s.last, append(patches, rawjson.Patch{At: rawjson.Find(s.last, "usage"), With: s.usage.sum})...)
}

// Close gives all parts up, and returns when they are.
func (s *stream) Close() error {
	s.cancel()
	for range s.events { // until the parts have seen it
	}
	s.running.Wait()
	return nil
}
