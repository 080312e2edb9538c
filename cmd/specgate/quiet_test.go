package main

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

// Variables that others' packages look at, and find wrong, have no command say anything beside what it is asked for.
func TestQuietAboutOthersVariables(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_BSP_MAX_QUEUE_SIZE"} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "version")
		cmd.Env = []string{asProcess + "=1", name + "=abc"}
		var said bytes.Buffer
		cmd.Stderr = &said
		if err := cmd.Run(); err != nil || said.Len() > 0 {
			t.Errorf("%s: %v, said %q", name, err, said.String())
		}
	}
}
