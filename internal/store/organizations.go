package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/specgate/specgate/internal/keys"
	"github.com/specgate/specgate/internal/limits"
	"github.com/specgate/specgate/internal/store/sqlgen"
)

// ErrTaken is a name that another has.
var ErrTaken = errors.New("the name is taken")

// Organizations lists all, by name.
func (s *Store) Organizations(ctx context.Context) ([]keys.Organization, error) {
	rows, err := s.queries().Organizations(ctx)
	if err != nil {
		return nil, found(err, "organizations")
	}
	return mapped(rows, organizationOf), nil
}

// Organization finds one by its id or its name; empty is the default one.
func (s *Store) Organization(ctx context.Context, named string) (keys.Organization, error) {
	return organization(ctx, s.queries(), named)
}

func organization(ctx context.Context, q *sqlgen.Queries, named string) (keys.Organization, error) {
	if named == "" {
		row, err := q.DefaultOrganization(ctx)
		return organizationOf(row), found(err, "default organization")
	}
	row, err := q.Organization(ctx, keys.BareOrganization(named))
	if errors.Is(found(err, ""), keys.ErrNotFound) {
		row, err = q.OrganizationNamed(ctx, named)
	}
	return organizationOf(row), found(err, fmt.Sprintf("organization %q", named))
}

// AddOrganization keeps a new one and its first project.
func (s *Store) AddOrganization(ctx context.Context, o keys.Organization, first keys.Project) error {
	return s.change(ctx, func(q *sqlgen.Queries, revision int64) error {
		if _, err := q.OrganizationNamed(ctx, o.Name); err == nil {
			return fmt.Errorf("organization %q: %w", o.Name, ErrTaken)
		}
		err := q.InsertOrganization(ctx, sqlgen.InsertOrganizationParams{
			ID: o.ID, Name: o.Name, IsDefault: o.Default, Disabled: o.Disabled,
			Requests: o.Limits.Requests, Tokens: o.Limits.Tokens, Parallel: o.Limits.Parallel,
			DayTokens: o.Limits.DayTokens, MonthTokens: o.Limits.MonthTokens,
			CreatedAt: millis(o.Created), Changed: revision,
		})
		if err != nil {
			return fmt.Errorf("add organization: %w", err)
		}
		return addProject(ctx, q, first, revision)
	})
}

// ChangeOrganization changes one that is found by its id or name, and gives what came of it.
func (s *Store) ChangeOrganization(ctx context.Context, named string, edit func(*keys.Organization) error) (o keys.Organization, err error) {
	err = s.change(ctx, func(q *sqlgen.Queries, revision int64) error {
		if o, err = organization(ctx, q, named); err != nil {
			return err
		}
		before := o.Name
		if err := edit(&o); err != nil {
			return err
		}
		if o.Name != before {
			if _, err := q.OrganizationNamed(ctx, o.Name); err == nil {
				return fmt.Errorf("organization %q: %w", o.Name, ErrTaken)
			}
		}
		return q.UpdateOrganization(ctx, sqlgen.UpdateOrganizationParams{
			ID: o.ID, Name: o.Name, Disabled: o.Disabled,
			Requests: o.Limits.Requests, Tokens: o.Limits.Tokens, Parallel: o.Limits.Parallel,
			DayTokens: o.Limits.DayTokens, MonthTokens: o.Limits.MonthTokens, Changed: revision,
		})
	})
	return o, err
}

func organizationOf(r sqlgen.Organization) keys.Organization {
	return keys.Organization{
		ID: r.ID, Name: r.Name, Default: r.IsDefault, Disabled: r.Disabled, Created: timeOf(r.CreatedAt),
		Limits: limits.Limits{Requests: r.Requests, Tokens: r.Tokens, Parallel: r.Parallel, DayTokens: r.DayTokens, MonthTokens: r.MonthTokens, Since: r.Changed},
	}
}

func mapped[R, V any](rows []R, of func(R) V) []V {
	all := make([]V, len(rows))
	for i, r := range rows {
		all[i] = of(r)
	}
	return all
}
