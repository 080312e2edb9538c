package profile

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// columns are the kinds that docs/backends.md has a column for; the others take everything.
func columns() []string { return []string{VLLM, LlamaCpp, Ollama, SGLang, TGI} }

// written is the table as docs/backends.md has it.
func written() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| field | its value | %s |\n|---|---|%s\n", strings.Join(columns(), " | "), strings.Repeat("---|", len(columns())))
	for _, d := range table() {
		fmt.Fprintf(&b, "| `%s` | %s |", d.field, d.when.name)
		for _, kind := range columns() {
			cell := "pass"
			if do, ok := d.by[kind]; ok {
				cell = do.name
			}
			fmt.Fprintf(&b, " %s |", cell)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// The table in docs/backends.md is this package's, cell by cell.
func TestDocs(t *testing.T) {
	doc, err := os.ReadFile("../../docs/backends.md")
	if err != nil {
		t.Fatal(err)
	}
	want := written()
	head, _, _ := strings.Cut(want, "\n")
	_, rest, found := strings.Cut(string(doc), head+"\n")
	if !found {
		t.Fatalf("docs/backends.md lacks the table:\n%s", want)
	}
	got, _, _ := strings.Cut(rest, "\n\n")
	if diff := cmp.Diff(want, head+"\n"+got+"\n"); diff != "" {
		t.Errorf("(-code +docs)\n%s", diff)
	}
	for _, kind := range []string{OpenAI, Specgate, Custom} {
		if rules := rulesFor(kind); rules != nil {
			t.Errorf("%s: docs/backends.md says that it takes everything; rules %v", kind, rules)
		}
	}
}
