package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/specgate/specgate/internal/keys"
	"github.com/specgate/specgate/internal/store"
	"github.com/specgate/specgate/internal/usage"
)

// usageFlags gives cmd the flags that choose what is shown; the function that it returns then looks up what they
// name. missing is why there may be nothing: a key that the store has not, which may yet be a token of the
// settings.
func usageFlags(cmd *cobra.Command, since string) func(ctx context.Context, s *store.Store) (f store.UsageFilter, missing, err error) {
	flags := cmd.Flags()
	from := flags.String("since", since, "`when` it begins: a date of UTC (2026-11-01), a time (2026-11-01T12:00:00Z), or so long ago (7d, 12h)")
	until := flags.String("until", "", "`when` it ends: as --since; a date is the end of that day, and empty is now")
	org := orgFlag(cmd, everyOne)
	project := flags.String("project", "", "`project`, by its id or its name")
	key := flags.String("key", "", "`key`, by its id, its name or its token")
	model := flags.String("model", "", "`model`, as it was asked for")
	user := flags.String("user", "", "`user`, as requests name it")
	return func(ctx context.Context, s *store.Store) (f store.UsageFilter, missing, err error) {
		f.Model = usage.Name(*model)
		if f.Since, f.Until, err = parseSpan(*from, *until, time.Now()); err != nil {
			return f, nil, usageError{err}
		}
		if *user != "" {
			secret, err := s.UsageSecret(ctx)
			if err != nil {
				return f, nil, err
			}
			f.User = usage.Hash(secret, *user)
		}
		if err := owners(ctx, s, *org, *project, &f); err != nil {
			return f, nil, err
		}
		missing, err = keyFilter(ctx, s, *key, &f)
		return f, missing, err
	}
}

// owners finds an organization and a project, where they are named. A project may be of any organization.
func owners(ctx context.Context, s *store.Store, org, project string, f *store.UsageFilter) error {
	if org != "" {
		o, err := s.Organization(ctx, org)
		if err != nil {
			return err
		}
		f.Organization = o.ID
	}
	if project == "" {
		return nil
	}
	all, err := s.Projects(ctx, f.Organization)
	if err != nil {
		return err
	}
	found := 0
	for _, p := range all {
		if p.ID == keys.BareProject(project) || p.Name == project {
			f.Project = p.ID
			found++
		}
	}
	switch found {
	case 0:
		return fmt.Errorf("project %q: %w", project, keys.ErrNotFound)
	case 1:
		return nil
	default:
		return fmt.Errorf("%d projects are called %q: give the id of the one that is meant, or its --org", found, project)
	}
}

func keyFilter(ctx context.Context, s *store.Store, key string, f *store.UsageFilter) (missing, err error) {
	if key == "" {
		return nil, nil
	}
	named, err := keyNamed(key)
	if err != nil {
		return nil, err
	}
	k, err := keyCalled(ctx, s, named)
	if errors.Is(err, keys.ErrNotFound) {
		f.Key = named
		return err, nil
	}
	f.Key = k.ID
	return nil, err
}

// parseSpan reads --since and --until.
func parseSpan(from, until string, now time.Time) (since, end time.Time, err error) {
	if since, err = parseSince(from, now); err != nil {
		return since, end, fmt.Errorf("--since %w", err)
	}
	if end, err = parseUntil(until, now); err != nil {
		return since, end, fmt.Errorf("--until %w", err)
	}
	if !since.Before(end) {
		err = errors.New("--since is not before --until")
	}
	return since, end, err
}

// parseSince reads a date, a time, or how long ago.
func parseSince(text string, now time.Time) (time.Time, error) {
	if at, err := time.Parse(time.DateOnly, text); err == nil {
		return at, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= 366*maxYears {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	return now, fmt.Errorf("is %q: write 2026-11-01, 2026-11-01T12:00:00Z, 7d or 12h, and no more than %d years", text, maxYears)
}

// parseUntil is parseSince, but that a date is the end of that day and empty is now.
func parseUntil(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return now.Add(time.Millisecond), nil
	}
	if at, err := time.Parse(time.DateOnly, text); err == nil {
		return at.AddDate(0, 0, 1), nil
	}
	return parseSince(text, now)
}
