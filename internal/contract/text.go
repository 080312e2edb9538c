package contract

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// text reads the text whose opening quote stands at s.pos.
func (s *scanner) text() bool {
	doc, i := s.doc, s.pos+1
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
	quote := word ^ '"'*ones - ones
	backslash := word ^ '\\'*ones - ones
	control := word - ' '*ones
	return (quote | backslash | control | word) & (0x80 * ones)
}

// wide reads code points beyond ASCII from i on, up to the first byte that does not belong to one,
// and returns where that stands and how many there were.
func wide(doc []byte, i int) (end, runes int) {
	for ; i < len(doc) && doc[i] >= utf8.RuneSelf; runes++ {
		size := 0
		switch c := doc[i]; {
		case c < 0xe0:
			size = wide2(doc[i:])
		case c < 0xf0:
			size = wide3(doc[i:])
		default:
			size = wide4(doc[i:])
		}
		if size == 0 {
			return i, runes
		}
		i += size
	}
	return i, runes
}

func wide2(b []byte) int {
	if len(b) < 2 || b[0] < 0xc2 || b[1]&0xc0 != 0x80 {
		return 0
	}
	return 2
}

func wide3(b []byte) int {
	if len(b) < 3 || b[1]&0xc0 != 0x80 || b[2]&0xc0 != 0x80 {
		return 0
	}
	r := uint32(b[0]&0x0f)<<12 | uint32(b[1]&0x3f)<<6
	if r < 0x800 || r-0xd800 < 0x800 {
		return 0
	}
	return 3
}

func wide4(b []byte) int {
	if len(b) < 4 || b[0] > 0xf4 || b[1]&0xc0 != 0x80 || b[2]&0xc0 != 0x80 || b[3]&0xc0 != 0x80 {
		return 0
	}
	if r := uint32(b[0]&0x07)<<18 | uint32(b[1]&0x3f)<<12; r-0x10000 >= 0x100000 {
		return 0
	}
	return 4
}
