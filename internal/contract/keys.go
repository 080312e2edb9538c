package contract

import (
	"hash/maphash"
	"math"
	"slices"
)

// maxDocument is the size in bytes of the longest document that is read: a place in it and a mark
// have to fit into the slot of a key.
const maxDocument = math.MaxInt32

// keys remembers the undeclared keys of all objects that are open. A few are a list, more are an open
// addressing table. They lie in one slice, those of inner objects behind those of outer ones. The
// hash is seeded: nobody can choose keys that collide.
type keys struct {
	seed  maphash.Seed
	slots []slot
}

// slot is where a key begins in the document, with the top bit set once it has come again; 0 if free.
type slot uint32

const repeated slot = 1 << 31

// scope is the keys of one object: the table slots[base:base+size], where size is a power of two, or,
// where it is 0, the list slots[base:base+used].
type scope struct{ base, size, used int }

// few is how many keys are a list at most: comparing that many is faster than hashing them.
const few = 8

// coming tells for which time a key has come.
type coming int

const (
	initial coming = iota
	second
	further
)

func (k *keys) open() scope { return scope{base: len(k.slots)} }

func (k *keys) close(sc *scope) { k.slots = k.slots[:sc.base] }

// add takes in the key that begins at start and, unescaped, reads key.
func (k *keys) add(sc *scope, doc, key []byte, start int) coming {
	if sc.size == 0 {
		if c := again(k.slots[sc.base:], doc, key, start); c != initial || sc.used < few {
			k.list(sc, c, start)
			return c
		}
	}
	if fullest*sc.used >= full*sc.size {
		k.grow(sc, doc)
	}
	table := k.slots[sc.base : sc.base+sc.size]
	mask := uint64(sc.size - 1)
	for i := maphash.Bytes(k.seed, key) & mask; ; i = (i + 1) & mask {
		if table[i] == 0 {
			table[i] = slot(start)
			sc.used++
			return initial
		}
		if c := again(table[i:i+1], doc, key, start); c != initial {
			return c
		}
	}
}

// list takes in a key that comes for the first time.
func (k *keys) list(sc *scope, c coming, start int) {
	if c == initial {
		k.slots = append(k.slots, slot(start))
		sc.used++
	}
}

// again looks for the key that begins at start among those that have come, and marks it as one that has
// come again.
func again(list []slot, doc, key []byte, start int) coming {
	for i, sl := range list {
		switch {
		case unlike(doc, int(sl&^repeated), start):
		case !sameKey(doc, int(sl&^repeated), key):
		case sl&repeated != 0:
			return further
		default:
			list[i] |= repeated
			return second
		}
	}
	return initial
}

const (
	firstSize = 4 * few
	// Up to here tables grow fourfold, which builds them anew half as often; above, memory counts.
	largeSize = 1 << 14
	// A table is full at full/fullest of its size: fuller ones are searched longer, emptier ones are
	// larger than four times the shortest document that fills them.
	full, fullest = 2, 3
)

// grow enlarges the table, which is the last. It is built anew behind the old one and then moved;
// where there is no room for that it moves to new memory or, if there is enough, the old one is set
// aside: two large tables are never there beside what they came from.
func (k *keys) grow(sc *scope, doc []byte) {
	size := max(firstSize, 4*sc.size)
	if sc.size >= largeSize {
		size = 2 * sc.size
	}
	behind, length := sc.base+sc.size, sc.base+size
	if sc.size == 0 {
		behind += sc.used
	}
	old := k.slots[sc.base:behind]
	switch {
	case behind+size <= cap(k.slots):
		k.slots = k.slots[:behind+size]
		clear(k.slots[behind:])
		k.rebuild(k.slots[behind:], old, doc)
		copy(k.slots[sc.base:], k.slots[behind:])
		k.slots = k.slots[:length]
	case length <= cap(k.slots):
		old = slices.Clone(old)
		k.slots = k.slots[:length]
		clear(k.slots[sc.base:])
		k.rebuild(k.slots[sc.base:], old, doc)
	default:
		slots := make([]slot, length, room(length, size))
		copy(slots, k.slots[:sc.base])
		k.rebuild(slots[sc.base:], old, doc)
		k.slots = slots
	}
	sc.size = size
}

// rebuild enters the keys of an old table into a new one.
func (k *keys) rebuild(table, old []slot, doc []byte) {
	mask := uint64(len(table) - 1)
	var buffer [64]byte
	for _, sl := range old {
		if sl == 0 {
			continue
		}
		i := maphash.Bytes(k.seed, content(doc, int(sl&^repeated), buffer[:0])) & mask
		for table[i] != 0 {
			i = (i + 1) & mask
		}
		table[i] = sl
	}
}

// room returns the capacity of new memory for length slots, the last size of which are a table's. Small
// tables, thousands of them one within the other, would be copied with each that is added; beside a
// large one is some room for small ones within.
func room(length, size int) int {
	switch {
	case size > largeSize:
		return length + length/32
	case length > largeSize:
		return length + length/4
	default:
		return 2 * max(length, 2*firstSize)
	}
}
