package contract

import (
	"fmt"
	"strings"
)

// words returns the type and the msg of a violation, as pydantic has them where it knows the case.
func (f *failure) words(s *scanner) (typ, msg string) {
	switch f.code {
	case wrongKind:
		if f.depth == 0 && f.node == s.program.root && f.node.main == objectKind {
			return "model_attributes_type", "Input should be a valid dictionary or object to extract fields from"
		}
		return f.node.kindWords()
	case unionMismatch:
		return "union_error", f.node.union.msg
	case missing:
		return "missing", "Field required"
	case duplicateKey:
		return "duplicate_key", "Keys should not be repeated"
	case lookalikeKey:
		return "duplicate_key", "Keys should not differ from a declared one in letter case alone"
	case extraKey:
		return "extra_forbidden", "Extra inputs are not permitted"
	case keyMismatch:
		return "string_pattern_mismatch", f.keys.msg
	case ruleBroken:
		return "value_error", "Value error, " + f.rule.msg
	case tooShort, tooLong:
		return f.lengthWords(s)
	default:
		return f.node.refinementWords(f.code)
	}
}

func (f *failure) lengthWords(s *scanner) (typ, msg string) {
	got := f.got
	if got == uncounted {
		got = s.count(f.start, f.depth)
	}
	if f.code == tooShort {
		return "too_short", fmt.Sprintf("List should have at least %s after validation, not %d", plural(f.node.minItems, "item"), got)
	}
	return "too_long", fmt.Sprintf("List should have at most %s after validation, not %d", plural(f.node.maxItems, "item"), got)
}

// kindWords names the kind that the schema asks for.
func (n *node) kindWords() (typ, msg string) {
	switch {
	case n.union != nil:
		return "union_error", n.union.msg
	case n.main == textKind:
		return "string_type", "Input should be a valid string"
	case n.main == numberKind && n.whole:
		return "int_type", "Input should be a valid integer"
	case n.main == numberKind:
		return "float_type", "Input should be a valid number"
	case n.main == boolKind:
		return "bool_type", "Input should be a valid boolean"
	case n.main == arrayKind:
		return "list_type", "Input should be a valid list"
	default:
		return "dict_type", "Input should be a valid dictionary"
	}
}

func (n *node) refinementWords(c code) (typ, msg string) {
	switch c {
	case textTooShort:
		return "string_too_short", "String should have at least " + plural(n.minLength, "character")
	case textTooLong:
		return "string_too_long", "String should have at most " + plural(n.maxLength, "character")
	case patternMismatch:
		return "string_pattern_mismatch", "String should match pattern '" + n.pattern.text + "'"
	case fraction:
		return "int_from_float", "Input should be a valid integer, got a number with a fractional part"
	case notPlain:
		return "int_from_float", "Input should be a valid integer, written without a point or an exponent"
	case beyondSize:
		return "int_parsing_size", "Unable to parse input string as an integer, exceeded maximum size"
	case aboveHigh:
		return n.high.words("less_than", "Input should be less than ")
	case belowLow:
		return n.low.words("greater_than", "Input should be greater than ")
	default:
		return "literal_error", "Input should be " + choices(n.enum)
	}
}

func (l *limit) words(typ, msg string) (string, string) {
	if l.open {
		return typ, msg + l.text
	}
	return typ + "_equal", msg + "or equal to " + l.text
}

func plural(count int, noun string) string {
	if count == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %s", count, many(noun))
}

// choices lists what an enum admits, but for null.
func choices(enum []literal) string {
	var forms []string
	for _, l := range enum {
		switch l.kind {
		case textKind:
			forms = append(forms, "'"+l.text+"'")
		case numberKind:
			forms = append(forms, l.text)
		case boolKind:
			forms = append(forms, fmt.Sprint(l.truth))
		}
	}
	return alternatives(forms)
}

// Choices lists what an enum of scalars admits, in the words of a violation: 'a', 'b' or 'c'.
func Choices(enum []any) string {
	var listed []literal
	for _, value := range enum {
		if l, err := newLiteral(value); err == nil {
			listed = append(listed, l)
		}
	}
	return choices(listed)
}

// alternatives joins forms to "a, b or c".
func alternatives(forms []string) string {
	last := len(forms) - 1
	if last < 1 {
		return strings.Join(forms, "")
	}
	return strings.Join(forms[:last], ", ") + " or " + forms[last]
}
