package main

import (
	"bytes"
	"strings"
	"testing"
)

// A variable that was mistyped is told of, and no error: somebody else may have set it.
func TestMistypedVariableIsToldOf(t *testing.T) {
	t.Parallel()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"config", "check"}, terminal{
		stdout: &stdout, stderr: &stderr, getenv: func(string) string { return "" },
		environ: func() []string { return []string{"SPECGATE_AUTHMODE=keys", "SPECGATE_PORT=tcp://10.0.0.1:8420"} },
	})
	const want = "specgate: note: SPECGATE_AUTHMODE is set, and no setting is called so; did you mean SPECGATE_AUTH_MODE?\n"
	if code != exitOK || !strings.Contains(stderr.String(), want) || strings.Contains(stderr.String(), "PORT") {
		t.Errorf("%d %q", code, stderr.String())
	}
}
