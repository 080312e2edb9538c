package main

import (
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

const (
	gcPercent   = 200 // of what is alive; at the runtime's own 100 a busy gateway spends a tenth of its time on it
	memoryShare = 0.9 // of a container's memory; what the runtime does not count needs the rest
)

// tuneGarbage lets more garbage pile up than the runtime would by itself, and keeps it within the memory
// of the container, if there is one. GOGC and GOMEMLIMIT say otherwise where they are set. The error is
// why no limit was set.
func tuneGarbage(getenv func(string) string) error {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	_, err := memlimit.Set(memlimit.WithRatio(memoryShare), memlimit.WithProvider(memlimit.FromCgroup))
	return err
}
