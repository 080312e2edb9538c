package meter

import (
	"bytes"

	"github.com/specgate/specgate/internal/rawjson"
)

// texts are those of an answer, or of what has come of a stream, by which its tokens are told where nobody counted them.
type texts struct {
	count  int64 // that are not empty: each is a token at least
	bytes  int64 // of these, as they were sent
	listed int64 // tokens of others, which came one by one
}

// add takes in the texts of a document.
func (t *texts) add(doc []byte) {
	if bytes.Contains(doc, tokensKey) || bytes.Contains(doc, idsKey) {
		choices := part(doc, rawjson.Find(doc, "choices"))
		for at := range rawjson.Items(choices) {
			t.addChoice(part(choices, at))
		}
		return
	}
	t.addTexts(doc)
}

var (
	textKey   = []byte(`"text":`)
	tokensKey = []byte(`"tokens"`)
	idsKey    = []byte(`"token_ids"`)
)

// addChoice counts the tokens of a choice where it lists them, with their probabilities or their ids.
func (t *texts) addChoice(choice []byte) {
	logprobs := part(choice, rawjson.Find(choice, "logprobs"))
	for _, list := range [][]byte{part(choice, rawjson.Find(choice, "token_ids")), part(logprobs, rawjson.Find(logprobs, "tokens"))} {
		n := int64(0)
		for range rawjson.Items(list) {
			n++
		}
		if n > 0 {
			t.listed += n
			return
		}
	}
	t.addTexts(choice)
}

// addTexts goes by the key alone: within a string its quotes would be escaped, so it is found wherever it is one.
func (t *texts) addTexts(doc []byte) {
	for {
		_, after, found := bytes.Cut(doc, textKey)
		if !found {
			return
		}
		doc = after
		text := bytes.TrimLeft(after, " \t\r\n")
		if len(text) == 0 || text[0] != '"' {
			continue
		}
		if n := textEnd(text[1:]); n > 0 {
			t.count++
			t.bytes += int64(n)
		}
	}
}

// tokens is how many tokens they are: by their bytes, at least one each, and those that are not listed no more than
// most.
func (t *texts) tokens(most int64) int64 {
	return t.listed + max(t.count, min(tokensOf(int(t.bytes)), most-t.listed))
}

// streamed is tokens of texts that came chunk by chunk. Where they are so short that two tokens each would be more,
// they are one each, as most backends send them.
func (t *texts) streamed(most int64) int64 {
	if t.bytes < 2*bytesPerToken*t.count {
		return t.listed + t.count
	}
	return t.tokens(most)
}

// textEnd is where the string ends whose inside doc begins with.
func textEnd(doc []byte) int {
	for i := 0; i < len(doc); i++ {
		switch doc[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(doc)
}
