package contract

import (
	"cmp"
	"unicode/utf8"
)

// code is what can be wrong with a document. The order means nothing but for rightKind.
type code int

const (
	wrongKind code = iota + 1
	unionMismatch

	rightKind // what follows is wrong with a value of the right kind
	textTooShort
	textTooLong
	patternMismatch
	notListed
	fraction
	notPlain
	beyondSize
	aboveHigh
	belowLow
	tooShort
	tooLong
	missing
	duplicateKey
	lookalikeKey
	extraKey
	keyMismatch
	ruleBroken
)

// uncounted stands for the length of an array that was given up on its way.
const uncounted = -1

// failure is a violation before it is put into words: s.frames[1:depth+1] lead to it.
type failure struct {
	code      code
	node      *node // what is violated: a schema, or one of the next two
	keys      *keyRule
	rule      *rule
	member    *property // follows the frames where the document does not name it
	order     int       // its index
	depth     int
	place     int  // how far into the document the schema could be followed
	start     int  // where an uncounted array begins
	got       int  // the length of an array
	firstItem bool // whether the last frame is the first item of an array, and still to be written
}

// nearness compares how near to a valid value the branches of a union came.
func (f *failure) nearness(g *failure) int {
	if order := cmp.Compare(f.place, g.place); order != 0 {
		return order
	}
	return cmp.Compare(f.refinement(), g.refinement())
}

func (f *failure) refinement() int {
	if f.code > rightKind {
		return 1
	}
	return 0
}

// violation puts a failure that frames lead to into words. They never repeat a value.
func (f *failure) violation(s *scanner, frames []frame) Violation {
	typ, msg := f.words(s)
	return Violation{Loc: f.loc(s, frames), Msg: msg, Type: typ}
}

// longestKey is how many code points of a key are reported.
const longestKey = 64

func (f *failure) loc(s *scanner, frames []frame) []any {
	loc := make([]any, 1, f.depth+2)
	loc[0] = "body"
	for _, fr := range frames {
		if fr.start == 0 {
			loc = append(loc, fr.order)
			continue
		}
		loc = append(loc, shown(s.doc[fr.start:]))
	}
	if f.member != nil {
		loc = append(loc, f.member.name)
	}
	return loc
}

// shown returns the start of the key that raw begins with.
func shown(raw []byte) string {
	var key []byte
	for n := 0; n < longestKey && raw[0] != '"'; n++ {
		r, size := utf8.DecodeRune(raw)
		if raw[0] == '\\' {
			r, size = unescape(raw)
		}
		key = utf8.AppendRune(key, r)
		raw = raw[size:]
	}
	return string(key)
}
