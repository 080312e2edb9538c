package upstream

import (
	"slices"

	"github.com/specgate/specgate/internal/completion"
)

// unique cuts out of a value what stands in it twice: of the members of an object that have the same
// key, which are looked for among its first maxUnique keys, only the last stays. Everything else stays
// to the byte. raw is read once and written once, however deep it is nested.
func unique(raw []byte) []byte {
	r := repeats{raw: raw}
	r.value(skip(raw, 0))
	slices.SortFunc(r.cuts, func(a, b completion.Span) int { return a.Start - b.Start })
	out, at := make([]byte, 0, len(raw)), 0
	for _, cut := range r.cuts {
		if cut.End <= at {
			continue // it lies within the one before
		}
		out = append(out, raw[at:cut.Start]...)
		at = cut.End
	}
	return append(out, raw[at:]...)
}

// repeats walks over valid JSON and finds the members that a later one of the same key makes void.
type repeats struct {
	raw  []byte
	keys []placed // of the objects that are open, the inner ones behind the outer
	cuts []completion.Span
}

// placed is a key and where its member stands, with the comma that follows it.
type placed struct {
	name []byte
	at   completion.Span
}

// value walks over the value at i, and returns where it ends.
func (r *repeats) value(i int) int {
	switch r.raw[i] {
	case '{':
		return r.object(i)
	case '[':
		for i = skip(r.raw, i+1); r.raw[i] != ']'; {
			i = r.next(r.value(i))
		}
		return i + 1
	default:
		return valueEnd(r.raw, i)
	}
}

func (r *repeats) object(i int) int {
	open := len(r.keys)
	for i = skip(r.raw, i+1); r.raw[i] != '}'; {
		start, keyEnd := i, stringEnd(r.raw, i)
		i = r.next(r.value(skip(r.raw, skip(r.raw, keyEnd)+1)))
		r.add(open, placed{nameOf(r.raw[start:keyEnd]), completion.Span{Start: start, End: i}})
	}
	r.keys = r.keys[:open]
	return i + 1
}

// next returns where, after a value that ends at i, the next one begins, or the end of the list.
func (r *repeats) next(i int) int {
	if i = skip(r.raw, i); r.raw[i] == ',' {
		i = skip(r.raw, i+1)
	}
	return i
}

// add takes in a member of the object whose keys begin at open.
func (r *repeats) add(open int, m placed) {
	for i := range r.keys[open:] {
		if known := &r.keys[open+i]; string(known.name) == string(m.name) {
			r.cuts = append(r.cuts, known.at)
			known.at = m.at
			return
		}
	}
	if len(r.keys)-open < maxUnique {
		r.keys = append(r.keys, m)
	}
}
