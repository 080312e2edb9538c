package routing

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/specgate/specgate/internal/completion"
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
func named(answer *completion.Answer, model string) *completion.Answer {
	public := quoted(model)
	if answer.Stream != nil {
		answer.Stream = &renamed{Stream: answer.Stream, public: public}
		return answer
	}
	answer.Body = rename(answer.Body, public)
	return answer
}

// renamed is a stream whose chunks have another model.
type renamed struct {
	completion.Stream
	public []byte
}

// Next gives the next chunk.
func (s *renamed) Next() ([]byte, error) {
	chunk, err := s.Stream.Next()
	if err != nil {
		return nil, err
	}
	return rename(chunk, s.public), nil
}

// rename puts another value in the place of that of model, in a document that is a JSON object. One
// that has no model is returned as it is.
func rename(doc, public []byte) []byte {
	start, end := find(doc, "model")
	if start == end || bytes.Equal(doc[start:end], public) {
		return doc
	}
	return slices.Concat(doc[:start], public, doc[end:])
}

// find returns the place of a member's value at the top of a JSON object; 0, 0 where it has none.
func find(doc []byte, name string) (start, end int) {
	i := skip(doc, skip(doc, 0)+1)
	for i < len(doc) && doc[i] == '"' {
		keyEnd := valueEnd(doc, i)
		start = skip(doc, skip(doc, keyEnd)+1)
		end = valueEnd(doc, start)
		if isKey(doc[i:keyEnd], name) {
			return start, end
		}
		i = skip(doc, skip(doc, end)+1)
	}
	return 0, 0
}

func isKey(raw []byte, name string) bool {
	if bytes.IndexByte(raw, '\\') < 0 {
		return len(raw) == len(name)+2 && string(raw[1:len(raw)-1]) == name
	}
	var key string
	return json.Unmarshal(raw, &key) == nil && key == name
}

// skip returns the first position from i on that is no space.
func skip(doc []byte, i int) int {
	for i < len(doc) && (doc[i] == ' ' || doc[i] == '\t' || doc[i] == '\n' || doc[i] == '\r') {
		i++
	}
	return min(i, len(doc))
}

// valueEnd returns the position after the value, or the key, that begins at i. Of what is no JSON it
// makes something, but never reads past the end.
func valueEnd(doc []byte, i int) int {
	for depth := 0; i < len(doc); {
		switch c := doc[i]; c {
		case '"':
			i = stringEnd(doc, i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		default:
			if depth == 0 {
				return scalarEnd(doc, i)
			}
			i++
			continue
		}
		if depth <= 0 {
			break
		}
	}
	return min(i, len(doc))
}

func stringEnd(doc []byte, i int) int {
	for i++; i < len(doc) && doc[i] != '"'; i++ {
		if doc[i] == '\\' {
			i++
		}
	}
	return min(i+1, len(doc))
}

func scalarEnd(doc []byte, i int) int {
	for i < len(doc) && bytes.IndexByte([]byte(",]} \t\r\n"), doc[i]) < 0 {
		i++
	}
	return i
}
