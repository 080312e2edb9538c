package upstream

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// wellFormed puts U+FFFD where raw, which is valid JSON, has bytes that are no UTF-8 or an escaped
// half of a surrogate pair: backends that send each token on its own cut characters in two.
func (r *repair) wellFormed(raw []byte) []byte {
	if !utf8.Valid(raw) {
		raw = bytes.ToValidUTF8(raw, []byte("\uFFFD"))
		r.note(repairedText)
	}
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		size := 2
		if unit, ok := escape(raw[i:]); ok {
			size = 6
			if low, _ := escape(raw[i+6:]); utf16.DecodeRune(unit, low) != utf8.RuneError {
				size = 12
			} else if utf16.IsSurrogate(unit) {
				copy(raw[i:], `\ufffd`)
				r.note(repairedText)
			}
		}
		i += size - 1
	}
	return raw
}

// escape returns the UTF-16 unit that \uXXXX at the start of raw stands for.
func escape(raw []byte) (rune, bool) {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return 0, false
	}
	var unit rune
	for _, c := range raw[2:6] {
		unit <<= 4
		switch {
		case c <= '9':
			unit |= rune(c - '0')
		default:
			unit |= rune(c|0x20) - 'a' + 10
		}
	}
	return unit, true
}
