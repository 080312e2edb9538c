package config

import (
	"crypto/sha256"
	"maps"
	"os"
)

// Files are files with a mark of what each held when it was read, by path. Marks are equal where contents are, or
// where the file could not be read for the same reason.
type Files map[string]string

// Read reads a plain file of 4 MiB at most, and keeps its mark.
func (f Files) Read(path string) ([]byte, error) { return f.keep(path, laterText) }

// keep reads a file as by says, and keeps its mark.
func (f Files) keep(path string, by reading) ([]byte, error) {
	data, err := by.file(path)
	f[path] = mark(data, err)
	return data, err
}

// Look gives the same files with the marks of what they hold now. What is no plain file, as a pipe, can be read once
// alone, and has the mark that it had. One that is too large is not read: that is its mark.
func (f Files) Look() Files {
	now := make(Files, len(f))
	for path, was := range f {
		if now[path] = was; !Plain(path) {
			continue
		}
		if _, _ = now.keep(path, laterSecret); now[path] != was { // why it cannot be read is its mark
			_, _ = now.keep(path, laterText)
		}
	}
	return now
}

// Refused gives the same files where those that are not plain were refused for it, so that they have changed once they are.
func (f Files) Refused() Files {
	all := maps.Clone(f)
	for path := range f {
		if !Plain(path) {
			_, _ = all.Read(path) // why it is not read is its mark
		}
	}
	return all
}

// Plain reports whether a path leads to nothing that can be read once alone. Where a folder has taken the place of a file,
// it never can, which is found out without waiting.
func Plain(path string) bool {
	info, err := os.Stat(path)
	return err != nil || info.Mode().IsRegular() || info.IsDir()
}

func mark(data []byte, err error) string {
	if err != nil {
		return err.Error()
	}
	sum := sha256.Sum256(data)
	return string(sum[:])
}
