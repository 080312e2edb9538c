package contract

import (
	"hash/maphash"
	"math"
)

// maxDocument is the size in bytes of the longest document that is read: a place in it and a mark
// have to fit into the slot of a key.
const maxDocument = math.MaxInt32

// keys remembers the undeclared keys of all objects that are open, each in an open addressing table
// of its own. The tables lie in one slice, those of inner objects behind those of outer ones. The
// hash is seeded: nobody can choose keys that collide.
type keys struct {
	seed  maphash.Seed
	slots []slot
}

// slot is where a key begins in the document, with the top bit set once it has come again; 0 if free.
type slot uint32

const repeated slot = 1 << 31

// scope is the table of one object: slots[base:base+size]. size is 0 or a power of two.
type scope struct{ base, size, used int }

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
	if 2*sc.used >= sc.size {
		k.grow(sc, doc)
	}
	table := k.slots[sc.base : sc.base+sc.size]
	mask := uint64(sc.size - 1)
	for i := maphash.Bytes(k.seed, key) & mask; ; i = (i + 1) & mask {
		switch {
		case table[i] == 0:
			table[i] = slot(start)
			sc.used++
			return initial
		case !sameKey(doc, int(table[i]&^repeated), key):
		case table[i]&repeated != 0:
			return further
		default:
			table[i] |= repeated
			return second
		}
	}
}

const (
	firstSize = 8
	// Up to here tables grow fourfold, which builds them anew half as often; above, memory counts.
	largeSize = 1 << 18
)

// grow enlarges the table, which is the last. It is built anew behind the old one and then moved.
func (k *keys) grow(sc *scope, doc []byte) {
	size := max(firstSize, 4*sc.size)
	if sc.size >= largeSize {
		size = 2 * sc.size
	}
	behind := sc.base + sc.size
	k.extend(behind + size)
	old, table := k.slots[sc.base:behind], k.slots[behind:]
	mask := uint64(size - 1)
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
	copy(k.slots[sc.base:], table)
	k.slots = k.slots[:sc.base+size]
	sc.size = size
}

// extend makes the slice as long as asked, with free slots at its end. It at least doubles what it
// holds: thousands of small tables, one within the other, would be copied with each that is added.
func (k *keys) extend(length int) {
	before := len(k.slots)
	if length > cap(k.slots) {
		slots := make([]slot, length, max(length, 2*cap(k.slots), 4*firstSize))
		copy(slots, k.slots)
		k.slots = slots
		return
	}
	k.slots = k.slots[:length]
	clear(k.slots[before:])
}
