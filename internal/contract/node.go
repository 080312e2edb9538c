package contract

import (
	"bytes"
	"math"
	"math/bits"
	"unicode/utf8"
)

// kind is what a JSON value is, or a set of that.
type kind uint8

const (
	nullKind kind = 1 << iota
	boolKind
	numberKind
	textKind
	arrayKind
	objectKind

	anyKind    kind = 1<<iota - 1
	kindNumber      = iota
)

func (k kind) index() int { return bits.TrailingZeros8(uint8(k)) }

// kindOf tells the kind of a value by its first byte; 0 where no value begins with it.
var kindOf = [256]kind{
	'n': nullKind, 't': boolKind, 'f': boolKind, '"': textKind, '[': arrayKind, '{': objectKind, '-': numberKind,
	'0': numberKind, '1': numberKind, '2': numberKind, '3': numberKind, '4': numberKind,
	'5': numberKind, '6': numberKind, '7': numberKind, '8': numberKind, '9': numberKind,
}

// node is a compiled schema. The limits of a kind that it does not accept are never looked at.
type node struct {
	kinds kind // what it accepts
	main  kind // what its type says; 0 for a schema without one
	enum  []literal

	limited              bool // whether a text has more to keep than its kind
	minLength, maxLength int
	pattern              *pattern

	numbers

	items              *node
	minItems, maxItems int

	properties []property
	bySize     [][]int // indexes of properties by the size of their names in bytes
	required   uint64  // a bit for each of properties
	extra      *node   // what other members hold; nil where there may be none
	extraFacts []extraFact
	keys       *keyRule
	rules      []rule

	union *union
}

// property is a declared member of an object.
type property struct {
	name  string
	key   []byte // the same
	runes int    // in it
	node  *node
	fact  int // one more than the index of its span; 0 where nobody asked
}

type extraFact struct {
	name  string
	index int
}

// anything accepts every value; what is wrong in it is malformed or a key that stands twice.
var anything = func() *node {
	n := newNode(anyKind)
	n.items, n.extra = n, n
	return n
}()

func newNode(kinds kind) *node {
	return &node{
		kinds:     kinds,
		maxLength: math.MaxInt,
		maxItems:  math.MaxInt,
		numbers:   numbers{least: math.MinInt64, most: math.MaxInt64},
	}
}

// find returns the index of the property that is named key, -1 where none is.
func (n *node) find(key []byte) int {
	if len(key) >= len(n.bySize) {
		return -1
	}
	for _, i := range n.bySize[len(key)] {
		if n.properties[i].name == string(key) {
			return i
		}
	}
	return -1
}

// lookalike returns the index of a property whose name differs from key in letter case alone, as
// Unicode's simple folding has it, -1 where there is none. Folding keeps the number of runes.
func (n *node) lookalike(key []byte) int {
	if len(key) >= utf8.UTFMax*len(n.bySize) {
		return -1
	}
	runes := utf8.RuneCount(key)
	for i := range n.properties {
		p := &n.properties[i]
		if p.runes == runes && bytes.EqualFold(key, p.key) {
			return i
		}
	}
	return -1
}
