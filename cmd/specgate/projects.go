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
		Long:  "Manage projects, also while gateways run: what is changed holds on all of them within\na second. A project is named by its id or its name, in the organization of --org, or in\nthe default one.\nMore: https://github.com/specgate/specgate/blob/main/docs/keys.md",
		Args:  subcommand,
		RunE:  showHelp,
	}
	cmd.AddCommand(
		newProjectsCreate(term), newProjectsList(term), newProjectsShow(term), newProjectsUpdate(term), newProjectsRename(term),
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

	called labels
}

var projectTitles = []string{"id", "name", "organization", "default", "disabled", "limits", "created"}

func (v projectView) cells() []string {
	return []string{v.ID, v.Name, v.called.name(v.Organization), yesNo(v.Default), yesNo(v.Disabled), v.Limits.cell(), day(v.Created)}
}

func (v projectView) facts() []fact {
	return []fact{
		{"id", v.ID},
		{"name", v.Name},
		{"organization", v.called.both(v.Organization)},
		{"default", yesNo(v.Default)},
		{"disabled", yesNo(v.Disabled)},
		{"limits", v.Limits.cell()},
		{"created", moment(&v.Created)},
	}
}

func viewProject(p keys.Project, called labels) projectView {
	return projectView{p.ID, p.Name, p.Organization, p.Default, p.Disabled, viewLimits(p.Limits), p.Created.UTC().Truncate(time.Second), called}
}

func newProjectsCreate(term terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "create --name NAME",
		Short:   "Make a project",
		Example: `  specgate projects create --name chat --org research`,
		Args:    arguments(),
	}
	name := cmd.Flags().String("name", "", "`name` that no other of the organization has")
	org, limit, format, run := orgFlag(cmd, theDefault), limitFlags(cmd), outputFlag(cmd), onStore(cmd, term)
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
			return one(term, *format, viewProject(p, labels{o.ID: o.Name}))
		})
	}
	return cmd
}

func newProjectsList(term terminal) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the projects of all organizations, or of that of --org", Args: arguments()}
	org, format, run := orgFlag(cmd, everyOne), outputFlag(cmd), readStore(cmd, term)
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
			called, err := ownersIn(ctx, s)
			if err != nil {
				return err
			}
			return list(term, *format, projectTitles, views(all, func(p keys.Project) projectView { return viewProject(p, called) }))
		})
	}
	return cmd
}

func newProjectsShow(term terminal) *cobra.Command {
	cmd := &cobra.Command{Use: "show PROJECT", Short: "Show a project", Args: arguments("PROJECT")}
	org, format, run := orgFlag(cmd, theDefault), outputFlag(cmd), readStore(cmd, term)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return run(func(ctx context.Context, s *store.Store) error {
			o, err := s.Organization(ctx, *org)
			if err != nil {
				return err
			}
			p, err := projectsOf(ctx, s, o)(args[0])
			if err != nil {
				return err
			}
			return one(term, *format, viewProject(p, labels{o.ID: o.Name}))
		})
	}
	return cmd
}

func newProjectsUpdate(term terminal) *cobra.Command {
	cmd := &cobra.Command{Use: "update PROJECT", Short: "Change the limits of a project", Args: arguments("PROJECT")}
	limit, change := limitFlags(cmd), changeProject(cmd, term)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return change(args[0], func(p *keys.Project) error { return limit(&p.Limits) })
	}
	return cmd
}

func newProjectsRename(term terminal) *cobra.Command {
	cmd := &cobra.Command{Use: "rename PROJECT NAME", Short: "Give a project another name", Args: arguments("PROJECT", "NAME")}
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
	cmd := &cobra.Command{Use: verb + " PROJECT", Short: short, Args: arguments("PROJECT")}
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
	org, format, run := orgFlag(cmd, theDefault), outputFlag(cmd), onStore(cmd, term)
	return func(named string, edit func(*keys.Project) error) error {
		return run(func(ctx context.Context, s *store.Store) error {
			o, err := s.Organization(ctx, *org)
			if err != nil {
				return err
			}
			p, err := projectsOf(ctx, s, o)(named)
			if err != nil {
				return err
			}
			if p, err = s.ChangeProject(ctx, o.ID, p.ID, edit); err != nil {
				return err
			}
			return one(term, *format, viewProject(p, labels{o.ID: o.Name}))
		})
	}
}
