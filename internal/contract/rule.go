package contract

import "math/bits"

// rule is one of x-rules: where all of when holds, one of require has to hold.
type rule struct {
	when    tests
	require []tests
	speaks  uint64 // a bit for each declared member that it speaks of
	member  int    // index of the member that its loc names; -1 for the document
	msg     string
}

// tests hold together or not at all.
type tests []test

type test struct {
	op            operator
	member, other int       // indexes of declared members
	values        []literal // of isOneOf
}

type operator int

const (
	isSet     operator = iota // present and not null
	isOneOf                   // equals and in
	isGreater                 // than other; false where one of them is no number
)

// keyRule is a rule on the form of an object's keys.
type keyRule struct {
	pattern *pattern
	msg     string
}

// obey holds the members of the top object, which ends at end, to its rules.
func (s *scanner) obey(n *node, m *members, end int) bool {
	for i := range n.rules {
		r := &n.rules[i]
		if !s.applies(n, m, r) || !s.all(r.when, m.seen) || s.any(r.require, m.seen) {
			continue
		}
		f := failure{code: ruleBroken, rule: r, depth: s.depth, place: end}
		if r.member >= 0 {
			f.member, f.order = &n.properties[r.member], r.member
		}
		if !s.refuse(f) {
			return false
		}
	}
	return true
}

// applies reports whether the members that a rule speaks of can be understood: none stands twice or
// is of a kind that its schema does not accept.
func (s *scanner) applies(n *node, m *members, r *rule) bool {
	for rest := r.speaks & m.seen; rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros64(rest)
		if m.twice&(1<<i) != 0 || kindOf[s.doc[s.values[i]]]&n.properties[i].node.kinds == 0 {
			return false
		}
	}
	return true
}

func (s *scanner) all(list tests, seen uint64) bool {
	for i := range list {
		if !s.holds(&list[i], seen) {
			return false
		}
	}
	return true
}

func (s *scanner) any(lists []tests, seen uint64) bool {
	for _, list := range lists {
		if s.all(list, seen) {
			return true
		}
	}
	return false
}

func (s *scanner) holds(t *test, seen uint64) bool {
	if seen&(1<<t.member) == 0 {
		return false
	}
	start := s.values[t.member]
	switch t.op {
	case isSet:
		return kindOf[s.doc[start]] != nullKind
	case isOneOf:
		return s.listed(t.values, start)
	default:
		return seen&(1<<t.other) != 0 && s.greater(start, s.values[t.other])
	}
}

func (s *scanner) greater(a, b int) bool {
	if kindOf[s.doc[a]] != numberKind || kindOf[s.doc[b]] != numberKind {
		return false
	}
	d, e := s.decimalAt(a), s.decimalAt(b)
	order := d.compare(&e)
	if order == 0 && d.more {
		order = compareDigits(s.doc[a:], s.doc[b:]) * d.sign()
	}
	return order > 0
}
