package contract

import "cmp"

// numbers is what a schema asks of a number.
type numbers struct {
	whole       bool  // whether it has to be an integer
	plain       bool  // and that without a point or an exponent
	size        *size // of its format
	low, high   *limit
	least, most int64 // integers between them are all accepted; there may be others
}

// size is the range of the integers of a format.
type size struct{ low, high decimal }

// limit is the least or the greatest number that is accepted or, where it is open, the first that
// is not.
type limit struct {
	at    decimal
	open  bool
	value float64
	text  string
}

// digits is how many significant digits a decimal holds: as many as every float64 and int64 has.
const digits = 19

// decimal is a number as it was written, exact but for what follows its first 19 significant digits:
// of that it knows only whether it is zero.
type decimal struct {
	significand uint64 // 19 digits, of which the first is not 0; 0 for zero
	magnitude   int    // the value is 0.significand × 10^magnitude
	negative    bool
	more        bool // whether digits other than 0 follow the significand
	integral    bool
	plain       bool // whether it was written with neither a point nor an exponent
}

// fault returns what is wrong with a number, 0 where nothing is.
func (n *numbers) fault(d *decimal) code {
	switch {
	case n.whole && !d.integral:
		return fraction
	case n.plain && !d.plain:
		return notPlain
	case n.size != nil && (d.compare(&n.size.low) < 0 || d.compare(&n.size.high) > 0):
		return beyondSize
	case n.high != nil && !n.high.above(d):
		return aboveHigh
	case n.low != nil && !n.low.below(d):
		return belowLow
	}
	return 0
}

func (l *limit) above(d *decimal) bool {
	order := d.compare(&l.at)
	return order < 0 || order == 0 && !l.open
}

func (l *limit) below(d *decimal) bool {
	order := d.compare(&l.at)
	return order > 0 || order == 0 && !l.open
}

// compare tells -1, 0 or 1. Two numbers with the same significand and more after it count as equal;
// compareDigits tells them apart.
func (d *decimal) compare(e *decimal) int {
	switch {
	case d.sign() != e.sign():
		return cmp.Compare(d.sign(), e.sign())
	case d.negative:
		return e.compareMagnitude(d)
	default:
		return d.compareMagnitude(e)
	}
}

func (d *decimal) sign() int {
	switch {
	case d.significand == 0:
		return 0
	case d.negative:
		return -1
	default:
		return 1
	}
}

func (d *decimal) compareMagnitude(e *decimal) int {
	switch {
	case d.significand == 0 || e.significand == 0:
		return cmp.Compare(d.significand, e.significand)
	case d.magnitude != e.magnitude:
		return cmp.Compare(d.magnitude, e.magnitude)
	case d.significand != e.significand:
		return cmp.Compare(d.significand, e.significand)
	case d.more == e.more:
		return 0
	case d.more:
		return 1
	default:
		return -1
	}
}
