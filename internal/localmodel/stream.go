package localmodel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/completion"
)

// stream answers piece by piece. The choices of a prompt take turns, as they do where they are
// generated side by side; the prompts come one after the other.
type stream struct {
	*task
	ctx    context.Context
	prompt int      // the next one to begin
	live   []choice // of the one before it, in the order of their turns
	used   int      // tokens of the choices that are over
	owed   bool     // whether a chunk with the usage is still to come
}

// choice is one that is not over.
type choice struct {
	source
	index int
}

var _ completion.Stream = (*stream)(nil)

// Next generates the next chunk; see completion.Stream. An error is the cause of the context's end.
func (s *stream) Next() ([]byte, error) {
	for {
		if len(s.live) == 0 && s.prompt == len(s.prompts) {
			return s.last()
		}
		if len(s.live) == 0 {
			if err := s.begin(); err != nil {
				return nil, err
			}
		}
		c := s.live[0]
		s.live = s.live[1:]
		p, err := c.next(s.ctx)
		switch {
		case errors.Is(err, io.EOF):
			s.used += c.total().drawn
		case err != nil:
			return nil, err
		default:
			s.live = append(s.live, c)
			return s.encode(s.chunk(gen.CompletionChunkChoice{
				Index: int64(c.index), Text: p.text, Logprobs: s.logprobs(p.tokens), FinishReason: orNull(p.finish),
			}))
		}
	}
}

func orNull(reason gen.CompletionChoiceFinishReason) *gen.CompletionChunkChoiceFinishReason {
	if reason == "" {
		return nil
	}
	return new(gen.CompletionChunkChoiceFinishReason(reason))
}

// begin begins the choices of the next prompt.
func (s *stream) begin() error {
	from, err := s.start(s.ctx, s.prompt)
	if err != nil {
		return err
	}
	for i := range s.n {
		source, err := s.source(s.ctx, from, i)
		if err != nil {
			return err
		}
		s.live = append(s.live, choice{source, s.prompt*s.n + i})
	}
	s.prompt++
	return nil
}

// last is what comes when all choices are over.
func (s *stream) last() ([]byte, error) {
	if !s.owed {
		return nil, io.EOF
	}
	s.owed = false
	chunk := s.chunk()
	chunk.Usage = s.usage(s.used)
	return s.encode(chunk)
}

func (s *stream) chunk(choices ...gen.CompletionChunkChoice) gen.CompletionChunk {
	return gen.CompletionChunk{
		Id: s.id, Object: gen.CompletionChunkObjectTextCompletion, Created: s.created, Model: ID,
		SystemFingerprint: &s.model.fingerprint, Choices: append([]gen.CompletionChunkChoice{}, choices...),
	}
}

func (s *stream) encode(chunk gen.CompletionChunk) ([]byte, error) {
	body, err := json.Marshal(chunk)
	if err != nil {
		return nil, fmt.Errorf("encode a chunk: %w", err)
	}
	return body, nil
}

// Close has nothing to give up: nothing is generated but in Next.
func (s *stream) Close() error { return nil }
