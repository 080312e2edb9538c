package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/specgate/specgate/internal/store"
)

func newUsage(term terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "usage",
		Short: "Show what was used, by key, project, organization, model, user or day",
		Long: `Show what was used, also while gateways run: the sums of whole days, of UTC. What a
gateway has just answered is in them within about a second. More:
https://github.com/specgate/specgate/blob/main/docs/usage.md`,
		Example: `  specgate usage
  specgate usage --by organization,model --since 2026-11-01 --until 2026-11-30
  specgate usage --by day --key search --since 7d --format json
  specgate usage records --user alice --since 24h --format json`,
		Args: usageArgs,
	}
	by := cmd.Flags().StringSlice("by", []string{"day"}, "`what` sums are kept apart by, one or several: "+strings.Join(dimensionNames(), ", ")+"; none for one sum of all")
	choose, format, run := usageFlags(cmd, "30d"), outputFlag(cmd), readStore(cmd, term)
	cmd.RunE = func(*cobra.Command, []string) error {
		apart, err := dimensionsOf(*by)
		if err != nil {
			return err
		}
		return run(func(ctx context.Context, s *store.Store) error {
			f, missing, err := choose(ctx, s)
			if err != nil {
				return err
			}
			sums, err := s.Sums(ctx, f, apart.by())
			if err != nil {
				return err
			}
			if len(sums) == 0 && missing != nil {
				return missing
			}
			inOrder(sums)
			called, err := namesIn(ctx, s)
			if err != nil {
				return err
			}
			return list(term, *format, apart.titles(), views(sums, func(u store.UsageSum) sumView { return viewSum(u, apart, called) }))
		})
	}
	cmd.AddCommand(newUsageRecords(term))
	return cmd
}

// usageArgs takes none, and knows what is meant by «usage key».
func usageArgs(cmd *cobra.Command, args []string) error {
	for _, arg := range args {
		if named := strings.TrimSuffix(arg, "s"); named == "org" || slices.Contains(dimensionNames(), named) {
			return fmt.Errorf("there is no command %q; write %s --by %s", cmd.CommandPath()+" "+arg, cmd.CommandPath(), named)
		}
	}
	return subcommand(cmd, args)
}

// dimension is what sums can be kept apart by.
type dimension struct {
	name   string
	titles []string
	choose func(by *store.UsageBy)
	show   func(v *sumView, u store.UsageSum, called labels) []string
}

var allDimensions = []dimension{
	{"day", []string{"day"}, func(by *store.UsageBy) { by.Day = true }, func(v *sumView, u store.UsageSum, _ labels) []string {
		return cellsOf(&v.Day, u.Day.Format(time.DateOnly))
	}},
	{"organization", []string{"organization", "name"}, func(by *store.UsageBy) { by.Organization = true }, func(v *sumView, u store.UsageSum, called labels) []string {
		return append(cellsOf(&v.Organization, u.Organization), cellsOf(&v.OrganizationName, called[u.Organization])...)
	}},
	{"project", []string{"project", "name"}, func(by *store.UsageBy) { by.Project = true }, func(v *sumView, u store.UsageSum, called labels) []string {
		return append(cellsOf(&v.Project, u.Project), cellsOf(&v.ProjectName, called[u.Project])...)
	}},
	{"key", []string{"key", "name"}, func(by *store.UsageBy) { by.Key = true }, func(v *sumView, u store.UsageSum, called labels) []string {
		return append(cellsOf(&v.Key, u.Key), cellsOf(&v.KeyName, called[u.Key])...)
	}},
	{"model", []string{"model"}, func(by *store.UsageBy) { by.Model = true }, func(v *sumView, u store.UsageSum, _ labels) []string {
		return cellsOf(&v.Model, u.Model)
	}},
	{"user", []string{"user"}, func(by *store.UsageBy) { by.User = true }, func(v *sumView, u store.UsageSum, _ labels) []string {
		return cellsOf(&v.User, u.User)
	}},
}

func dimensionNames() (all []string) {
	for _, d := range allDimensions {
		all = append(all, d.name)
	}
	return all
}

// cellsOf sets a field of what is printed as JSON, and is the cell of a table.
func cellsOf(field **string, text string) []string {
	*field = &text
	return []string{dash(printable(text))}
}

type dimensions []dimension

// dimensionsOf are those with some labels, in the order of allDimensions.
func dimensionsOf(chosen []string) (some dimensions, err error) {
	chosen = slices.Clone(chosen)
	for i, name := range chosen {
		if name == "org" { // as the flag is called, and the command
			chosen[i] = "organization"
			continue
		}
		if !slices.Contains(dimensionNames(), name) && name != "none" && name != "" {
			return nil, usageError{fmt.Errorf("--by is %q: it must be of %s, or none", name, strings.Join(dimensionNames(), ", "))}
		}
	}
	for _, d := range allDimensions {
		if slices.Contains(chosen, d.name) {
			some = append(some, d)
		}
	}
	return some, nil
}

func (d dimensions) by() (by store.UsageBy) {
	for _, one := range d {
		one.choose(&by)
	}
	return by
}

func (d dimensions) titles() (titles []string) {
	for _, one := range d {
		titles = append(titles, one.titles...)
	}
	return append(titles, "requests", "errors", "cancelled", "prompt", "cached", "completion", "reasoning", "tokens", "estimated")
}
