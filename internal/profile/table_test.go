package profile

import (
	"slices"
	"strings"
	"testing"

	"github.com/specgate/specgate/internal/completion"
)

// Fields stand in the contract's order, which is that of a refusal's list; every name means something.
func TestTable(t *testing.T) {
	facts := completion.Facts()
	last := 0
	for _, d := range table() {
		at := slices.Index(facts, d.field)
		if at < last || strings.Contains(d.field, ".") {
			t.Errorf("%s stands at the wrong place", d.field)
		}
		last = at
		for kind := range d.by {
			if !slices.Contains(Kinds(), kind) {
				t.Errorf("%s: kind %s", d.field, kind)
			}
		}
	}
}

// Whoever takes one prompt at a time takes one choice at a time: an index is computed of both.
func TestSplitTogether(t *testing.T) {
	for _, kind := range Kinds() {
		var fields []string
		for _, r := range rulesFor(kind) {
			if r.do.name == splitUp.name {
				fields = append(fields, r.field)
			}
		}
		if fields != nil && !slices.Equal(fields, []string{"prompt", "n"}) {
			t.Errorf("%s splits %v", kind, fields)
		}
	}
}
