package upstream

import (
	"bytes"

	"github.com/specgate/specgate/internal/completion"
)

// tally brings the usage of a stream to where the contract has it: in one chunk of its own before the
// end, and only where it was asked for.
type tally struct {
	wanted bool
	theirs []byte // the backend's own chunk of usage
	zero   bool   // whether theirs counts nothing
	made   []byte // one that was made of a usage that stood on another chunk
}

// settle takes the usage off an accepted chunk and returns the rest, nil where that is nothing. It
// reports whether the usage stood where it should not.
func (t *tally) settle(doc []byte, spans []completion.Span) (chunk []byte, moved bool) {
	usage := part(doc, spans[factUsage])
	if len(usage) == 0 || isNull(usage) {
		return doc, false
	}
	zero := countsNothing(usage)
	if choices := part(doc, spans[factChoices]); choices[skip(choices, 1)] == ']' {
		if t.wanted && (t.theirs == nil || !zero) {
			t.theirs, t.zero = bytes.Clone(doc), zero
		}
		return nil, !t.wanted
	}
	if t.wanted && !zero {
		t.made = usageChunk(doc, spans)
	}
	return without(doc, spans[factUsage]), true
}

// last returns the chunk with the usage; nil where it was not asked for, or the backend gave none.
func (t *tally) last() []byte {
	if t.theirs == nil || t.zero && t.made != nil {
		return t.made
	}
	return t.theirs
}

func countsNothing(usage []byte) bool {
	u, _ := members(usage)
	for _, name := range []string{"prompt_tokens", "completion_tokens", "total_tokens"} {
		if n, ok := integer(u.get(name)); !ok || n != 0 {
			return false
		}
	}
	return true
}

// usageChunk makes the chunk that the usage of doc should have stood in.
func usageChunk(doc []byte, spans []completion.Span) []byte {
	return object{
		{key: quote("id"), value: part(doc, spans[factID])},
		{key: quote("object"), value: quote("text_completion")},
		{key: quote("created"), value: part(doc, spans[factCreated])},
		{key: quote("model"), value: part(doc, spans[factModel])},
		{key: quote("choices"), value: []byte("[]")},
		{key: quote("usage"), value: part(doc, spans[factUsage])},
	}.bytes()
}
