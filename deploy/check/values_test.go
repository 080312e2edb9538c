package check

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The values that the documentation shows are those of the chart, which makes something of them.
func TestChartTakesWhatTheDocumentationShows(t *testing.T) {
	tried := 0
	err := filepath.WalkDir("../../docs", func(page string, _ os.DirEntry, err error) error {
		if err != nil || filepath.Ext(page) != ".md" {
			return err
		}
		for _, block := range strings.Split(read(t, page), "```yaml\n# values.yaml\n")[1:] {
			tried++
			text, _, _ := strings.Cut(block, "```")
			file := filepath.Join(t.TempDir(), "values.yaml")
			write(t, file, text)
			made, err := render(t, "--values", file)
			if err != nil {
				t.Errorf("%s: %s", page, made)
				continue
			}
			holds(t, decode(t, made))
		}
		return nil
	})
	if err != nil || tried < 2 {
		t.Errorf("%d blocks of values: %v", tried, err)
	}
}
