package localmodel

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// scored is a token of a text, and what the model thought of it.
type scored struct {
	token   token
	logprob float64
	top     []likely // the likeliest at its place; nil for a token with nothing before it
	offset  int      // where it begins, in code points
}

// cluster is the fewest tokens that make whole characters: as a rule, one.
type cluster struct {
	text   string
	tokens []scored
	cut    bool // whether the text is not the tokens' any more, but the beginning of it
}

// assembler makes text of tokens. Its zero value is at the beginning of a text; at may be set to
// count offsets from elsewhere.
type assembler struct {
	at      int // code points so far
	raw     []byte
	pending []scored
	begins  []int // where each of pending begins in raw
}

// push takes the next token and its bytes. It reports whether there is a cluster now; where there is
// none, the last character still lacks bytes.
func (a *assembler) push(t scored, piece string) (cluster, bool) {
	a.begins = append(a.begins, len(a.raw))
	a.raw = append(a.raw, piece...)
	a.pending = append(a.pending, t)
	if unfinished(a.raw) {
		return cluster{}, false
	}
	return a.flush()
}

// flush makes a cluster of whatever there is. Bytes that are no character become U+FFFD.
func (a *assembler) flush() (cluster, bool) {
	if len(a.pending) == 0 {
		return cluster{}, false
	}
	var text strings.Builder
	done := 0 // bytes of raw that are in text
	for i := range a.pending {
		for end := a.begins[i]; done < len(a.raw) && done+characterLen(a.raw[done:]) <= end; {
			done += a.decode(&text, a.raw[done:])
		}
		a.pending[i].offset = a.at
	}
	for done < len(a.raw) {
		done += a.decode(&text, a.raw[done:])
	}
	c := cluster{text: text.String(), tokens: slices.Clone(a.pending)}
	a.raw, a.pending, a.begins = a.raw[:0], a.pending[:0], a.begins[:0]
	return c, true
}

// decode writes the first character of b to text, and returns how many bytes it was.
func (a *assembler) decode(text *strings.Builder, b []byte) int {
	r, _ := utf8.DecodeRune(b)
	text.WriteRune(r)
	a.at++
	return characterLen(b)
}

// clone is an assembler that goes on from here by itself.
func (a *assembler) clone() assembler {
	return assembler{at: a.at, raw: slices.Clone(a.raw), pending: slices.Clone(a.pending), begins: slices.Clone(a.begins)}
}

// characterLen is how many bytes the first character of b has. What is none ends where it can be none
// any more (the maximal subpart of the Unicode standard), so that one cut character is one U+FFFD.
func characterLen(b []byte) int {
	_, n := utf8.DecodeRune(b)
	if n > 1 {
		return n
	}
	for n < len(b) && !utf8.FullRune(b[:n]) && !utf8.FullRune(b[:n+1]) {
		n++
	}
	return n
}

// unfinished reports whether b ends within a character.
func unfinished(b []byte) bool {
	for i := len(b) - 1; i >= 0 && i > len(b)-utf8.UTFMax; i-- {
		if utf8.RuneStart(b[i]) {
			return !utf8.FullRune(b[i:])
		}
	}
	return false
}
