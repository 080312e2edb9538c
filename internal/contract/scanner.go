package contract

import (
	"fmt"
)

// scanner reads one document and holds it to a schema on the way. Without a report the first thing
// that is wrong ends it; with one it goes on to find all. What is malformed ends it either way.
type scanner struct {
	program *Program
	doc     []byte
	pos     int
	depth   int     // containers that are open
	frames  []frame // for each of them the member that is being read; the first is unused
	spans   []Span  // nil where nobody asked
	values  []int   // where the members of the top object that rules may speak of begin
	keys    keys    // of all objects that are open
	scratch []byte  // the last text that had to be unescaped

	escaped bool // whether the last text holds escapes
	surplus int  // how many more bytes than code points it has
	items   int  // how many values the last array holds

	fault  fault   // what is malformed
	first  failure // the first violation, where there is no report
	report *report
}

// frame names a member: a key, or a position in an array.
type frame struct {
	start, end int // the key's place, without quotes; 0 for a position
	order      int // where a violation of the member stands among those of its siblings
}

// fault is why a document is malformed, and where.
type fault struct {
	reason string // "" where it is not
	pos    int
}

// keep is the size in bytes up to which scratch memory is kept for the next document.
const keep = 64 << 10

// Most documents have fewer open containers than firstFrames; memory for more than keepFrames is not
// kept.
const firstFrames, keepFrames = 8, 1 << 10

func (p *Program) scanner() *scanner {
	if s, ok := p.scanners.Get().(*scanner); ok {
		return s
	}
	return &scanner{
		program: p,
		frames:  make([]frame, firstFrames),
		values:  make([]int, len(p.root.properties)),
		keys:    keys{seed: p.seed},
	}
}

func (p *Program) release(s *scanner) {
	s.doc, s.spans, s.report, s.first = nil, nil, nil, failure{}
	if cap(s.scratch) > keep {
		s.scratch = nil
	}
	if cap(s.frames) > keepFrames {
		s.frames = make([]frame, firstFrames)
	}
	if 4*cap(s.keys.slots) > keep {
		s.keys.slots = nil
	}
	p.scanners.Put(s)
}

func (s *scanner) accept(document []byte, spans []Span) bool {
	clear(spans)
	s.spans = spans
	ok := s.run(document)
	if !ok {
		clear(spans)
	}
	return ok
}

// run reads the document. It reports false where it is malformed or, without a report, invalid.
func (s *scanner) run(document []byte) bool {
	s.doc, s.pos, s.depth, s.fault, s.keys.slots = document, 0, 0, fault{}, s.keys.slots[:0]
	if len(document) > maxDocument {
		return s.malformed(maxDocument, "longer than 2 GiB")
	}
	if s.next() == 0 && s.pos == len(document) {
		return s.refuse(failure{code: missing, place: s.pos})
	}
	if !s.value(s.program.root) {
		return false
	}
	if s.next(); s.pos < len(document) {
		return s.malformed(s.pos, "unexpected byte after the document")
	}
	return true
}

// next skips blanks and returns the byte that they end at, 0 at the end of the document.
func (s *scanner) next() byte {
	for s.pos < len(s.doc) {
		c := s.doc[s.pos]
		if c > ' ' || c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c
		}
		s.pos++
	}
	return 0
}

// malformed notes why the document is no JSON, or none that is read here.
func (s *scanner) malformed(pos int, reason string) bool {
	if pos >= len(s.doc) {
		reason = "unexpected end of the document"
	}
	s.fault = fault{reason, pos}
	return false
}

// unexpected is malformed at the place that was reached, where something else should stand.
func (s *scanner) unexpected(wanted string) bool {
	if s.pos == 0 && len(s.doc) >= 3 && string(s.doc[:3]) == "\ufeff" {
		return s.malformed(0, "unexpected byte order mark")
	}
	return s.malformed(s.pos, "expected "+wanted)
}

// enter begins an array or an object.
func (s *scanner) enter() bool {
	if s.depth == s.program.maxDepth {
		return s.malformed(s.pos, fmt.Sprintf("nesting deeper than %d", s.program.maxDepth))
	}
	s.depth++
	s.ensureFrame(s.depth)
	s.pos++
	return true
}

func (s *scanner) ensureFrame(depth int) {
	if depth == len(s.frames) {
		s.frames = append(s.frames, make([]frame, len(s.frames))...)
	}
}

// refuse notes a violation, and reports whether to go on.
func (s *scanner) refuse(f failure) bool {
	if s.report == nil {
		s.first = f
		return false
	}
	s.report.add(s, &f)
	return true
}
