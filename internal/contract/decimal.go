package contract

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"
)

// Exponents are read up to this, far beyond what the digits of a document could make up for.
const hugeExponent = 1 << 40

// decimal reads the number at s.pos.
func (s *scanner) decimal(d *decimal) bool {
	doc, i := s.doc, s.pos
	if doc[i] == '-' {
		d.negative = true
		i++
	}
	m := mantissa{decimal: d}
	whole := m.read(doc, i, 1)
	if whole == i {
		return s.malformed(i, "invalid number")
	}
	if whole > i+1 && doc[i] == '0' {
		return s.malformed(i+1, "invalid number")
	}
	d.plain = true
	if i = whole; i < len(doc) && doc[i] == '.' {
		end := m.read(doc, i+1, 0)
		if end == i+1 {
			return s.malformed(end, "invalid number")
		}
		i = end
		d.plain = false
	}
	exponent := 0
	if i < len(doc) && doc[i]|0x20 == 'e' {
		e, end := readExponent(doc, i+1)
		if end == 0 {
			return s.malformed(i, "invalid number")
		}
		exponent, i = e, end
		d.plain = false
	}
	m.finish(exponent)
	s.pos = i
	return true
}

// powers are those of ten.
var powers = func() (p [digits + 1]uint64) {
	p[0] = 1
	for i := range digits {
		p[i+1] = 10 * p[i]
	}
	return p
}()

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
		if m.count >= digits {
			return m.readOn(doc, i, before)
		}
		m.count++
		m.magnitude += before
		if c != 0 {
			m.last = m.count
		}
		m.significand = m.significand*10 + c
	}
	return i
}

// readOn is read for digits that the significand has no room for: they are counted, eight at a time
// where there are many.
func (m *mantissa) readOn(doc []byte, i, before int) int {
	start, last := i, -1
	for i+8 <= len(doc) {
		word := binary.LittleEndian.Uint64(doc[i:])
		if leadingDigits(word) < 8 {
			break
		}
		if rest := word - zeros; rest != 0 {
			last = i + 7 - bits.LeadingZeros64(rest)>>3
		}
		i += 8
	}
	for ; i < len(doc) && doc[i]-'0' <= 9; i++ {
		if doc[i] != '0' {
			last = i
		}
	}
	if last >= 0 {
		m.more, m.last = true, m.count+last-start+1
	}
	m.count += i - start
	m.magnitude += before * (i - start)
	return i
}

func (m *mantissa) finish(exponent int) {
	m.magnitude += exponent
	m.integral = m.significand == 0 || m.last <= m.magnitude
	if m.count < digits {
		m.significand *= powers[digits-m.count]
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
