package store

import (
	"context"
	"encoding/json"
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
	if err := s.engine.there(); err != nil {
		return keys.Key{}, err
	}
	return key(ctx, s.queries(), id)
}

// Holdings gives an organization with its projects.
func (s *Store) Holdings(ctx context.Context, organization string) (keys.Holdings, error) {
	if err := s.engine.there(); err != nil {
		return keys.Holdings{}, err
	}
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

// Changes reads the revision before what has changed: what comes in between is told of twice. It asks over
// a connection that nothing else uses, so that no number of other questions delays it.
func (s *Store) Changes(ctx context.Context, since keys.Revision) (c keys.Changes, err error) {
	if err := s.engine.there(); err != nil {
		return c, err
	}
	q := sqlgen.New(s.following)
	row, err := q.Revision(ctx, since.Number)
	if err != nil {
		return c, found(err, "revision")
	}
	c.Revision = keys.Revision{Number: row.Value, Mark: row.Mark}
	c.Everything = row.Value < since.Number || row.MarkThen != since.Mark
	if c.Everything || c.Revision == since {
		return c, nil
	}
	if c.Keys, err = q.ChangedKeys(ctx, since.Number); err != nil {
		return c, found(err, "changes of keys")
	}
	if c.Organizations, err = q.ChangedOrganizations(ctx, since.Number); err != nil {
		return c, found(err, "changes of organizations")
	}
	return c, nil
}

// Listen calls changed when the database says that something changed.
func (s *Store) Listen(ctx context.Context, changed func()) { s.engine.listen(ctx, changed) }

// fewUses are written at one time, so that no statement is long and no row is held for long.
const fewUses = 1000

// Used notes when keys were used last. No revision comes of it.
func (s *Store) Used(ctx context.Context, at map[string]time.Time) error {
	if err := s.engine.there(); err != nil {
		return err
	}
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(at)), fewUses) { // sorted, as every instance does it
		uses := make(map[string]use, len(ids))
		for _, id := range ids {
			uses[id] = use{millis(at[id])}
		}
		text, err := json.Marshal(uses)
		if err != nil {
			return fmt.Errorf("note uses: %w", err)
		}
		if err := s.queries().UseKeys(ctx, string(text)); err != nil {
			return fmt.Errorf("note uses: %w", err)
		}
	}
	return nil
}

type use struct {
	At int64 `json:"at"`
}
