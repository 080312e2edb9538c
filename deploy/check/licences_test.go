package check

import (
	"debug/buildinfo"
	"path/filepath"
	"strings"
	"testing"
)

// licences has the texts that a release has to bring with it.
const licences = "../../docs/licences.txt"

// Those who wrote what is in the binary ask that their notices go along, with the image as with archives.
func TestLicencesGoAlong(t *testing.T) {
	info, err := buildinfo.ReadFile(binary(t))
	if err != nil {
		t.Fatal(err)
	}
	texts := "\n" + read(t, licences)
	for _, module := range info.Deps {
		if !strings.Contains(texts, "\n"+module.Path+" "+module.Version+": ") {
			t.Errorf("%s %s has no text there: make licences", module.Path, module.Version)
		}
	}
	if !strings.Contains(texts, "\nGo: LICENSE\n") {
		t.Error("there is nothing of Go itself")
	}
	if first, _, _ := strings.Cut(strings.TrimSpace(texts), "\n"); strings.Contains(read(t, binary(t)), first) {
		t.Error("they are in the binary, which has no use for them")
	}
	i := newImage(t, "")
	for _, file := range []string{licences, "../../LICENSE"} {
		if read(t, filepath.Join(i.root, "usr/share/doc/specgate", filepath.Base(file))) != read(t, file) {
			t.Errorf("the image has something else than %s", file)
		}
	}
}
