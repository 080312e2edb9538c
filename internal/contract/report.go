package contract

import (
	"fmt"
	"math"
	"slices"
)

// report keeps the violations that come first in declared order, and counts them all. Its size is
// bounded, whatever the document.
type report struct {
	limit int
	total int
	items []item
	order []int // scratch
}

// item is a violation with its order: an index for each part of its loc.
type item struct {
	order     []int
	violation Violation
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
	if full {
		r.items = r.items[:r.limit-1]
	}
	// Behind those that are equal: they came first.
	at, _ := slices.BinarySearchFunc(r.items, r.order, func(it item, order []int) int {
		if slices.Compare(it.order, order) <= 0 {
			return -1
		}
		return 1
	})
	r.items = slices.Insert(r.items, at, item{slices.Clone(r.order), f.violation(s)})
}

func (r *report) violations() []Violation {
	list := make([]Violation, 0, len(r.items)+1)
	for _, it := range r.items {
		list = append(list, it.violation)
	}
	if more := r.total - len(r.items); more > 0 {
		list = append(list, Violation{
			Loc:  []any{"body"},
			Msg:  fmt.Sprintf("… and %d more", more),
			Type: "too_many_violations",
		})
	}
	return list
}

// explain reads a document that was refused once more, and returns all that is wrong with it.
func (s *scanner) explain(document []byte) *Invalid {
	s.spans = nil
	s.report = &report{limit: s.program.maxViolations}
	if s.run(document); s.fault.reason == "" {
		return &Invalid{s.report.violations()}
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
