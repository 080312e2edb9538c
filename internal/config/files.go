package config

import (
	"crypto/sha256"
	"os"
)

// Files are files with a mark of what each held when it was read, by path. Marks are equal where contents are, or
// where the file could not be read for the same reason.
type Files map[string]string

// Read reads a file, and keeps its mark.
func (f Files) Read(path string) ([]byte, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	f[path] = mark(data, err)
	return data, err
}

// Secret is Read for the file of a secret, within its bounds.
func (f Files) Secret(path string) ([]byte, error) {
	data, err := readSecret(path)
	f[path] = mark(data, err)
	return data, err
}

// Look gives the same files with the marks of what they hold now. What is no plain file, as a pipe, can be read once
// alone, and has the mark that it had.
func (f Files) Look() Files {
	now := make(Files, len(f))
	for path, was := range f {
		if now[path] = was; !Plain(path) {
			continue
		}
		if _, _ = now.Secret(path); now[path] != was { // why it cannot be read is its mark
			_, _ = now.Read(path)
		}
	}
	return now
}

// Plain reports whether a path leads to nothing that can be read once alone.
func Plain(path string) bool {
	info, err := os.Stat(path)
	return err != nil || info.Mode().IsRegular()
}

func mark(data []byte, err error) string {
	if err != nil {
		return err.Error()
	}
	sum := sha256.Sum256(data)
	return string(sum[:])
}
