package contract

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// escape returns how many bytes the escape at the start of b has, or why it is none. A pair of
// surrogates is one escape.
func escape(b []byte) (size int, reason string) {
	if len(b) < 2 {
		return 0, "invalid escape"
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, ""
	case 'u':
	default:
		return 0, "invalid escape"
	}
	r, ok := unit(b)
	if !ok {
		return 0, "invalid escape"
	}
	if !utf16.IsSurrogate(r) {
		return 6, ""
	}
	if low, ok := unit(b[6:]); !ok || utf16.DecodeRune(r, low) == utf8.RuneError {
		return 0, "lone surrogate escape"
	}
	return 12, ""
}

// unit reads the \uXXXX at the start of b.
func unit(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unescape returns what the valid escape at the start of b stands for, and its size.
func unescape(b []byte) (r rune, size int) {
	switch b[1] {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
	default:
		return rune(b[1]), 2
	}
	r, _ = unit(b)
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	low, _ := unit(b[6:])
	return utf16.DecodeRune(r, low), 12
}

// unquote returns the content of the text that was read last, given where it stands between its
// quotes. It is there until the next call.
func (s *scanner) unquote(start, end int) []byte {
	if !s.escaped {
		return s.doc[start:end]
	}
	s.scratch = appendContent(slices.Grow(s.scratch[:0], end-start), s.doc[start:])
	return s.scratch
}

// unlike reports whether the valid texts that begin at two places differ for sure, by their first eight
// bytes: they are the same up to a byte in which they differ, and mean themselves so far.
func unlike(doc []byte, a, b int) bool {
	if max(a, b)+8 > len(doc) {
		return false
	}
	first, second := binary.LittleEndian.Uint64(doc[a:]), binary.LittleEndian.Uint64(doc[b:])
	same := bits.TrailingZeros64(first^second) &^ 7
	if same == 64 {
		return false
	}
	before := uint64(1)<<same - 1
	return special(first)&before == 0 && byte(first>>same) != '\\' && byte(second>>same) != '\\'
}

// sameKey reports whether the valid text that begins at start, after its quote, reads key.
func sameKey(doc []byte, start int, key []byte) bool {
	raw := doc[start:]
	if len(raw) > len(key) && string(raw[:len(key)]) == string(key) && raw[len(key)] == '"' &&
		bytes.IndexByte(key, '"') < 0 && bytes.IndexByte(key, '\\') < 0 {
		return true
	}
	var buffer [utf8.UTFMax]byte
	for len(key) > 0 && raw[0] != '"' {
		size, read := 1, append(buffer[:0], raw[0])
		if raw[0] == '\\' {
			var r rune
			r, size = unescape(raw)
			read = utf8.AppendRune(buffer[:0], r)
		}
		if len(read) > len(key) || string(read) != string(key[:len(read)]) {
			return false
		}
		raw, key = raw[size:], key[len(read):]
	}
	return len(key) == 0 && raw[0] == '"'
}

// content returns the valid text that begins at start, after its quote, unescaped into buffer if it
// has to be.
func content(doc []byte, start int, buffer []byte) []byte {
	raw := doc[start:]
	size := 0
	for raw[size] != '"' && raw[size] != '\\' {
		size++
	}
	if raw[size] == '"' {
		return raw[:size]
	}
	return appendContent(append(buffer, raw[:size]...), raw[size:])
}

// appendContent appends the rest of a valid text, up to its closing quote.
func appendContent(dst, raw []byte) []byte {
	for {
		size := plain(raw, 0)
		dst = append(dst, raw[:size]...)
		switch raw = raw[size:]; raw[0] {
		case '"':
			return dst
		case '\\':
			r, size := unescape(raw)
			dst = utf8.AppendRune(dst, r)
			raw = raw[size:]
		default:
			dst = append(dst, raw[0])
			raw = raw[1:]
		}
	}
}
