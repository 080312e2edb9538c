package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/specgate/specgate/internal/keys"
	"github.com/specgate/specgate/internal/store/sqlgen"
)

var _ keys.Source = (*Store)(nil)

// Key gives a key; keys.ErrNotFound where there is none.
func (s *Store) Key(ctx context.Context, id string) (keys.Key, error) {
	return key(ctx, s.queries(), id)
}

// Holdings gives an organization with its projects.
func (s *Store) Holdings(ctx context.Context, organization string) (keys.Holdings, error) {
	q := s.queries()
	row, err := q.Organization(ctx, organization)
	if err != nil {
		return keys.Holdings{}, found(err, "organization")
	}
	projects, err := q.ProjectsOf(ctx, organization)
	if err != nil {
		return keys.Holdings{}, found(err, "projects")
	}
	h := keys.Holdings{Organization: organizationOf(row), Projects: make(map[string]keys.Project, len(projects))}
	for _, p := range projects {
		h.Projects[p.ID] = projectOf(p)
	}
	return h, nil
}

// Changes reads the revision before what has changed: what comes in between is told of twice.
func (s *Store) Changes(ctx context.Context, since int64) (c keys.Changes, err error) {
	q := s.queries()
	if c.Revision, err = q.Revision(ctx); err != nil {
		return c, found(err, "revision")
	}
	if c.Revision <= since {
		return c, nil
	}
	if c.Keys, err = q.ChangedKeys(ctx, since); err != nil {
		return c, found(err, "changes of keys")
	}
	if c.Organizations, err = q.ChangedOrganizations(ctx, since); err != nil {
		return c, found(err, "changes of organizations")
	}
	return c, nil
}

// Listen calls changed when the database says that something changed.
func (s *Store) Listen(ctx context.Context, changed func()) { s.engine.listen(ctx, changed) }

// Used notes when keys were used last, all in one transaction. No revision comes of it.
func (s *Store) Used(ctx context.Context, at map[string]time.Time) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("note uses: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	q := sqlgen.New(tx)
	for _, id := range slices.Sorted(maps.Keys(at)) { // in one order, so that no two instances wait for each other
		if err := q.UseKey(ctx, sqlgen.UseKeyParams{ID: id, LastUsedAt: millis(at[id])}); err != nil {
			return fmt.Errorf("note uses: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("note uses: %w", err)
	}
	return nil
}
