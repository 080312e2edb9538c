package localmodel

import (
	"context"
	"io"

	"github.com/specgate/specgate/gen"
)

// piece is the next part of a completion. The last one has no text, and says why there is no more.
type piece struct {
	cluster
	finish gen.CompletionChoiceFinishReason // empty before the end
}

// tally is what a completion came to.
type tally struct {
	drawn   int     // tokens, those that are not in the text included
	logprob float64 // of all of them together
}

// mean is the log probability a token.
func (t tally) mean() float64 { return t.logprob / float64(max(1, t.drawn)) }

// run is a completion while it is generated.
type run struct {
	tally
	vocabulary vocabulary
	sampler    *sampler
	history    history
	top        int // how many of the likeliest tokens to list; negative for none of it
	left       int // tokens that may still be drawn

	assembler assembler
	gate      gate
	ready     []piece
	over      bool
}

// next is the next piece; io.EOF after the last. An error is the cause of the context's end.
func (r *run) next(ctx context.Context) (piece, error) {
	for {
		if ctx.Err() != nil {
			return piece{}, context.Cause(ctx)
		}
		if len(r.ready) > 0 {
			break
		}
		if r.over {
			return piece{}, io.EOF
		}
		r.step()
	}
	p := r.ready[0]
	r.ready = r.ready[1:]
	return p, nil
}

// total is what the run has come to by now.
func (r *run) total() tally { return r.tally }

// step draws a token, or ends the run.
func (r *run) step() {
	if r.left == 0 {
		r.end(gen.CompletionChoiceFinishReasonLength)
		return
	}
	r.left--
	t := r.draw()
	if t.token == endOfText {
		r.end(gen.CompletionChoiceFinishReasonStop)
		return
	}
	r.history = r.history.with(t.token)
	if c, whole := r.assembler.push(t, r.vocabulary.piece(t.token)); whole {
		r.release(c)
	}
}

func (r *run) draw() scored {
	r.sampler.look(r.history)
	var t scored
	if r.top >= 0 {
		t.top = r.sampler.top(r.top)
	}
	t.token, t.logprob = r.sampler.draw()
	r.drawn++
	r.logprob += t.logprob
	return t
}

// release hands a cluster on, unless it may be part of a stop.
func (r *run) release(c cluster) {
	free, stopped := r.gate.push(c)
	r.give(free)
	if stopped {
		r.finish(gen.CompletionChoiceFinishReasonStop)
	}
}

func (r *run) give(clusters []cluster) {
	for _, c := range clusters {
		r.ready = append(r.ready, piece{cluster: c})
	}
}

// end lets go of what was held back.
func (r *run) end(reason gen.CompletionChoiceFinishReason) {
	if c, ok := r.assembler.flush(); ok {
		r.release(c)
	}
	if !r.over {
		r.give(r.gate.flush())
		r.finish(reason)
	}
}

func (r *run) finish(reason gen.CompletionChoiceFinishReason) {
	r.ready = append(r.ready, piece{finish: reason})
	r.over = true
}
