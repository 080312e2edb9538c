package config

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// mostSecret is what the file of a secret may hold at most, in bytes: a thousand tokens.
const mostSecret = 64 * kibibyte

// readSecret reads what is a plain file or a pipe, which a shell's <(command) is too. A device may have no end.
func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.Mode()&fs.ModeType&^fs.ModeNamedPipe != 0:
		return nil, fmt.Errorf("%s is neither a plain file nor a pipe", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, int64(mostSecret)+1))
	if err == nil && Size(len(text)) > mostSecret {
		return nil, fmt.Errorf("%s is larger than %v, as no secret is", path, mostSecret)
	}
	return text, err
}
