package contract

import "math/bits"

// members is what is known of the object that is being read.
type members struct {
	seen  uint64 // a bit for each declared member that has come
	twice uint64 // and for each that has come again
	keys  scope  // the undeclared ones
}

func (s *scanner) object(n *node) bool {
	if !s.enter() {
		return false
	}
	m := members{keys: s.keys.open()}
	for c := s.next(); c != '}'; {
		if !s.member(n, &m) {
			return false
		}
		if c = s.next(); c == ',' {
			s.pos++
			s.next()
		} else if c != '}' {
			return s.unexpected("',' or '}'")
		}
	}
	s.keys.close(&m.keys)
	s.depth--
	end := s.pos
	s.pos++
	return s.complete(n, &m, end) && (n.rules == nil || s.obey(n, &m, end))
}

// member reads a key and its value.
func (s *scanner) member(n *node, m *members) bool {
	if s.pos >= len(s.doc) || s.doc[s.pos] != '"' {
		return s.unexpected("a key in double quotes")
	}
	start := s.pos + 1
	if !s.text() {
		return false
	}
	end := s.pos - 1
	key := s.unquote(start, end)
	if s.next() != ':' {
		return s.unexpected("':' after a key")
	}
	s.pos++
	s.next()
	i := n.find(key)
	if i < 0 {
		s.frames[s.depth] = frame{start, end, len(n.properties) + start}
		return s.undeclared(n, m, key)
	}
	s.frames[s.depth] = frame{start, end, i}
	return s.declared(n, m, i)
}

func (s *scanner) declared(n *node, m *members, i int) bool {
	bit := uint64(1) << i
	if m.seen&bit != 0 {
		again := m.twice&bit != 0
		m.twice |= bit
		return (again || s.refuseKey(duplicateKey)) && s.skip()
	}
	m.seen |= bit
	start := s.pos
	if n.rules != nil {
		s.values[i] = start
	}
	p := &n.properties[i]
	if !s.value(p.node) {
		return false
	}
	if p.fact > 0 && s.spans != nil {
		s.spans[p.fact-1] = Span{start, s.pos}
	}
	return true
}

func (s *scanner) undeclared(n *node, m *members, key []byte) bool {
	alike := -1
	if s.program.exactKeys && n.properties != nil {
		if alike = n.lookalike(key); alike >= 0 {
			s.frames[s.depth].order = alike
		}
	}
	switch s.keys.add(&m.keys, s.doc, key, s.frames[s.depth].start) {
	case second:
		return (alike >= 0 || s.refuseKey(duplicateKey)) && s.skip()
	case further:
		return s.skip()
	}
	if alike >= 0 {
		return s.refuseKey(lookalikeKey) && s.skip()
	}
	if n.keys != nil && !n.keys.pattern.match(key) {
		f := failure{code: keyMismatch, keys: n.keys, depth: s.depth, place: s.frames[s.depth].start}
		if !s.refuse(f) {
			return false
		}
	}
	if n.extra == nil {
		return s.refuseKey(extraKey) && s.skip()
	}
	if n.extraFacts == nil || s.spans == nil {
		return s.value(n.extra)
	}
	return s.extraFact(n, key)
}

// extraFact reads the value of an undeclared member whose place somebody may have asked for.
func (s *scanner) extraFact(n *node, key []byte) bool {
	index := -1
	for _, f := range n.extraFacts {
		if f.name == string(key) {
			index = f.index
		}
	}
	start := s.pos
	if !s.value(n.extra) {
		return false
	}
	if index >= 0 {
		s.spans[index] = Span{start, s.pos}
	}
	return true
}

// refuseKey refuses the key that was read last.
func (s *scanner) refuseKey(c code) bool {
	return s.refuse(failure{code: c, depth: s.depth, place: s.frames[s.depth].start})
}

// complete looks for members that have to be there, once all have been read.
func (s *scanner) complete(n *node, m *members, end int) bool {
	for absent := n.required &^ m.seen; absent != 0; absent &= absent - 1 {
		i := bits.TrailingZeros64(absent)
		f := failure{code: missing, depth: s.depth, place: end, member: &n.properties[i], order: i}
		if !s.refuse(f) {
			return false
		}
	}
	return true
}
