package localmodel

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tiktoken-go/tokenizer/codec"
)

// token is the id of a token, as cl100k_base counts them.
type token int32

// The ids of cl100k_base: the first plainTokens stand for bytes, the next for nothing at all, and of
// the special ones the model knows the end of a text alone.
const (
	plainTokens = 100256
	endOfText   = token(100257)

	vocabularySize = plainTokens + 1
	tokenBound     = endOfText + 1
	longestPiece   = 128 // bytes
	endOfTextPiece = "<|endoftext|>"
)

// known reports whether the vocabulary has a token of this id.
func known(id int64) bool { return id >= 0 && id < plainTokens || id == int64(endOfText) }

// vocabulary turns text into tokens and back. It may be used by many goroutines at once.
type vocabulary struct{ codec *codec.Codec }

// newVocabulary takes cl100k_base rather than o200k_base: half the entries are half the start.
func newVocabulary() vocabulary { return vocabulary{codec.NewCl100kBase()} }

// encode is the tokens of a text. No text makes a special token, whatever it looks like.
func (v vocabulary) encode(text string) ([]token, error) {
	ids, _, err := v.codec.Encode(text)
	if err != nil {
		return nil, fmt.Errorf("split a text into tokens: %w", err)
	}
	tokens := make([]token, len(ids))
	for i, id := range ids {
		tokens[i] = token(id)
	}
	return tokens, nil
}

// piece is the bytes of a known token, which need not be whole characters.
func (v vocabulary) piece(t token) string {
	if t == endOfText {
		return endOfTextPiece
	}
	piece, err := v.codec.Decode([]uint{uint(t)})
	if err != nil {
		panic(err) // every id was checked on its way in
	}
	return piece
}

// shown is a token as logprobs show it: its text, or where that is no text, bytes: and its bytes.
func (v vocabulary) shown(t token) string {
	piece := v.piece(t)
	if utf8.ValidString(piece) {
		return piece
	}
	var out strings.Builder
	out.WriteString("bytes:")
	for _, b := range []byte(piece) {
		if b >= utf8.RuneSelf || b < ' ' || b == '\\' {
			fmt.Fprintf(&out, `\x%02x`, b)
			continue
		}
		out.WriteByte(b)
	}
	return out.String()
}
