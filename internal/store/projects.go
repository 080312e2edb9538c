package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/specgate/specgate/internal/keys"
	"github.com/specgate/specgate/internal/limits"
	"github.com/specgate/specgate/internal/store/sqlgen"
)

// Projects lists those of an organization, by name; of all where its id is empty.
func (s *Store) Projects(ctx context.Context, organization string) ([]keys.Project, error) {
	q := s.queries()
	list := q.Projects
	if organization != "" {
		list = func(ctx context.Context) ([]sqlgen.Project, error) { return q.ProjectsOf(ctx, organization) }
	}
	rows, err := list(ctx)
	if err != nil {
		return nil, found(err, "projects")
	}
	return mapped(rows, projectOf), nil
}

// Project finds one of an organization by its id or its name; empty is the default one.
func (s *Store) Project(ctx context.Context, organization, named string) (keys.Project, error) {
	return project(ctx, s.queries(), organization, named)
}

func project(ctx context.Context, q *sqlgen.Queries, organization, named string) (keys.Project, error) {
	if named == "" {
		row, err := q.DefaultProject(ctx, organization)
		return projectOf(row), found(err, "default project")
	}
	row, err := q.Project(ctx, keys.BareProject(named))
	if err == nil && row.OrganizationID == organization {
		return projectOf(row), nil
	}
	if err == nil || errors.Is(found(err, ""), keys.ErrNotFound) {
		row, err = q.ProjectNamed(ctx, sqlgen.ProjectNamedParams{OrganizationID: organization, Name: named})
	}
	return projectOf(row), found(err, fmt.Sprintf("project %q", named))
}

// AddProject keeps a new one.
func (s *Store) AddProject(ctx context.Context, p keys.Project) error {
	return s.change(ctx, func(q *sqlgen.Queries, revision int64) error {
		if err := free(ctx, q, p); err != nil {
			return err
		}
		return addProject(ctx, q, p, revision)
	})
}

// free fails where a project's name is taken.
func free(ctx context.Context, q *sqlgen.Queries, p keys.Project) error {
	_, err := q.ProjectNamed(ctx, sqlgen.ProjectNamedParams{OrganizationID: p.Organization, Name: p.Name})
	if err == nil {
		return fmt.Errorf("project %q: %w", p.Name, ErrTaken)
	}
	return nil
}

func addProject(ctx context.Context, q *sqlgen.Queries, p keys.Project, revision int64) error {
	err := q.InsertProject(ctx, sqlgen.InsertProjectParams{
		ID: p.ID, OrganizationID: p.Organization, Name: p.Name, IsDefault: p.Default, Disabled: p.Disabled,
		Requests: p.Limits.Requests, Tokens: p.Limits.Tokens, Parallel: p.Limits.Parallel,
		DayTokens: p.Limits.DayTokens, MonthTokens: p.Limits.MonthTokens,
		CreatedAt: millis(p.Created), Changed: revision,
	})
	if err != nil {
		return fmt.Errorf("add project: %w", err)
	}
	return nil
}

// ChangeProject changes one of an organization that is found by its id or name, and gives what came of it.
func (s *Store) ChangeProject(ctx context.Context, organization, named string, edit func(*keys.Project) error) (p keys.Project, err error) {
	err = s.change(ctx, func(q *sqlgen.Queries, revision int64) error {
		if p, err = project(ctx, q, organization, named); err != nil {
			return err
		}
		before := p.Name
		if err := edit(&p); err != nil {
			return err
		}
		if p.Name != before {
			if err := free(ctx, q, p); err != nil {
				return err
			}
		}
		return q.UpdateProject(ctx, sqlgen.UpdateProjectParams{
			ID: p.ID, Name: p.Name, Disabled: p.Disabled,
			Requests: p.Limits.Requests, Tokens: p.Limits.Tokens, Parallel: p.Limits.Parallel,
			DayTokens: p.Limits.DayTokens, MonthTokens: p.Limits.MonthTokens, Changed: revision,
		})
	})
	return p, err
}

func projectOf(r sqlgen.Project) keys.Project {
	return keys.Project{
		ID: r.ID, Organization: r.OrganizationID, Name: r.Name, Default: r.IsDefault, Disabled: r.Disabled, Created: timeOf(r.CreatedAt),
		Limits: limits.Limits{Requests: r.Requests, Tokens: r.Tokens, Parallel: r.Parallel, DayTokens: r.DayTokens, MonthTokens: r.MonthTokens, Since: r.Changed},
	}
}
