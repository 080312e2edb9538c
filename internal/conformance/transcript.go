package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/sse"
)

// transcript is a stream that came.
type transcript struct {
	raw    []byte
	chunks []gen.CompletionChunk
	done   bool // whether it has [DONE]
	behind int  // events behind that
}

// read takes a stream apart, however it is framed, and holds every event to the schema. It ends with ctx: a
// stream may be long.
func (s *Suite) read(ctx context.Context, raw []byte) (*transcript, error) {
	tr := &transcript{raw: raw}
	events := sse.NewReader(bytes.NewReader(raw), 0)
	for {
		event, err := events.Next()
		switch {
		case errors.Is(err, io.EOF):
			return tr, nil
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			return nil, fmt.Errorf("the stream does not end well: %w", err)
		case tr.done:
			tr.behind++
			continue
		case sse.IsDone(event.Data):
			tr.done = true
			continue
		}
		if err := tr.take(s, event); err != nil {
			return nil, fmt.Errorf("event %d of the stream: %w", len(tr.chunks)+1, err)
		}
	}
}

func (tr *transcript) take(s *Suite, event sse.Event) error {
	if event.Kind == sse.Error || s.broken.Accept(event.Data, nil) {
		return fmt.Errorf("it broke off: %s", event.Data)
	}
	if err := keeps(s.chunk, event.Data, "the chunk"); err != nil {
		return err
	}
	var chunk gen.CompletionChunk
	if err := json.Unmarshal(event.Data, &chunk); err != nil {
		return err
	}
	tr.chunks = append(tr.chunks, chunk)
	return nil
}

// joined is a choice of a stream, put together.
type joined struct {
	text    string
	reasons []string // as they came
	tokens  []string
	late    bool // whether a piece came behind a finish_reason
	pieces  []byte
}

// choices puts the pieces together, by index.
func (tr *transcript) choices() []joined {
	var all []joined
	for _, chunk := range tr.chunks {
		for _, piece := range chunk.Choices {
			if grow := int(min(piece.Index, mostChoices)) + 1 - len(all); grow > 0 {
				all = slices.Grow(all, grow)[:len(all)+grow]
			}
			c := &all[min(piece.Index, mostChoices)]
			c.late = c.late || len(c.reasons) > 0
			c.pieces = append(c.pieces, piece.Text...)
			if piece.Logprobs != nil {
				c.tokens = append(c.tokens, values(piece.Logprobs.Tokens)...)
			}
			if piece.FinishReason != nil {
				c.reasons = append(c.reasons, string(*piece.FinishReason))
			}
		}
	}
	for i := range all {
		all[i].text = string(all[i].pieces)
	}
	return all
}

// mostChoices keeps an index that means nothing from taking all memory.
const mostChoices = 1 << 12

// texts are what the choices say.
func (tr *transcript) texts() []string {
	var all []string
	for _, c := range tr.choices() {
		all = append(all, c.text)
	}
	return all
}

// values are the items of a list that may be missing, as may each of them.
func values[T any](list *[]*T) []T {
	if list == nil {
		return nil
	}
	all := make([]T, len(*list))
	for i, item := range *list {
		if item != nil {
			all[i] = *item
		}
	}
	return all
}

// asksForStream reports whether a request wants a stream.
func asksForStream(body []byte) bool {
	var sent struct{ Stream *bool }
	return json.Unmarshal(body, &sent) == nil && sent.Stream != nil && *sent.Stream
}
