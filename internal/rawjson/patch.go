package rawjson

import "slices"

// Patch is what is to stand in the place of a value.
type Patch struct {
	At   Span
	With []byte
}

// Apply returns a copy of raw with other values in some places, which lie apart.
func Apply(raw []byte, patches ...Patch) []byte {
	slices.SortFunc(patches, func(a, b Patch) int { return a.At.Start - b.At.Start })
	size := len(raw)
	for _, p := range patches {
		size += len(p.With) - (p.At.End - p.At.Start)
	}
	out, from := make([]byte, 0, size), 0
	for _, p := range patches {
		out = append(append(out, raw[from:p.At.Start]...), p.With...)
		from = p.At.End
	}
	return append(out, raw[from:]...)
}
