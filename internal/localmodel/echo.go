package localmodel

import (
	"context"
	"math"
)

// start is where the completions of one prompt begin.
type start struct {
	index   int
	prompt  []token
	history history
	echo    cluster   // the prompt as it is given back; empty where it is not
	rest    assembler // of a character that the prompt does not finish, and of the offset
}

// start looks at a prompt as far as the request needs it.
func (t *task) start(ctx context.Context, index int) (*start, error) {
	s := &start{index: index, prompt: t.prompts[index], history: after(t.prompts[index])}
	switch {
	case t.echo:
		return s, t.echoed(ctx, s)
	case t.top >= 0:
		var whole assembler
		for _, id := range s.prompt {
			whole.push(scored{token: id}, t.model.vocabulary.piece(id))
		}
		whole.flush()
		s.rest.at = whole.at
	}
	return s, nil
}

// echoed makes the echo, with the log probabilities of the prompt where they are asked for.
func (t *task) echoed(ctx context.Context, s *start) error {
	d := newDistribution(t.model.ngrams)
	h := beginning()
	for i, id := range s.prompt {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		one := scored{token: id}
		if t.top >= 0 && i > 0 {
			d.fill(h, nil)
			one.logprob, one.top = math.Log(t.model.ngrams.probability(h, id)), d.top(t.top)
		}
		h = h.with(id)
		if c, ok := s.rest.push(one, t.model.vocabulary.piece(id)); ok {
			s.echo.text += c.text
			s.echo.tokens = append(s.echo.tokens, c.tokens...)
		}
	}
	return nil
}

// generated is the pieces of a draft without the echo.
func (s *start) generated(d *draft) []piece {
	if s.echo.text != "" {
		return d.pieces[1:]
	}
	return d.pieces
}

// run begins a completion; place says which of the drafts of which choice it is.
func (t *task) run(s *start, choice, draft int) *run {
	r := &run{
		vocabulary: t.model.vocabulary,
		sampler:    newSampler(t.model.ngrams, t.shape, t.random(s.index, choice, draft)),
		history:    s.history,
		top:        t.top,
		left:       int(t.maxTokens),
		assembler:  s.rest.clone(),
		gate:       gate{stops: t.stops},
	}
	if s.echo.text != "" {
		r.ready = append(r.ready, piece{cluster: s.echo})
	}
	return r
}
