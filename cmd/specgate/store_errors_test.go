package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Who cannot open the store is told once which one, by which setting, and why.
func TestStoreThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	junk := filepath.Join(t.TempDir(), "junk.db")
	if err := os.WriteFile(junk, []byte(strings.Repeat("no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for url, wants := range map[string][]string{
		"postgres://u:pa55word@127.0.0.1:1/d": {"store (SPECGATE_STORE): open store: ", "127.0.0.1:1 ", "connection refused"},
		"sqlite://" + junk:                    {"store (SPECGATE_STORE): open store: " + junk + ": ", "not a database"},
	} {
		for _, args := range [][]string{{"keys", "list"}, {"keys", "create", "--name", "k"}} {
			got := admin{t, url}.try(args...)
			if got.code != exitFailure || strings.Count(got.stderr, "\n") != 1 || strings.ContainsAny(got.stderr, "\uFFFD") || strings.Contains(got.stderr, "pa55word") {
				t.Errorf("%s: %d %q", url, got.code, got.stderr)
			}
			for _, want := range wants {
				if strings.Count(got.stderr, want) != 1 {
					t.Errorf("%s: %q is not once in %q", url, want, got.stderr)
				}
			}
		}
	}
}

// A database of another program's stays as it is, to the byte.
func TestStoreOfAnotherProgram(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "theirs.db")
	if _, err := database(t, "sqlite", "file:"+path).ExecContext(t.Context(), "CREATE TABLE keys (id integer)"); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"keys", "list"}, {"keys", "create", "--name", "k"}} {
		if got := (admin{t, "sqlite://" + path}).try(args...); got.code != exitFailure || !strings.Contains(got.stderr, "another program") || !strings.Contains(got.stderr, path) {
			t.Errorf("%q: %d %s", args, got.code, got.stderr)
		}
	}
	after, err := os.ReadFile(path)
	files, globErr := filepath.Glob(folder + "/*")
	if err != nil || globErr != nil || string(after) != string(before) || len(files) != 1 {
		t.Errorf("it was changed, or %v are beside it: %v, %v", files, err, globErr)
	}
}
