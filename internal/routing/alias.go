package routing

import (
	"bytes"
	"encoding/json"

	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/rawjson"
)

// quoted is a text as JSON, with nothing escaped that need not be.
func quoted(text string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string and a buffer never fail
	return bytes.TrimSpace(b.Bytes())
}

// named gives an answer the model's public id. Every other byte of it stays.
func named(answer *completion.Answer, theirs, model string) *completion.Answer {
	public := quoted(model)
	if answer.Stream != nil {
		answer.Stream = &renamed{Stream: answer.Stream, theirs: theirs, model: model, public: public}
		return answer
	}
	answer.Body = rename(answer.Body, public)
	return answer
}

// renamed is a stream whose chunks have another model.
type renamed struct {
	completion.Stream
	theirs, model string
	public        []byte // model, as JSON
}

// BeforeWait is that of the stream within.
func (s *renamed) BeforeWait(f func()) bool { return completion.BeforeWait(s.Stream, f) }

// Next gives the next chunk.
func (s *renamed) Next() ([]byte, error) {
	chunk, err := s.Stream.Next()
	if err != nil {
		return nil, reworded(err, s.theirs, s.model)
	}
	return rename(chunk, s.public), nil
}

// rename puts another value in the place of that of model. An answer without one stays as it is.
func rename(doc, public []byte) []byte {
	at := rawjson.Find(doc, "model")
	if at.End == 0 || bytes.Equal(doc[at.Start:at.End], public) {
		return doc
	}
	return rawjson.Apply(doc, rawjson.Patch{At: at, With: public})
}
