package localmodel

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
)

// The limits of a request, in tokens.
const (
	contextTokens = 8192    // prompt, suffix and completion together
	workTokens    = 262_144 // that may be generated for one request
)

// task is a request that will be answered.
type task struct {
	settings
	model   *Model
	prompts [][]token
	suffix  []token
	id      string
	created int64
}

// newTask reads a request, and refuses what the model cannot do.
func (m *Model) newTask(ctx context.Context, req *completion.Request) (*task, error) {
	b, err := decode(req.Body)
	if err != nil {
		return nil, err
	}
	t := &task{model: m, id: newID(), created: time.Now().Unix()}
	if t.settings, err = newSettings(b); err != nil {
		return nil, err
	}
	all, err := unreadPrompts(b.Prompt)
	if err != nil {
		return nil, fmt.Errorf("read a prompt that was accepted: %w", err)
	}
	if err := t.bound(len(all)); err != nil {
		return nil, err
	}
	if t.suffix, err = t.text("suffix", t.follows); err != nil {
		return nil, err
	}
	if err := t.readPrompts(ctx, all); err != nil {
		return nil, err
	}
	return t, t.boundScores()
}

// bound refuses more work than one request may make, and completions that the context cannot hold
// whatever the prompt is. The drafts of a suffix count as the one that is kept.
func (t *task) bound(prompts int) error {
	completions := int64(prompts * t.drafts)
	if work := completions * min(t.maxTokens, contextTokens); work > workTokens {
		return apierror.WorkLimitExceeded("max_tokens", fmt.Sprintf(
			"%s generates at most %d tokens for one request. This one asks for %d completions (prompts × the greater of n and best_of) of %d tokens (max_tokens).",
			ID, workTokens, completions, t.maxTokens))
	}
	if t.maxTokens > contextTokens {
		return tooLong("max_tokens", fmt.Sprintf("%d for the completion alone (max_tokens)", t.maxTokens))
	}
	return nil
}

// boundScores refuses more log probabilities of prompts than of generated tokens there could be: at
// several hundred bytes each, they are what an answer is large by.
func (t *task) boundScores() error {
	if !t.echo || t.top < 0 {
		return nil
	}
	if scores := int64(t.n) * t.read(); scores > workTokens {
		return apierror.WorkLimitExceeded("prompt", fmt.Sprintf(
			"%s gives the log probabilities of at most %d prompt tokens in one answer. This one would have %d (tokens of all prompts × n).",
			ID, workTokens, scores))
	}
	return nil
}

// read is the tokens of all prompts.
func (t *task) read() int64 {
	n := 0
	for _, p := range t.prompts {
		n += len(p)
	}
	return int64(n)
}

func newID() string {
	var random [12]byte
	_, _ = rand.Read(random[:]) // ends the process rather than fail
	return "cmpl-" + hex.EncodeToString(random[:])
}
