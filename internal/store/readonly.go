package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
)

// writable reports whether a file of SQLite may be written, and what SQLite puts beside it.
func writable(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // the operator names the file
	if err != nil {
		return false
	}
	_ = f.Close()
	beside, err := os.CreateTemp(filepath.Dir(path), ".specgate-*")
	if err != nil {
		return false
	}
	_ = beside.Close()
	return os.Remove(beside.Name()) == nil
}

// readOnly opens a file as it is. Where nothing is beside it nobody writes it, and it is read without a lock, for which
// a file would be needed there.
func readOnly(ctx context.Context, path string) (*Store, error) {
	mode := "?mode=ro&_pragma=busy_timeout(10000)"
	if _, err := os.Stat(path + "-wal"); errors.Is(err, os.ErrNotExist) {
		mode += "&immutable=1"
	}
	s, err := sqliteAt(path, mode)
	if err != nil {
		return nil, err
	}
	provider, dialect, err := s.migrations()
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.following.PingContext(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if !s.migrated(ctx, dialect, provider.ListSources()) {
		return nil, errors.Join(errors.New("it has not the schema of this version, and may not be written: have a gateway or a command of this version open it that may"), s.Close())
	}
	return s, nil
}
