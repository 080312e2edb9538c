package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/specgate/specgate/internal/keys"
	"github.com/specgate/specgate/internal/limits"
	"github.com/specgate/specgate/internal/store/sqlgen"
)

// Keys lists all, the oldest first.
func (s *Store) Keys(ctx context.Context) ([]keys.Key, error) {
	q := s.queries()
	rows, err := q.Keys(ctx)
	if err != nil {
		return nil, found(err, "keys")
	}
	pairs, err := q.ProjectsOfKeys(ctx)
	if err != nil {
		return nil, found(err, "projects of keys")
	}
	projects := map[string][]string{}
	for _, p := range pairs {
		projects[p.KeyID] = append(projects[p.KeyID], p.ProjectID)
	}
	all := make([]keys.Key, len(rows))
	for i, r := range rows {
		if all[i], err = keyOf(r, projects[r.ID]); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// KeyNamed finds a key by its id, or by a name that no other has of those that are not revoked, else of those that
// are. Who has an id means that key, whatever another is called.
func (s *Store) KeyNamed(ctx context.Context, named string) (keys.Key, error) {
	return keyNamed(ctx, s.queries(), named)
}

func keyNamed(ctx context.Context, q *sqlgen.Queries, named string) (keys.Key, error) {
	k, err := key(ctx, q, named)
	if !errors.Is(err, keys.ErrNotFound) {
		return k, err
	}
	rows, failed := q.KeysNamed(ctx, named)
	if failed == nil && len(rows) == 0 {
		rows, failed = q.RevokedKeysNamed(ctx, named)
	}
	switch {
	case failed != nil:
		return keys.Key{}, found(failed, "keys")
	case len(rows) > 1:
		return keys.Key{}, fmt.Errorf("%d keys are named %q: give the id of the one that is meant", len(rows), named)
	case len(rows) == 1:
		return key(ctx, q, rows[0].ID)
	default:
		return keys.Key{}, err
	}
}

func key(ctx context.Context, q *sqlgen.Queries, id string) (keys.Key, error) {
	row, err := q.Key(ctx, id)
	if err != nil {
		return keys.Key{}, found(err, fmt.Sprintf("key %q", id))
	}
	return keyOf(row.Key, strings.Fields(row.Projects))
}

// AddKey keeps a new one.
func (s *Store) AddKey(ctx context.Context, k keys.Key) error {
	models, err := patterns(k.Models)
	if err != nil {
		return err
	}
	return s.change(ctx, func(q *sqlgen.Queries, revision int64) error {
		err := q.InsertKey(ctx, sqlgen.InsertKeyParams{
			ID: k.ID, Name: k.Name, Description: k.Description,
			OrganizationID: k.Organization, EveryProject: k.EveryProject, DefaultProjectID: k.DefaultProject, Models: models,
			SecretHash: k.Secret[:], PreviousHash: k.Previous[:], PreviousUntil: millis(k.PreviousUntil), Disabled: k.Disabled,
			Requests: k.Limits.Requests, Tokens: k.Limits.Tokens, Parallel: k.Limits.Parallel,
			DayTokens: k.Limits.DayTokens, MonthTokens: k.Limits.MonthTokens,
			CreatedAt: millis(k.Created), ExpiresAt: millis(k.Expires), RevokedAt: millis(k.Revoked), Changed: revision,
		})
		if err != nil {
			return fmt.Errorf("add key: %w", err)
		}
		return addProjects(ctx, q, k)
	})
}

// Projects finds a project of one organization by its id or its name; empty is the default one.
type Projects func(named string) (keys.Project, error)

// ChangeKey changes a key that is found by its id or name, and gives what came of it. in finds projects of
// the key's organization as they are while it is changed. Where edit fails nothing is changed.
func (s *Store) ChangeKey(ctx context.Context, named string, edit func(k *keys.Key, in Projects) error) (k keys.Key, err error) {
	err = s.change(ctx, func(q *sqlgen.Queries, revision int64) error {
		if k, err = keyNamed(ctx, q, named); err != nil {
			return err
		}
		in := func(named string) (keys.Project, error) { return project(ctx, q, k.Organization, named) }
		if err := edit(&k, in); err != nil {
			return err
		}
		return updateKey(ctx, q, k, revision)
	})
	return k, err
}

func updateKey(ctx context.Context, q *sqlgen.Queries, k keys.Key, revision int64) error {
	models, err := patterns(k.Models)
	if err != nil {
		return err
	}
	err = q.UpdateKey(ctx, sqlgen.UpdateKeyParams{
		ID: k.ID, Name: k.Name, Description: k.Description,
		EveryProject: k.EveryProject, DefaultProjectID: k.DefaultProject, Models: models,
		SecretHash: k.Secret[:], PreviousHash: k.Previous[:], PreviousUntil: millis(k.PreviousUntil), Disabled: k.Disabled,
		Requests: k.Limits.Requests, Tokens: k.Limits.Tokens, Parallel: k.Limits.Parallel,
		DayTokens: k.Limits.DayTokens, MonthTokens: k.Limits.MonthTokens,
		ExpiresAt: millis(k.Expires), RevokedAt: millis(k.Revoked), Changed: revision,
	})
	if err != nil {
		return fmt.Errorf("change key: %w", err)
	}
	if err := q.DeleteKeyProjects(ctx, k.ID); err != nil {
		return fmt.Errorf("change projects of the key: %w", err)
	}
	return addProjects(ctx, q, k)
}

func addProjects(ctx context.Context, q *sqlgen.Queries, k keys.Key) error {
	for _, id := range k.Projects {
		if err := q.InsertKeyProject(ctx, sqlgen.InsertKeyProjectParams{KeyID: k.ID, ProjectID: id}); err != nil {
			return fmt.Errorf("add project of the key: %w", err)
		}
	}
	return nil
}

func patterns(models []string) (string, error) {
	if models == nil {
		models = []string{}
	}
	text, err := json.Marshal(models)
	return string(text), err
}

func keyOf(r sqlgen.Key, projects []string) (keys.Key, error) {
	k := keys.Key{
		ID: r.ID, Name: r.Name, Description: r.Description,
		Organization: r.OrganizationID, EveryProject: r.EveryProject, Projects: projects, DefaultProject: r.DefaultProjectID,
		Limits:        limits.Limits{Requests: r.Requests, Tokens: r.Tokens, Parallel: r.Parallel, DayTokens: r.DayTokens, MonthTokens: r.MonthTokens, Since: r.Changed},
		PreviousUntil: timeOf(r.PreviousUntil),
		Created:       timeOf(r.CreatedAt), Expires: timeOf(r.ExpiresAt), Revoked: timeOf(r.RevokedAt), LastUsed: timeOf(r.LastUsedAt),
		Disabled: r.Disabled,
	}
	if copy(k.Secret[:], r.SecretHash) != len(k.Secret) || copy(k.Previous[:], r.PreviousHash) != len(k.Previous) {
		return keys.Key{}, fmt.Errorf("key %q: its row is damaged", r.ID)
	}
	if err := json.Unmarshal([]byte(r.Models), &k.Models); err != nil {
		return keys.Key{}, fmt.Errorf("key %q: its row is damaged", r.ID)
	}
	return k, nil
}
