package guard

import (
	"context"
	"errors"
	"io"

	"github.com/specgate/specgate/internal/completion"
)

// pass is one request that was let through. It belongs to one goroutine.
type pass struct {
	guard  *Guard
	ctx    context.Context
	ticket ticket
	told   bool
}

// tell counts what became of the request; the first telling is the one that holds.
func (p *pass) tell(err error) {
	if p.told {
		return
	}
	p.told = true
	outcome := outcomeOf(p.ctx, err)
	p.ticket.tell(outcome.verdict)
	p.guard.options.Attempted(outcome.name)
}

func (p *pass) leave() { p.guard.places.leave() }

// stream tells the guard of its end. What it gives is another's.
type stream struct {
	completion.Stream
	pass *pass
	left bool
}

// BeforeWait is that of the stream within.
func (s *stream) BeforeWait(f func()) bool { return completion.BeforeWait(s.Stream, f) }

// Next tells of the end, proper or not.
func (s *stream) Next() ([]byte, error) {
	chunk, err := s.Stream.Next()
	switch {
	case errors.Is(err, io.EOF):
		s.pass.tell(nil)
	case err != nil:
		s.pass.tell(err)
	default:
		s.pass.ticket.answered()
	}
	return chunk, err
}

// Close gives the place free. A stream that is closed before its end was not wanted any more, for which
// nobody is to blame.
func (s *stream) Close() error {
	s.pass.tell(context.Canceled)
	err := s.Stream.Close()
	if !s.left {
		s.left = true
		s.pass.leave()
	}
	return err
}
