package contract

import (
	"math"
	"regexp"
	"regexp/syntax"
	"unicode/utf8"
)

// pattern is a regular expression; one that is a single class of ASCII, repeated from start to end
// (`^[0-9]+$`), is a table.
type pattern struct {
	text     string
	re       *regexp.Regexp
	class    *[utf8.RuneSelf]bool // nil for all other expressions
	min, max int                  // how often the class stands
}

func newPattern(text string) (*pattern, error) {
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	p := &pattern{text: text, re: re}
	if tree, err := syntax.Parse(text, syntax.Perl); err == nil {
		p.tabulate(tree)
	}
	return p, nil
}

func (p *pattern) match(text []byte) bool {
	if p.class == nil {
		return p.re.Match(text)
	}
	if len(text) < p.min || len(text) > p.max {
		return false
	}
	for _, c := range text {
		if c >= utf8.RuneSelf || !p.class[c] {
			return false
		}
	}
	return true
}

func (p *pattern) tabulate(tree *syntax.Regexp) {
	if tree.Op != syntax.OpConcat || len(tree.Sub) != 3 ||
		tree.Sub[0].Op != syntax.OpBeginText || tree.Sub[2].Op != syntax.OpEndText {
		return
	}
	repeat := tree.Sub[1]
	switch repeat.Op {
	case syntax.OpPlus:
		p.min, p.max = 1, math.MaxInt
	case syntax.OpStar:
		p.min, p.max = 0, math.MaxInt
	case syntax.OpRepeat:
		p.min, p.max = repeat.Min, repeat.Max
		if p.max < 0 {
			p.max = math.MaxInt
		}
	default:
		return
	}
	p.class = asciiClass(repeat.Sub[0])
}

// asciiClass returns the table of a class that holds nothing beyond ASCII, nil for anything else.
func asciiClass(tree *syntax.Regexp) *[utf8.RuneSelf]bool {
	if tree.Op != syntax.OpCharClass {
		return nil
	}
	var class [utf8.RuneSelf]bool
	for i := 0; i < len(tree.Rune); i += 2 {
		low, high := tree.Rune[i], tree.Rune[i+1]
		if high >= utf8.RuneSelf {
			return nil
		}
		for r := low; r <= high; r++ {
			class[r] = true
		}
	}
	return &class
}
