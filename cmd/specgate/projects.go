package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/specgate/specgate/internal/keys"
	"github.com/specgate/specgate/internal/store"
)

func newProjects(term terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "projects",
		Short: "Manage the projects of an organization",
		Long:  "Manage projects, also while gateways run: what is changed holds on all of them within\na second. A project is named by its id or its name, in the organization of --org, or in\nthe default one. docs/keys.md has more.",
		Args:  subcommand,
		RunE:  showHelp,
	}
	cmd.AddCommand(
		newProjectsCreate(term), newProjectsList(term), newProjectsUpdate(term), newProjectsRename(term),
		newProjectsSwitch(term, "disable", "Refuse all requests in a project, until it is enabled", true),
		newProjectsSwitch(term, "enable", "Take requests in a project again", false),
	)
	return cmd
}

// projectView is a project as it is printed.
type projectView struct {
	ID           string     `json:"id"`
	Name         string     `json:"name"`
	Organization string     `json:"organization"`
	Default      bool       `json:"default"`
	Disabled     bool       `json:"disabled"`
	Limits       limitsView `json:"limits"`
	Created      time.Time  `json:"created"`
}

var projectTitles = []string{"id", "name", "organization", "default", "disabled", "limits", "created"}

func (v projectView) cells() []string {
	return []string{v.ID, v.Name, v.Organization, yesNo(v.Default), yesNo(v.Disabled), v.Limits.cell(), day(v.Created)}
}

func viewProject(p keys.Project) projectView {
	return projectView{p.ID, p.Name, p.Organization, p.Default, p.Disabled, viewLimits(p.Limits), p.Created.UTC().Truncate(time.Second)}
}

// orgFlag gives cmd --org.
func orgFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("org", "", "`organization`, by its id or its name; empty is the default one")
}

func newProjectsCreate(term terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "create --name NAME",
		Short:   "Make a project",
		Example: `  specgate projects create --name chat --org research`,
		Args:    cobra.NoArgs,
	}
	name := cmd.Flags().String("name", "", "`name` that no other of the organization has")
	org, limit, format, run := orgFlag(cmd), limitFlags(cmd), outputFlag(cmd), onStore(cmd, term)
	cmd.RunE = func(*cobra.Command, []string) error {
		if err := required(*name); err != nil {
			return err
		}
		return run(func(ctx context.Context, s *store.Store) error {
			o, err := s.Organization(ctx, *org)
			if err != nil {
				return err
			}
			p := keys.NewProject(o.ID, *name, time.Now())
			if err := limit(&p.Limits); err != nil {
				return err
			}
			if err := s.AddProject(ctx, p); err != nil {
				return err
			}
			return one(term, *format, projectTitles, viewProject(p))
		})
	}
	return cmd
}

func newProjectsList(term terminal) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the projects of all organizations, or of that of --org", Args: cobra.NoArgs}
	org, format, run := cmd.Flags().String("org", "", "`organization`, by its id or its name"), outputFlag(cmd), readStore(cmd, term)
	cmd.RunE = func(*cobra.Command, []string) error {
		return run(func(ctx context.Context, s *store.Store) error {
			id := ""
			if *org != "" {
				o, err := s.Organization(ctx, *org)
				if err != nil {
					return err
				}
				id = o.ID
			}
			all, err := s.Projects(ctx, id)
			if err != nil {
				return err
			}
			return list(term, *format, projectTitles, views(all, viewProject))
		})
	}
	return cmd
}

func newProjectsUpdate(term terminal) *cobra.Command {
	cmd := &cobra.Command{Use: "update PROJECT", Short: "Change the limits of a project", Args: cobra.ExactArgs(1)}
	limit, change := limitFlags(cmd), changeProject(cmd, term)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return change(args[0], func(p *keys.Project) error { return limit(&p.Limits) })
	}
	return cmd
}

func newProjectsRename(term terminal) *cobra.Command {
	cmd := &cobra.Command{Use: "rename PROJECT NAME", Short: "Give a project another name", Args: cobra.ExactArgs(2)}
	change := changeProject(cmd, term)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return change(args[0], func(p *keys.Project) error {
			p.Name = args[1]
			return keys.CheckName(p.Name)
		})
	}
	return cmd
}

func newProjectsSwitch(term terminal, verb, short string, disabled bool) *cobra.Command {
	cmd := &cobra.Command{Use: verb + " PROJECT", Short: short, Args: cobra.ExactArgs(1)}
	change := changeProject(cmd, term)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return change(args[0], func(p *keys.Project) error {
			p.Disabled = disabled
			return nil
		})
	}
	return cmd
}

// changeProject gives cmd its flags; the function that it returns then changes a project and prints it.
func changeProject(cmd *cobra.Command, term terminal) func(named string, edit func(*keys.Project) error) error {
	org, format, run := orgFlag(cmd), outputFlag(cmd), onStore(cmd, term)
	return func(named string, edit func(*keys.Project) error) error {
		return run(func(ctx context.Context, s *store.Store) error {
			o, err := s.Organization(ctx, *org)
			if err != nil {
				return err
			}
			p, err := s.ChangeProject(ctx, o.ID, named, edit)
			if err != nil {
				return err
			}
			return one(term, *format, projectTitles, viewProject(p))
		})
	}
}
