package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// migrate takes the schema forward. Of several processes that start at once one does it, and the others
// wait; where there is nothing to do nobody waits for anything. A schema that is newer than this program is
// left as it is.
func (s *Store) migrate(ctx context.Context) (err error) {
	provider, dialect, err := s.migrations()
	if err != nil {
		return err
	}
	if s.migrated(ctx, dialect, provider.ListSources()) {
		return nil
	}
	unlock, err := s.engine.lock(ctx, s.db)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// migrations are all there are for the store's database.
func (s *Store) migrations() (provider *goose.Provider, dialect goose.Dialect, err error) {
	dialect, folder := goose.DialectSQLite3, "migrations/sqlite"
	if _, ok := s.engine.(postgres); ok {
		dialect, folder = goose.DialectPostgres, "migrations/postgres"
	}
	files, err := fs.Sub(migrations, folder)
	if err != nil {
		return nil, dialect, err
	}
	provider, err = goose.NewProvider(dialect, s.db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, dialect, fmt.Errorf("read migrations: %w", err)
	}
	return provider, dialect, nil
}

// migrated reports whether the database says that it has every migration. One that cannot say, where there
// is no schema yet among them, says why when it is migrated.
func (s *Store) migrated(ctx context.Context, dialect goose.Dialect, all []*goose.Source) bool {
	versions, err := database.NewStore(dialect, goose.DefaultTablename)
	if err != nil {
		return false
	}
	applied, err := versions.ListMigrations(ctx, s.db)
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(all, func(m *goose.Source) bool {
		return !slices.ContainsFunc(applied, func(a *database.ListMigrationsResult) bool { return a.Version == m.Version })
	})
}
