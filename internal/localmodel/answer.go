package localmodel

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/specgate/specgate/gen"
)

// answer is that with all choices at once.
func (t *task) answer(ctx context.Context) ([]byte, error) {
	doc := gen.Completion{
		Id: t.id, Object: gen.CompletionObjectTextCompletion, Created: t.created, Model: ID,
		SystemFingerprint: &t.model.fingerprint, Choices: []gen.CompletionChoice{},
	}
	used := 0
	for i := range t.prompts {
		best, drawn, err := t.choices(ctx, i)
		if err != nil {
			return nil, err
		}
		for _, d := range best {
			doc.Choices = append(doc.Choices, t.choice(len(doc.Choices), d))
		}
		used += drawn
	}
	doc.Usage = t.usage(used)
	body, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("encode a completion: %w", err)
	}
	return body, nil
}

// choice puts the pieces of a draft together.
func (t *task) choice(index int, d *draft) gen.CompletionChoice {
	var text strings.Builder
	var tokens []scored
	out := gen.CompletionChoice{Index: int64(index)}
	for _, p := range d.pieces {
		text.WriteString(p.text)
		tokens = append(tokens, p.tokens...)
		out.FinishReason = p.finish
	}
	out.Text, out.Logprobs = text.String(), t.logprobs(tokens)
	return out
}

// usage is that of the whole request, in which drawn tokens were generated.
func (t *task) usage(drawn int) *gen.CompletionUsage {
	read := t.read()
	return &gen.CompletionUsage{PromptTokens: int64(read), CompletionTokens: int64(drawn), TotalTokens: int64(read) + int64(drawn)}
}

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
