// Command publish writes what is published of the settings, config.md and config.schema.json, into
// the folder that is its only argument.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/specgate/specgate/internal/config"
)

func main() {
	if err := publish(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "publish:", err)
		os.Exit(1)
	}
}

func publish(folder string) error {
	schema, err := config.Schema()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // public documentation
		return err
	}
	for name, content := range map[string][]byte{"config.md": config.Docs(), "config.schema.json": schema} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil { //nolint:gosec // the same
			return err
		}
	}
	return nil
}
