package contract

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// literal is a value that the schema names, in an enum or a rule.
type literal struct {
	kind   kind
	truth  bool
	text   string // of a text what it reads, of a number how it is written
	number decimal
}

// newLiteral takes a scalar as the loader of the spec decodes it.
func newLiteral(value any) (literal, error) {
	switch v := value.(type) {
	case nil:
		return literal{kind: nullKind}, nil
	case bool:
		return literal{kind: boolKind, truth: v}, nil
	case string:
		return literal{kind: textKind, text: v}, nil
	case float64:
		return numberLiteral(strconv.FormatFloat(v, 'g', -1, 64))
	case int, int64, uint64, json.Number:
		return numberLiteral(fmt.Sprint(v))
	default:
		return literal{}, fmt.Errorf("%v is not a scalar", value)
	}
}

func numberLiteral(text string) (literal, error) {
	d, ok := parseDecimal(text)
	if !ok {
		return literal{}, fmt.Errorf("%s is not a number of JSON", text)
	}
	if d.more {
		return literal{}, fmt.Errorf("%s has more than %d digits", text, digits)
	}
	return literal{kind: numberKind, text: text, number: d}, nil
}

// parseDecimal reads a whole text as a number.
func parseDecimal(text string) (decimal, bool) {
	s := scanner{doc: []byte(text)}
	var d decimal
	if text == "" || kindOf[text[0]] != numberKind || !s.decimal(&d) {
		return decimal{}, false
	}
	return d, s.pos == len(text)
}

// listed reports whether the value at start, which has been read, is one of the literals.
func (s *scanner) listed(literals []literal, start int) bool {
	k := kindOf[s.doc[start]]
	var text []byte
	var number decimal
	switch k {
	case textKind:
		text = s.textAt(start)
	case numberKind:
		number = s.decimalAt(start)
	}
	for i := range literals {
		l := &literals[i]
		if l.kind != k {
			continue
		}
		switch k {
		case nullKind:
			return true
		case boolKind:
			if l.truth == (s.doc[start] == 't') {
				return true
			}
		case textKind:
			if l.text == string(text) {
				return true
			}
		case numberKind:
			if l.number.compare(&number) == 0 {
				return true
			}
		}
	}
	return false
}

// textAt returns the content of the text at start, which has been read, until the next is unquoted.
func (s *scanner) textAt(start int) []byte {
	pos := s.pos
	s.pos = start
	s.text()
	end := s.pos - 1
	s.pos = pos
	return s.unquote(start+1, end)
}

// decimalAt returns the number at start, which has been read.
func (s *scanner) decimalAt(start int) decimal {
	pos := s.pos
	s.pos = start
	var d decimal
	s.decimal(&d)
	s.pos = pos
	return d
}
