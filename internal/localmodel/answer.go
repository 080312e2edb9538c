package localmodel

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/specgate/specgate/gen"
)

// written is a choice as JSON. As such it is kept rather than as its tokens, of which an answer may
// list hundreds of thousands: to encode them all at once takes ten times the room of the answer.
type written struct {
	mean   float64 // log probability a token
	fields []byte  // all but the index, and the brace that closes it
}

// answer is that with all choices at once.
func (t *task) answer(ctx context.Context) ([]byte, error) {
	var all []written
	used := 0
	for i := range t.prompts {
		best, drawn, err := t.choices(ctx, i)
		if err != nil {
			return nil, err
		}
		all = append(all, best...)
		used += drawn
	}
	frame, err := json.Marshal(gen.Completion{
		Id: t.id, Object: gen.CompletionObjectTextCompletion, Created: t.created, Model: ID,
		SystemFingerprint: &t.model.fingerprint, Choices: []gen.CompletionChoice{}, Usage: t.usage(used),
	})
	if err != nil {
		return nil, fmt.Errorf("encode a completion: %w", err)
	}
	return frameChoices(frame, all), nil
}

// frameChoices puts choices into a completion that was written without any.
func frameChoices(frame []byte, all []written) []byte {
	const choices = `"choices":[`
	before, after, _ := bytes.Cut(frame, []byte(choices)) // nothing else has quotes that are not escaped
	size := len(frame)
	for _, w := range all {
		size += len(w.fields) + len(`,"index":4294967295},`)
	}
	body := append(append(make([]byte, 0, size), before...), choices...)
	for i, w := range all {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, w.fields...)
		body = append(strconv.AppendInt(append(body, `,"index":`...), int64(i), 10), '}')
	}
	return append(body, after...)
}

// choices are the n completions of one prompt. Of more drafts they are those with the highest log
// probability a token, the best first; used counts the tokens of all.
func (t *task) choices(ctx context.Context, prompt int) (best []written, used int, err error) {
	s, err := t.start(ctx, prompt)
	if err != nil {
		return nil, 0, err
	}
	w := t.writer(s)
	for i := range t.drafts {
		d, err := t.draft(ctx, s, i)
		if err != nil {
			return nil, 0, err
		}
		used += d.drawn
		place := t.place(best, d.mean())
		if place == t.n {
			continue
		}
		fields, err := w.fields(s.generated(d))
		if err != nil {
			return nil, 0, err
		}
		best = slices.Insert(best, place, written{d.mean(), fields})
		best = best[:min(len(best), t.n)]
	}
	return best, used, nil
}

// place is where a choice comes among those before it: of equals the first stays first, and where all
// drafts are asked for they stay as they come.
func (t *task) place(before []written, mean float64) int {
	if t.drafts == t.n {
		return len(before)
	}
	i, _ := slices.BinarySearchFunc(before, mean, func(w written, mean float64) int {
		return cmp.Or(cmp.Compare(mean, w.mean), -1)
	})
	return i
}

// usage is that of the whole request, in which drawn tokens were generated.
func (t *task) usage(drawn int) *gen.CompletionUsage {
	read := t.read()
	return &gen.CompletionUsage{PromptTokens: read, CompletionTokens: int64(drawn), TotalTokens: read + int64(drawn)}
}
