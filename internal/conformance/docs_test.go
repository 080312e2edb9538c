package conformance_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/specgate/specgate/internal/conformance"
)

// The published list is that of the cases.
func TestListIsPublished(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	filled, err := conformance.Fill(page, "cases", newSuite(t).List())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(page, filled) {
		t.Error("docs/conformance.md lists other cases: run make generate")
	}
	for _, group := range newSuite(t).Groups() {
		if !strings.Contains(string(page), "\n| `"+group+"` |") {
			t.Errorf("docs/conformance.md does not say what the group %s is", group)
		}
	}
}

func TestFillWantsItsPlace(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"", "<!-- x -->\n", "<!-- /x -->\n<!-- x -->\n"} {
		if got, err := conformance.Fill([]byte(page), "x", nil); err == nil {
			t.Errorf("%q is filled: %q", page, got)
		}
	}
}
