package contract

import "encoding/binary"

const (
	// shortFraction is how many bytes a fraction may have whose digits a float64 holds exactly.
	shortFraction = 16
	// longWhole is how many bytes a number may have before its point and be below remote, beyond which
	// are the limits that a format has of its own.
	longWhole, remote = 30, 1e30
)

var powersOfTen = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// fraction reads the number at s.pos if it is written as a fraction, with a point and without an
// exponent, and accepted for sure. If not, nothing has happened.
func (s *scanner) fraction(n *numbers) bool {
	doc, start := s.doc, s.pos
	if doc[start] == '-' {
		start++
	}
	point := digitsEnd(doc, start)
	if point == start || point > start+1 && doc[start] == '0' || point >= len(doc) || doc[point] != '.' {
		return false
	}
	end := digitsEnd(doc, point+1)
	if end == point+1 || end < len(doc) && doc[end]|0x20 == 'e' {
		return false
	}
	if !n.certain(doc[s.pos:end], point-s.pos) {
		return false
	}
	s.pos = end
	return true
}

// certain reports whether a fraction, whose point is at a place, is for sure within the limits. What is
// on one side of a limit when both are rounded to the nearest float64 is on that side of it.
func (n *numbers) certain(text []byte, point int) bool {
	if (n.low == nil || n.low.value <= -remote) && (n.high == nil || n.high.value >= remote) {
		return point <= longWhole
	}
	if len(text) > shortFraction {
		return false
	}
	value := fractionOf(text, point)
	return (n.low == nil || value > n.low.value) && (n.high == nil || value < n.high.value)
}

// fractionOf is the float64 nearest to a short fraction: its digits and the power of ten are exact.
func fractionOf(text []byte, point int) float64 {
	var digits uint64
	for _, c := range text {
		if c != '-' && c != '.' {
			digits = digits*10 + uint64(c-'0')
		}
	}
	value := float64(digits) / powersOfTen[len(text)-point-1]
	if text[0] == '-' {
		return -value
	}
	return value
}

// digitsEnd returns where the digits that begin at i end.
func digitsEnd(doc []byte, i int) int {
	for i+8 <= len(doc) {
		size := leadingDigits(binary.LittleEndian.Uint64(doc[i:]))
		if i += size; size < 8 {
			return i
		}
	}
	for i < len(doc) && doc[i]-'0' <= 9 {
		i++
	}
	return i
}
