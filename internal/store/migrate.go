package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// migrate takes the schema forward. Of several processes that start at once one does it, and the others
// wait. A schema that is newer than this program is left as it is.
func (s *Store) migrate(ctx context.Context) (err error) {
	unlock, err := s.engine.lock(ctx, s.db)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	dialect, folder := goose.DialectSQLite3, "migrations/sqlite"
	if _, ok := s.engine.(postgres); ok {
		dialect, folder = goose.DialectPostgres, "migrations/postgres"
	}
	files, err := fs.Sub(migrations, folder)
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(dialect, s.db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}
