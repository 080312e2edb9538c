package contract

import (
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// report keeps the violations that come first in declared order, and counts them all. They are put
// into words once no other can take their place. Its size is bounded, whatever the document.
type report struct {
	limit int
	total int
	items []item
	order []int // scratch
}

// item is a violation with the frames that lead to it and its order: an index for each part of its loc.
type item struct {
	order   []int
	frames  []frame
	failure failure
}

// afterAll orders what is said of a member behind what is said of anything within it.
const afterAll = math.MaxInt

func (r *report) add(s *scanner, f *failure) {
	r.total++
	r.order = r.order[:0]
	for _, fr := range s.frames[1 : f.depth+1] {
		r.order = append(r.order, fr.order)
	}
	if f.member != nil {
		r.order = append(r.order, f.order)
	}
	if f.rule != nil && f.member != nil {
		r.order = append(r.order, afterAll)
	}
	full := len(r.items) == r.limit
	if full && (r.limit == 0 || slices.Compare(r.order, r.items[r.limit-1].order) >= 0) {
		return
	}
	var it item
	if full { // its memory serves the new one
		it, r.items = r.items[r.limit-1], r.items[:r.limit-1]
	}
	it.order = append(it.order[:0], r.order...)
	it.frames = append(it.frames[:0], s.frames[1:f.depth+1]...)
	it.failure = *f
	// Behind those that are equal: they came first.
	at, _ := slices.BinarySearchFunc(r.items, r.order, func(it item, order []int) int {
		if slices.Compare(it.order, order) <= 0 {
			return -1
		}
		return 1
	})
	r.items = slices.Insert(r.items, at, it)
}

// mostKeys is how many characters of keys are reported, all places taken together but the first: deep
// places with long keys would make a long answer to a short document.
const mostKeys = 6 << 10

func (r *report) violations(s *scanner) []Violation {
	list := make([]Violation, 0, len(r.items)+1)
	room := mostKeys
	for i := range r.items {
		v := r.items[i].failure.violation(s, r.items[i].frames)
		if room -= v.keys(); room < 0 && i > 0 {
			break
		}
		list = append(list, v)
	}
	if more := r.total - len(list); more > 0 {
		list = append(list, Violation{
			Loc:  []any{"body"},
			Msg:  fmt.Sprintf("… and %d more", more),
			Type: "too_many_violations",
		})
	}
	return list
}

// keys returns how many characters the keys on the way to a violation have.
func (v *Violation) keys() (count int) {
	for _, step := range v.Loc {
		if key, ok := step.(string); ok {
			count += utf8.RuneCountInString(key)
		}
	}
	return count
}

// explain reads a document that was refused once more, and returns all that is wrong with it.
func (s *scanner) explain(document []byte) *Invalid {
	s.spans = nil
	s.report = &report{limit: s.program.maxViolations}
	if s.run(document); s.fault.reason == "" {
		return &Invalid{s.report.violations(s)}
	}
	return &Invalid{[]Violation{{
		Loc:  []any{"body", s.fault.pos},
		Msg:  "JSON decode error: " + s.fault.reason,
		Type: "json_invalid",
	}}}
}

// count returns how many values the array at start holds, where depth containers are open.
func (s *scanner) count(start, depth int) int {
	pos, deep, outer := s.pos, s.depth, s.report
	s.pos, s.depth, s.report = start, depth, &report{}
	s.skip()
	s.pos, s.depth, s.report = pos, deep, outer
	return s.items
}
