package contract

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"
)

// Exponents are read up to this, far beyond what the digits of a document could make up for.
const hugeExponent = 1 << 40

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

// digitsValue reads the lowest bytes of word as digits: moved to the top, with zeros below, they are
// added up in pairs, fours and eights.
func digitsValue(word uint64, size int) int64 {
	const zeros = '0' * 0x0101010101010101
	word = (word - zeros) << (64 - 8*size)
	word = word * (1 + 10<<8) >> 8 & 0x00ff00ff00ff00ff
	word = word * (1 + 100<<16) >> 16 & 0x0000ffff0000ffff
	return int64(word * (1 + 10000<<32) >> 32)
}

// decimal reads the number at s.pos.
func (s *scanner) decimal(d *decimal) bool {
	doc, i := s.doc, s.pos
	if doc[i] == '-' {
		d.negative = true
		i++
	}
	m := mantissa{decimal: d}
	whole := m.read(doc, i, 1)
	if whole == i || whole > i+1 && doc[i] == '0' {
		return s.malformed(whole, "invalid number")
	}
	if i = whole; i < len(doc) && doc[i] == '.' {
		end := m.read(doc, i+1, 0)
		if end == i+1 {
			return s.malformed(end, "invalid number")
		}
		i = end
	}
	exponent := 0
	if i < len(doc) && doc[i]|0x20 == 'e' {
		e, end := readExponent(doc, i+1)
		if end == 0 {
			return s.malformed(i, "invalid number")
		}
		exponent, i = e, end
	}
	m.finish(exponent)
	s.pos = i
	return true
}

// mantissa takes in the digits of a decimal one after the other.
type mantissa struct {
	*decimal
	count int // significant digits so far
	last  int // the last of them that is not 0
}

// read takes the digits at i and returns where they end. before is 1 for digits before the point, 0
// for those behind it.
func (m *mantissa) read(doc []byte, i, before int) int {
	for ; i < len(doc) && doc[i]-'0' <= 9; i++ {
		c := uint64(doc[i] - '0')
		if m.count == 0 && c == 0 {
			m.magnitude -= 1 - before
			continue
		}
		m.count++
		m.magnitude += before
		if c != 0 {
			m.last = m.count
		}
		if m.count <= digits {
			m.significand = m.significand*10 + c
		} else if c != 0 {
			m.more = true
		}
	}
	return i
}

func (m *mantissa) finish(exponent int) {
	m.magnitude += exponent
	m.integral = m.significand == 0 || m.last <= m.magnitude
	for ; m.count < digits && m.significand != 0; m.count++ {
		m.significand *= 10
	}
}

// readExponent reads what stands after an e, and returns where it ends; 0 where none stands.
func readExponent(doc []byte, i int) (exponent, end int) {
	negative := i < len(doc) && doc[i] == '-'
	if negative || i < len(doc) && doc[i] == '+' {
		i++
	}
	first := i
	for ; i < len(doc) && doc[i]-'0' <= 9; i++ {
		exponent = min(exponent*10+int(doc[i]-'0'), hugeExponent)
	}
	if i == first {
		return 0, 0
	}
	if negative {
		exponent = -exponent
	}
	return exponent, i
}

// compareDigits compares the significant digits of two numbers of the same magnitude.
func compareDigits(a, b []byte) int {
	a, b = bytes.TrimLeft(a, "-0."), bytes.TrimLeft(b, "-0.")
	for {
		c, restA := nextDigit(a)
		d, restB := nextDigit(b)
		if c != d || len(restA)+len(restB) == 0 {
			return cmp.Compare(c, d)
		}
		a, b = restA, restB
	}
}

// nextDigit takes one digit off the rest of a number; 0, without end, where there is no other.
func nextDigit(number []byte) (byte, []byte) {
	if len(number) > 0 && number[0] == '.' {
		number = number[1:]
	}
	if len(number) == 0 || number[0]-'0' > 9 {
		return '0', nil
	}
	return number[0], number[1:]
}
