package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/specgate/specgate/internal/config"
)

// BenchmarkLook looks at what a gateway has on its disk: settings, an overlay and a secret.
func BenchmarkLook(b *testing.B) {
	files := config.Files{}
	for name, size := range map[string]int{"specgate.yaml": 4 << 10, "overlay.yaml": 4 << 10, "secret": 64} {
		path := filepath.Join(b.TempDir(), name)
		if err := os.WriteFile(path, []byte(strings.Repeat("x", size)), 0o600); err != nil {
			b.Fatal(err)
		}
		if _, err := files.Read(path); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if len(files.Look()) != len(files) {
			b.Fatal("files are gone")
		}
	}
}
