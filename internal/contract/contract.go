// Package contract compiles a schema of openapi.yaml, with its x-rules, into a program that checks
// the bytes of a JSON document against it, and says what is wrong with one that it refuses.
//
// It owns the reading of JSON, the meaning of the schema's keywords and rules, and the wording of
// violations. It must never know a field's name, a limit, HTTP, or what becomes of a document.
package contract

import (
	"fmt"
	"hash/maphash"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
)

// Program checks documents against one schema. It may be used by many goroutines at once.
type Program struct {
	root          *node
	maxDepth      int
	maxViolations int
	exactKeys     bool // whether a key must not differ from a declared one in letter case alone
	seed          maphash.Seed
	scanners      sync.Pool
}

// Span is the place of a value in a document: document[Start:End]. The zero Span is that of a value
// that is absent.
type Span = struct{ Start, End int }

// Violation is one thing that is wrong with a document, and where.
type Violation struct {
	Loc  []any // "body", then keys (string) and positions (int)
	Msg  string
	Type string
}

// Invalid is the error of a document that was refused: everything that is wrong with it, at least one
// item, in the order in which openapi.yaml declares the fields.
type Invalid struct {
	Violations []Violation
}

// Error says how many violations there are, and where and of what type the first is. It holds no
// value of the document.
func (e *Invalid) Error() string {
	if len(e.Violations) == 0 {
		return "invalid document"
	}
	first := e.Violations[0]
	parts := make([]string, len(first.Loc))
	for i, part := range first.Loc {
		parts[i] = fmt.Sprint(part)
	}
	place := strings.Join(parts, ".") + ": " + first.Type
	if len(e.Violations) == 1 {
		return "1 violation, " + place
	}
	return fmt.Sprintf("%d violations, the first %s", len(e.Violations), place)
}

// Compile builds the program of a schema that was loaded with its origins (openapi3.Loader.IncludeOrigin).
// facts are dotted paths of properties, the last of which may be undeclared; Accept and Check report
// where their values stand. A keyword that the program could not enforce is an error that names it.
//
// The extensions that mean something stand beside the schema itself, and hold for all within it. One
// without x-max-depth admits 10,000 levels (what encoding/json reads), one without x-max-violations
// reports 64 violations. With x-exact-keys no key may differ from a declared one of its object in letter
// case alone. With x-plain-integers an integer is written without a point or an exponent; without, 2.0
// and 1e1 are integers.
func Compile(schema *openapi3.SchemaRef, facts ...string) (*Program, error) {
	c := compiler{nodes: map[*openapi3.Schema]*node{}}
	p, err := c.program(schema)
	if err != nil {
		return nil, fmt.Errorf("compile schema: %w", err)
	}
	for i, path := range facts {
		if err := p.root.observe(path, i); err != nil {
			return nil, fmt.Errorf("compile schema: fact %s: %w", path, err)
		}
	}
	return p, nil
}

// Accept reports whether document keeps the schema and its rules, and fills spans, which has one
// entry for each of the facts that the program was compiled with (or is nil). The spans of a document
// that is refused are zero.
func (p *Program) Accept(document []byte, spans []Span) bool {
	s := p.scanner()
	defer p.release(s)
	return s.accept(document, spans)
}

// Check is Accept with the reasons: nil, or *Invalid.
func (p *Program) Check(document []byte, spans []Span) error {
	s := p.scanner()
	defer p.release(s)
	if s.accept(document, spans) {
		return nil
	}
	return s.explain(document)
}
