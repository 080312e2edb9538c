package config

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// What a file may hold at most, in bytes.
const (
	mostSecret = 64 * kibibyte // a thousand tokens
	mostText   = 4 * mebibyte  // some ten thousand models
)

// reading is how a file may be read.
type reading struct {
	most    Size
	beyond  string      // what is said of a larger one, after how large it may be
	refused fs.FileMode // types of files that are not read
	other   string      // what is said of one
}

// At the start a pipe is read, which a shell's <(command) is too. From then on it would be waited for, perhaps for ever.
// A device may have no end.
var (
	firstText   = reading{most: mostText}
	firstSecret = reading{mostSecret, ", as no secret is", fs.ModeType &^ fs.ModeNamedPipe, "is neither a plain file nor a pipe"}
	plainText   = reading{most: mostText, refused: fs.ModeType, other: "is no plain file"}
	laterText   = reading{most: mostText, refused: fs.ModeType, other: noPlainFile}
	laterSecret = reading{mostSecret, ", as no secret is", fs.ModeType, noPlainFile}
)

const noPlainFile = "is no plain file, as all has to be that is read while the process runs"

// ReadFile reads a file that a setting names, of 4 MiB at most.
func ReadFile(path string) ([]byte, error) { return firstText.file(path) }

// ReadPlain is ReadFile for what is read at a start and has to be a plain file, so that nobody is waited for.
func ReadPlain(path string) ([]byte, error) { return plainText.file(path) }

// file reads one. It is judged before it is opened, which may wait or be noticed at its other end, and again when it
// is open, since another may have taken its place.
func (r reading) file(path string) ([]byte, error) {
	if info, err := os.Stat(path); err == nil {
		if err := r.judge(path, info); err != nil {
			return nil, err
		}
	}
	f, err := r.open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err == nil {
		err = r.judge(path, info)
	}
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, int64(r.most)+1))
	if err == nil && Size(len(text)) > r.most {
		return nil, r.larger(path)
	}
	return text, err
}

// open does not wait for the other end of a pipe that is not read anyway.
func (r reading) open(path string) (*os.File, error) {
	flags := os.O_RDONLY
	if r.refused&fs.ModeNamedPipe != 0 {
		flags |= syscall.O_NONBLOCK
	}
	return os.OpenFile(path, flags, 0) //nolint:gosec // the operator names the file
}

func (r reading) judge(path string, info fs.FileInfo) error {
	switch {
	case info.Mode()&r.refused != 0:
		return fmt.Errorf("%s %s", path, r.other)
	case info.Mode().IsRegular() && Size(info.Size()) > r.most:
		return r.larger(path)
	}
	return nil
}

func (r reading) larger(path string) error {
	return fmt.Errorf("%s is larger than %v%s", path, r.most, r.beyond)
}
