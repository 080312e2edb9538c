package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/specgate/specgate/internal/telemetry"
)

// version and commit are set by the linker in releases: -ldflags "-X main.version=1.2.3 -X main.commit=d6acf4c".
var version, commit string

func newVersion(term terminal) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version, the commit and the Go release of this build",
		Example: `  specgate version`,
		Args:    arguments(),
		RunE:    func(*cobra.Command, []string) error { return printVersion(term) },
	}
}

func printVersion(term terminal) error {
	_, err := fmt.Fprintln(term.stdout, buildVersion())
	return err
}

// release is the version alone.
func release(info *debug.BuildInfo) string { return cmp.Or(version, info.Main.Version, "unknown") }

// thisBuild is which program this is. What the linker was not told is taken from what Go records of a build.
func thisBuild() telemetry.Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	recorded := map[string]string{}
	for _, s := range info.Settings {
		recorded[s.Key] = s.Value
	}
	b := telemetry.Build{Version: release(info), Commit: cmp.Or(commit, recorded["vcs.revision"], "unknown"), Go: runtime.Version()}
	if recorded["vcs.modified"] == "true" {
		b.Commit += ", modified"
	}
	return b
}

// buildVersion is that in one line.
func buildVersion() string {
	b := thisBuild()
	return fmt.Sprintf("specgate %s (commit %s, %s, %s/%s)", b.Version, b.Commit, b.Go, runtime.GOOS, runtime.GOARCH)
}
