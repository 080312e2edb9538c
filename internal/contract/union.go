package contract

import "math/bits"

// union is a choice among branches of which at most one can accept a given value: its kind tells
// which, for arrays the kind of the first item.
type union struct {
	branches []*node
	byKind   [kindNumber]*node
	byFirst  [kindNumber]*node // where more than one branch accepts arrays
	empty    *node             // and the one that accepts an empty array
	lists    int               // how many accept arrays
	msg      string            // what the forms are
}

// pick returns the branch that alone could accept the value at s.pos, nil where none could.
func (u *union) pick(s *scanner, k kind) *node {
	if k == 0 {
		return nil
	}
	if k != arrayKind || u.lists < 2 {
		return u.byKind[k.index()]
	}
	at := s.firstItem()
	if at >= len(s.doc) {
		return nil
	}
	if s.doc[at] == ']' {
		return u.empty
	}
	if first := kindOf[s.doc[at]]; first != 0 {
		return u.byFirst[first.index()]
	}
	return nil
}

// firstItem returns where the first item of the array at s.pos stands, or its end.
func (s *scanner) firstItem() int {
	pos := s.pos
	s.pos++
	s.next()
	at := s.pos
	s.pos = pos
	return at
}

// choose reads a value of a union. What breaks all branches is one violation; what stands inside the
// value beside that is looked through for keys that stand twice.
func (s *scanner) choose(n *node, k kind) bool {
	if s.report == nil {
		return s.tryBranches(n, k)
	}
	pos, depth, open, report := s.pos, s.depth, len(s.keys.slots), s.report
	s.report = nil
	ok := s.tryBranches(n, k)
	s.report = report
	if ok || s.fault.reason != "" {
		return ok
	}
	if s.first.code != duplicateKey {
		s.report.add(s, &s.first)
	}
	s.pos, s.depth, s.keys.slots = pos, depth, s.keys.slots[:open]
	return s.skip()
}

// tryBranches reads a value of a union. Where none of the branches accepts it, the first violation
// is that of the branch that came nearest.
func (s *scanner) tryBranches(n *node, k kind) bool {
	pos, depth := s.pos, s.depth
	b := n.union.pick(s, k)
	if b != nil && (s.value(b) || s.fault.reason != "") {
		return s.fault.reason == ""
	}
	s.pos, s.depth = pos, depth
	s.first = s.nearest(n, k, b)
	return false
}

// nearest returns the violation of the branch that came nearest to the value at s.pos: the one that
// went furthest through the document, of those the one that met the right kind. tried is the branch
// that s.first comes from, nil where none was tried; the others fail at the value's own kind, or at
// its first item's. Where several came equally near, the union itself is violated.
func (s *scanner) nearest(n *node, k kind, tried *node) failure {
	best := failure{place: -1}
	ties := 0
	for _, b := range n.union.branches {
		f := s.first
		if b != tried {
			f = s.mismatch(b, k)
		}
		switch order := f.nearness(&best); {
		case order > 0:
			best, ties = f, 0
		case order == 0:
			ties++
		}
	}
	if ties > 0 {
		return failure{code: unionMismatch, node: n, depth: s.depth, place: best.place}
	}
	if best.firstItem {
		s.frames[best.depth] = frame{}
	}
	return best
}

// mismatch returns how a branch fails that was not even tried.
func (s *scanner) mismatch(b *node, k kind) failure {
	if b.kinds&k == 0 {
		return failure{code: wrongKind, node: b, depth: s.depth, place: s.pos}
	}
	at := s.firstItem()
	if at < len(s.doc) && s.doc[at] == ']' {
		return failure{code: tooShort, node: b, depth: s.depth, place: at}
	}
	s.ensureFrame(s.depth + 1)
	return failure{code: wrongKind, node: b.items, depth: s.depth + 1, place: at, firstItem: true}
}

// possible returns the kinds of the first item of the arrays that n accepts.
func (n *node) possible() kind {
	if n.kinds&arrayKind == 0 || n.maxItems == 0 {
		return 0
	}
	return n.items.kinds
}

// each calls yield for each kind in the set.
func (k kind) each(yield func(kind) bool) {
	for rest := k; rest != 0; rest &= rest - 1 {
		if !yield(1 << bits.TrailingZeros8(uint8(rest))) {
			return
		}
	}
}
