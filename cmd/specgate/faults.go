package main

import (
	"fmt"

	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/faults"
	"github.com/specgate/specgate/server"
)

// onPurpose is what an operator should hear of a script that is in use: from whoever has read it, for one that cannot
// be read has nothing go wrong.
func onPurpose(file string) string {
	return "completions go wrong on purpose, as " + file + " says (faults.file)"
}

// newFaults reads the script of what is to go wrong; nil where the configuration has none.
func newFaults(cfg config.Faults) (server.Faults, error) {
	if cfg.File == "" {
		return nil, nil
	}
	data, err := config.ReadFile(cfg.File)
	if err != nil {
		return nil, fmt.Errorf("faults.file cannot be read: %w", err)
	}
	script, err := faults.Parse(cfg.File, data)
	if err != nil { // a script that is not nil would be faults to the server
		return nil, err
	}
	return script, nil
}
