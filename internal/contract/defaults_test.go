package contract

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/gen"
)

func TestDefaults(t *testing.T) {
	doc, err := Load(gen.Spec)
	if err != nil {
		t.Fatal(err)
	}
	defaults, err := Defaults(doc.Components.Schemas["CompletionRequest"])
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for name, raw := range defaults {
		got[name] = string(raw)
	}
	want := map[string]string{
		"best_of": "1", "echo": "false", "frequency_penalty": "0", "max_tokens": "16", "n": "1",
		"presence_penalty": "0", "stream": "false", "temperature": "1", "top_p": "1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, err := Defaults(nil); err == nil {
		t.Error("no schema, and no error")
	}
}
