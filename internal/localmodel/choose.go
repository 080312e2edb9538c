package localmodel

import (
	"context"
	"errors"
	"io"
	"math"
)

// suffixDrafts is how many completions are tried in front of a suffix.
const suffixDrafts = 8

// source gives the pieces of one completion.
type source interface {
	// next is the next piece; io.EOF after the last.
	next(ctx context.Context) (piece, error)
	// total is what the pieces given so far came to, or more.
	total() tally
}

var _, _ source = (*run)(nil), (*draft)(nil)

// draft is a completion that is there as a whole.
type draft struct {
	tally
	pieces []piece
}

func (d *draft) next(ctx context.Context) (piece, error) {
	if ctx.Err() != nil {
		return piece{}, context.Cause(ctx)
	}
	if len(d.pieces) == 0 {
		return piece{}, io.EOF
	}
	p := d.pieces[0]
	d.pieces = d.pieces[1:]
	return p, nil
}

func (d *draft) total() tally { return d.tally }

// whole reads a source to its end.
func whole(ctx context.Context, s source) (*draft, error) {
	d := &draft{}
	for {
		p, err := s.next(ctx)
		if errors.Is(err, io.EOF) {
			d.tally = s.total()
			return d, nil
		}
		if err != nil {
			return nil, err
		}
		d.pieces = append(d.pieces, p)
	}
}

// source begins a choice.
func (t *task) source(ctx context.Context, s *start, choice int) (source, error) {
	if len(t.suffix) == 0 {
		return t.run(s, choice, 0), nil
	}
	return t.beforeSuffix(ctx, s, choice)
}

// draft is a choice as a whole.
func (t *task) draft(ctx context.Context, s *start, choice int) (*draft, error) {
	if len(t.suffix) == 0 {
		return whole(ctx, t.run(s, choice, 0))
	}
	return t.beforeSuffix(ctx, s, choice)
}

// beforeSuffix is the draft after which the suffix is likeliest. The others are no completions that
// anybody asked for, and no usage counts them.
func (t *task) beforeSuffix(ctx context.Context, s *start, choice int) (*draft, error) {
	var best *draft
	most := math.Inf(-1)
	for i := range suffixDrafts {
		d, err := whole(ctx, t.run(s, choice, i))
		if err != nil {
			return nil, err
		}
		logprob, err := t.suffixLogprob(s, d)
		if err != nil {
			return nil, err
		}
		if logprob > most {
			best, most = d, logprob
		}
	}
	return best, nil
}

// suffixLogprob is the log probability of the suffix after a draft.
func (t *task) suffixLogprob(s *start, d *draft) (float64, error) {
	h, err := t.afterDraft(s, d)
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for _, id := range t.suffix {
		sum += math.Log(t.model.ngrams.probability(h, id))
		h = h.with(id)
	}
	return sum, nil
}

// afterDraft is the history of what follows on a draft. The tokens with which an echoed prompt leaves
// a character unfinished are in the draft's first cluster.
func (t *task) afterDraft(s *start, d *draft) (history, error) {
	h := after(s.prompt[:len(s.prompt)-len(s.rest.pending)])
	for _, p := range s.generated(d) {
		tokens, err := t.tokensOf(p.cluster)
		if err != nil {
			return h, err
		}
		for _, id := range tokens {
			h = h.with(id)
		}
	}
	return h, nil
}

// tokensOf is what the text of a cluster is made of; where it was cut, of new tokens.
func (t *task) tokensOf(c cluster) ([]token, error) {
	if c.cut {
		return t.model.vocabulary.encode(c.text)
	}
	return each(c.tokens, func(s scored) token { return s.token }), nil
}
