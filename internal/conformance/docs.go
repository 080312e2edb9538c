package conformance

import (
	"bytes"
	"fmt"
)

//go:generate go run ./publish ../../docs/conformance.md

// List is the cases as a page of the documentation has them.
func (s *Suite) List() []byte {
	var out bytes.Buffer
	for i, group := range s.Groups() {
		if i > 0 {
			out.WriteByte('\n')
		}
		fmt.Fprintf(&out, "### %s\n\n| case | | what the contract says | where |\n|---|---|---|---|\n", group)
		for _, c := range s.cases {
			if c.Group() != group {
				continue
			}
			level := ""
			if c.Level == Quality {
				level = "quality"
			}
			fmt.Fprintf(&out, "| `%s` | %s | %s | `%s` |\n", c.ID, level, escaped(c.Says), c.Pointer)
		}
	}
	return out.Bytes()
}

// Fill replaces what stands in a page between the comments <!-- name --> and <!-- /name -->.
func Fill(page []byte, name string, content []byte) ([]byte, error) {
	begin, end := []byte("<!-- "+name+" -->\n"), []byte("<!-- /"+name+" -->\n")
	before, rest, opened := bytes.Cut(page, begin)
	_, after, closed := bytes.Cut(rest, end)
	if !opened || !closed {
		return nil, fmt.Errorf("the page has no comments of %s", name)
	}
	return bytes.Join([][]byte{before, begin, []byte("\n"), content, []byte("\n"), end, after}, nil), nil
}
