package contract

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// text reads the text whose opening quote stands at s.pos.
func (s *scanner) text() bool {
	doc, i := s.doc, s.pos+1
	if end := short8(doc, i); end > 0 {
		s.pos, s.surplus, s.escaped = end, 0, false
		return true
	}
	surplus, escaped := 0, false
	for {
		if i = plain(doc, i); i >= len(doc) {
			return s.malformed(i, "")
		}
		switch c := doc[i]; {
		case c == '"':
			s.pos, s.surplus, s.escaped = i+1, surplus, escaped
			return true
		case c == '\\':
			size, reason := escape(doc[i:])
			if reason != "" {
				return s.malformed(i, reason)
			}
			i += size
			surplus += size - 1
			escaped = true
		case c < ' ':
			return s.malformed(i, "control character in a string")
		default:
			end, runes := wide(doc, i)
			if end < len(doc) && doc[end] >= utf8.RuneSelf {
				return s.malformed(end, "invalid UTF-8")
			}
			surplus += end - i - runes
			i = end
		}
	}
}

// short8 reads a text of up to seven plain characters at i, which most keys are, and returns where it
// ends; 0 where it is another.
func short8(doc []byte, i int) (end int) {
	if i+8 > len(doc) {
		return 0
	}
	hit := special(binary.LittleEndian.Uint64(doc[i:]))
	i += bits.TrailingZeros64(hit) >> 3
	if hit == 0 || doc[i] != '"' {
		return 0
	}
	return i + 1
}

// plain returns the first place from i on that holds a quote, a backslash, a control character or
// anything beyond ASCII. It looks at eight bytes at a time, in long texts at 32.
func plain(doc []byte, i int) int {
	rest := doc[i:]
	for len(rest) >= 32 {
		w0 := binary.LittleEndian.Uint64(rest)
		w1 := binary.LittleEndian.Uint64(rest[8:])
		w2 := binary.LittleEndian.Uint64(rest[16:])
		w3 := binary.LittleEndian.Uint64(rest[24:])
		if special(w0)|special(w1)|special(w2)|special(w3) != 0 {
			break
		}
		rest = rest[32:]
	}
	for len(rest) >= 8 {
		if hit := special(binary.LittleEndian.Uint64(rest)); hit != 0 {
			return len(doc) - len(rest) + bits.TrailingZeros64(hit)>>3
		}
		rest = rest[8:]
	}
	i = len(doc) - len(rest)
	for i < len(doc) && doc[i] >= ' ' && doc[i] < utf8.RuneSelf && doc[i] != '"' && doc[i] != '\\' {
		i++
	}
	return i
}

// special sets the high bit of each byte of word that plain stops at. A borrow may set more of them,
// but only above one that is right.
func special(word uint64) uint64 {
	const ones = 0x0101010101010101
	quote := (word ^ '"'*ones) - ones
	backslash := (word ^ '\\'*ones) - ones
	control := word - ' '*ones
	return (quote | backslash | control | word) & (0x80 * ones)
}

// wide reads code points beyond ASCII from i on, up to the first byte that does not belong to one,
// and returns where that stands and how many there were.
func wide(doc []byte, i int) (end, runes int) {
	for ; i < len(doc) && doc[i] >= utf8.RuneSelf; runes++ {
		size := 0
		if i+4 <= len(doc) {
			size = wideWord(binary.LittleEndian.Uint32(doc[i:]))
		} else if r, n := utf8.DecodeRune(doc[i:]); r != utf8.RuneError || n == 3 {
			size = n
		}
		if size == 0 {
			return i, runes
		}
		i += size
	}
	return i, runes
}

// wideWord returns the size of the code point beyond ASCII that the low bytes of word begin with; 0
// where they are none: cut off, longer than it needs to be, a surrogate or above U+10FFFF.
func wideWord(word uint32) int {
	switch {
	case word&0xc0e0 == 0x80c0 && word&0x1e != 0:
		return 2
	case word&0xc0c0f0 == 0x8080e0:
		if high := word & 0x200f; high != 0 && high != 0x200d {
			return 3
		}
	case word&0xc0c0c0f8 == 0x808080f0:
		if high := word&0x07<<2 | word>>12&3; high > 0 && high <= 0x10 {
			return 4
		}
	}
	return 0
}
