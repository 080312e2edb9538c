package localmodel

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/specgate/specgate/internal/apierror"
)

// unread is a prompt as it was sent: a text, or ids that nobody has looked at.
type unread struct {
	text string
	ids  []integer
}

// unreadPrompts tells the forms of a prompt apart. null is the empty text, and an empty list, which
// counts as a list of texts, has no prompt in it: such a request has no choices.
func unreadPrompts(raw json.RawMessage) ([]unread, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || raw[0] != '[' {
		var text string
		err := json.Unmarshal(raw, &text)
		return []unread{{text: text}}, err
	}
	switch first := bytes.TrimSpace(raw[1:])[0]; first {
	case '"', ']':
		var list []string
		err := json.Unmarshal(raw, &list)
		return each(list, func(text string) unread { return unread{text: text} }), err
	case '[':
		var list [][]integer
		err := json.Unmarshal(raw, &list)
		return each(list, func(ids []integer) unread { return unread{ids: ids} }), err
	default:
		var ids []integer
		err := json.Unmarshal(raw, &ids)
		return []unread{{ids: ids}}, err
	}
}

func each[A, B any](list []A, f func(A) B) []B {
	out := make([]B, len(list))
	for i, item := range list {
		out[i] = f(item)
	}
	return out
}

// readPrompts makes tokens of all prompts, each of which leaves room for the suffix and for max_tokens.
// One that does not, or has an unknown id, is an *apierror.Error.
func (t *task) readPrompts(ctx context.Context, all []unread) error {
	for _, p := range all {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		tokens, err := t.tokens(p)
		if err != nil {
			return err
		}
		if int64(len(tokens)+len(t.suffix)) > contextTokens-t.maxTokens {
			return tooLong("prompt", t.needs(len(tokens)))
		}
		t.prompts = append(t.prompts, tokens)
	}
	return nil
}

func (t *task) tokens(p unread) ([]token, error) {
	if p.ids == nil {
		return t.text("prompt", p.text)
	}
	tokens := make([]token, len(p.ids))
	for i, id := range p.ids {
		if !known(int64(id)) {
			return nil, apierror.InvalidTokenID("prompt", knownIDs)
		}
		tokens[i] = token(id)
	}
	return tokens, nil
}

// text makes tokens of a text, unless it is so long that the time would be lost.
func (t *task) text(field, text string) ([]token, error) {
	if most := contextTokens * longestPiece; len(text) > most {
		return nil, tooLong(field, fmt.Sprintf("%d for the %s alone, or more", len(text)/longestPiece, field))
	}
	return t.model.vocabulary.encode(text)
}

// needs says what a prompt of some tokens comes to, with what goes with it.
func (t *task) needs(prompt int) string {
	needs := fmt.Sprintf("%d for the prompt", prompt)
	if n := len(t.suffix); n > 0 {
		needs += fmt.Sprintf(", %d for the suffix", n)
	}
	if t.maxTokens > 0 {
		needs += fmt.Sprintf(", %d for the completion (max_tokens)", t.maxTokens)
	}
	return needs
}

func tooLong(field, needs string) error {
	return apierror.ContextLengthExceeded(field, fmt.Sprintf(
		"The context of %s is %d tokens, and this request needs more: %s.", ID, contextTokens, needs))
}
