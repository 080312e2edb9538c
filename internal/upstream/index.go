package upstream

import "bytes"

// indexes says what to number choices with: the index that each has or, where that is none, its place.
// A whole answer has every index once: where one comes again, or is negative, the backend numbers
// otherwise, and all choices are numbered by their place.
func (r *repair) indexes(choices [][]byte) []int64 {
	list, apart := numbered(choices)
	if !r.chunks && !apart {
		for i := range list {
			list[i] = int64(i)
		}
	}
	return list
}

// numbered returns the indexes of choices, places in the stead of those that are none, and reports
// whether none is negative and none comes twice.
func numbered(choices [][]byte) (list []int64, apart bool) {
	list, apart = make([]int64, len(choices)), true
	for i, raw := range choices {
		c, _ := members(raw)
		index, ok := integer(c.get("index"))
		if index < 0 {
			apart, ok = false, false
		}
		if !ok {
			index = int64(i)
		}
		list[i] = index
	}
	return list, apart && distinct(list)
}

func distinct(list []int64) bool {
	seen := make(map[int64]struct{}, len(list))
	for _, n := range list {
		seen[n] = struct{}{}
	}
	return len(seen) == len(list)
}

// isMisnumbered looks for an index that comes twice in an answer that was accepted. With one choice
// there is none, and most answers have one: they cost the search for its key and no more. A text in
// which the key stands has its quotes escaped.
func isMisnumbered(doc []byte) bool {
	if bytes.Count(doc, []byte(`"index"`)) == 1 {
		return false
	}
	o, _ := members(bytes.TrimSpace(doc))
	choices, _ := elements(o.get("choices"))
	_, apart := numbered(choices)
	return !apart
}
