package contract

// value reads the value at s.pos, where no blank stands.
func (s *scanner) value(n *node) bool {
	if s.pos >= len(s.doc) {
		return s.unexpected("a value")
	}
	k := kindOf[s.doc[s.pos]]
	if n.union != nil {
		return s.choose(n, k)
	}
	if k&n.kinds == 0 {
		return s.wrong(n, k)
	}
	switch k {
	case textKind:
		return s.textValue(n)
	case numberKind:
		return s.numberValue(n)
	case arrayKind:
		return s.array(n)
	case objectKind:
		return s.object(n)
	default:
		return s.word(n)
	}
}

// skip reads a value that the schema says nothing more of.
func (s *scanner) skip() bool { return s.value(anything) }

// wrong reads a value of a kind that n does not accept.
func (s *scanner) wrong(n *node, k kind) bool {
	if k == 0 {
		return s.unexpected("a value")
	}
	return s.refuse(failure{code: wrongKind, node: n, depth: s.depth, place: s.pos}) && s.skip()
}

// word reads null, true or false.
func (s *scanner) word(n *node) bool {
	start := s.pos
	rest := s.doc[s.pos:]
	switch {
	case len(rest) >= 4 && (string(rest[:4]) == "true" || string(rest[:4]) == "null"):
		s.pos += 4
	case len(rest) >= 5 && string(rest[:5]) == "false":
		s.pos += 5
	default:
		return s.unexpected("a value")
	}
	if n.enum != nil && !s.listed(n.enum, start) {
		return s.refuse(failure{code: notListed, node: n, depth: s.depth, place: start})
	}
	return true
}

func (s *scanner) textValue(n *node) bool {
	start := s.pos
	if !s.text() {
		return false
	}
	if !n.limited {
		return true
	}
	if c := s.textFault(n, start); c != 0 {
		return s.refuse(failure{code: c, node: n, depth: s.depth, place: start})
	}
	return true
}

// textFault returns what is wrong with the text that was read last, 0 where nothing is.
func (s *scanner) textFault(n *node, start int) code {
	length := s.pos - start - 2 - s.surplus
	switch {
	case length < n.minLength:
		return textTooShort
	case length > n.maxLength:
		return textTooLong
	case n.pattern != nil && !n.pattern.match(s.unquote(start+1, s.pos-1)):
		return patternMismatch
	case n.enum != nil && !s.listed(n.enum, start):
		return notListed
	}
	return 0
}

func (s *scanner) numberValue(n *node) bool {
	if !n.whole && n.enum == nil && s.fraction(&n.numbers) || s.integer(&n.numbers) {
		return true
	}
	start := s.pos
	var d decimal
	if !s.decimal(&d) {
		return false
	}
	c := n.fault(&d)
	if c == 0 && n.enum != nil && !s.listed(n.enum, start) {
		c = notListed
	}
	if c != 0 {
		return s.refuse(failure{code: c, node: n, depth: s.depth, place: start})
	}
	return true
}

func (s *scanner) array(n *node) bool {
	start, count := s.pos, 0
	if !s.enter() {
		return false
	}
	for c := s.next(); c != ']'; {
		if n.items.main == numberKind {
			count += s.integers(&n.items.numbers, n.maxItems-count)
			s.next()
		}
		if count == n.maxItems && s.report == nil {
			return s.refuse(failure{code: tooLong, node: n, depth: s.depth - 1, place: s.pos, start: start, got: uncounted})
		}
		s.frames[s.depth] = frame{order: count}
		if !s.value(n.items) {
			return false
		}
		count++
		if c = s.next(); c == ',' {
			s.pos++
			s.next()
		} else if c != ']' {
			return s.unexpected("',' or ']'")
		}
	}
	s.depth--
	s.items = count
	end := s.pos
	s.pos++
	if count < n.minItems {
		return s.refuse(failure{code: tooShort, node: n, depth: s.depth, place: end, got: count})
	}
	if count > n.maxItems {
		return s.refuse(failure{code: tooLong, node: n, depth: s.depth, place: end, got: count})
	}
	return true
}
