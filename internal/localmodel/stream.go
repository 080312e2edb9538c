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
	source // nil before its first turn
	from   *start
	place  int // among those of its prompt
	index  int
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
		if c.source == nil {
			var err error
			if c.source, err = s.source(s.ctx, c.from, c.place); err != nil {
				return nil, err
			}
		}
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

// begin lines up the choices of the next prompt.
func (s *stream) begin() error {
	from, err := s.start(s.ctx, s.prompt)
	if err != nil {
		return err
	}
	for i := range s.n {
		s.live = append(s.live, choice{from: from, place: i, index: s.prompt*s.n + i})
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

// logprobs lists tokens as the API has them; nil where they were not asked for.
func (t *task) logprobs(tokens []scored) *gen.Logprobs {
	if t.top < 0 {
		return nil
	}
	texts := make([]*string, len(tokens))
	logprobs := make([]*float64, len(tokens))
	tops := make([]*map[string]float64, len(tokens))
	offsets := make([]*int64, len(tokens))
	for i := range tokens {
		s := tokens[i]
		texts[i], offsets[i] = new(t.model.vocabulary.shown(s.token)), new(int64(s.offset))
		if s.top == nil {
			continue
		}
		logprobs[i] = &s.logprob
		tops[i] = &map[string]float64{*texts[i]: s.logprob}
		for _, l := range s.top {
			(*tops[i])[t.model.vocabulary.shown(l.token)] = l.logprob
		}
	}
	return &gen.Logprobs{Tokens: &texts, TokenLogprobs: &logprobs, TopLogprobs: &tops, TextOffset: &offsets}
}
