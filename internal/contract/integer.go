package contract

import (
	"encoding/binary"
	"math/bits"
)

// integer reads the number at s.pos if it is written as a small integer and accepted for sure. If
// not, nothing has happened.
func (s *scanner) integer(n *numbers) bool {
	doc, i := s.doc, s.pos
	negative := doc[i] == '-'
	if negative {
		i++
	}
	v, end := short(doc, i)
	if end == i || end < len(doc) && (doc[end] == '.' || doc[end]|0x20 == 'e') {
		return false
	}
	if negative {
		v = -v
	}
	if v < n.least || v > n.most {
		return false
	}
	s.pos = end
	return true
}

// integers reads small integers with a comma after each, as many as stand at s.pos but no more than
// room, and returns how many there were. Whatever looks different is left to value.
func (s *scanner) integers(n *numbers, room int) int {
	doc, i, count := s.doc, s.pos, 0
	for ; count < room; count++ {
		v, end := short(doc, i)
		if end == i || end >= len(doc) || doc[end] != ',' || v < n.least || v > n.most {
			break
		}
		if i = end + 1; i < len(doc) && doc[i] == ' ' {
			i++
		}
	}
	s.pos = i
	return count
}

// short reads an integer of at most 18 digits at i, and returns where it ends; i where none stands.
func short(doc []byte, i int) (v int64, end int) {
	if i+8 <= len(doc) {
		word := binary.LittleEndian.Uint64(doc[i:])
		if size := leadingDigits(word); size < 8 {
			if size > 1 && doc[i] == '0' {
				return 0, i
			}
			return digitsValue(word, size), i + size
		}
	}
	return shortBytes(doc, i)
}

func shortBytes(doc []byte, i int) (v int64, end int) {
	for end = i; end < len(doc) && doc[end]-'0' <= 9; end++ {
		if end == i+18 {
			return 0, i
		}
		v = v*10 + int64(doc[end]-'0')
	}
	if end > i+1 && doc[i] == '0' {
		return 0, i
	}
	return v, end
}

// leadingDigits returns how many bytes of word, from the lowest, are digits.
func leadingDigits(word uint64) int {
	const ones = 0x0101010101010101
	above, below := word+(0x7f-'9')*ones, word-'0'*ones
	return bits.TrailingZeros64((above|below|word)&(0x80*ones)) >> 3
}

// zeros is the word of eight digits 0.
const zeros = '0' * 0x0101010101010101

// digitsValue reads the lowest bytes of word as digits: moved to the top, with zeros below, they are
// added up in pairs, fours and eights.
func digitsValue(word uint64, size int) int64 {
	word = (word - zeros) << (64 - 8*size)
	word = word * (1 + 10<<8) >> 8 & 0x00ff00ff00ff00ff
	word = word * (1 + 100<<16) >> 16 & 0x0000ffff0000ffff
	return int64(word * (1 + 10000<<32) >> 32)
}
