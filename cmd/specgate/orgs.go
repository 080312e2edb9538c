package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/specgate/specgate/internal/keys"
	"github.com/specgate/specgate/internal/store"
)

func newOrgs(term terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "orgs",
		Aliases: []string{"organizations"},
		Short:   "Manage the organizations that keys and projects belong to",
		Long:    "Manage organizations, also while gateways run: what is changed holds on all of them\nwithin a second. An organization is named by its id or its name.\nMore: https://github.com/specgate/specgate/blob/main/docs/keys.md",
		Args:    subcommand,
		RunE:    showHelp,
	}
	cmd.AddCommand(
		newOrgsCreate(term), newOrgsList(term), newOrgsShow(term), newOrgsUpdate(term), newOrgsRename(term),
		newOrgsSwitch(term, "disable", "Refuse all keys of an organization, until it is enabled", true),
		newOrgsSwitch(term, "enable", "Accept the keys of an organization again", false),
	)
	return cmd
}

// orgView is an organization as it is printed.
type orgView struct {
	ID       string     `json:"id"`
	Name     string     `json:"name"`
	Default  bool       `json:"default"`
	Disabled bool       `json:"disabled"`
	Limits   limitsView `json:"limits"`
	Created  time.Time  `json:"created"`
}

var orgTitles = []string{"id", "name", "default", "disabled", "limits", "created"}

func (v orgView) cells() []string {
	return []string{v.ID, v.Name, yesNo(v.Default), yesNo(v.Disabled), v.Limits.cell(), day(v.Created)}
}

func (v orgView) facts() []fact {
	return []fact{
		{"id", v.ID},
		{"name", v.Name},
		{"default", yesNo(v.Default)},
		{"disabled", yesNo(v.Disabled)},
		{"limits", v.Limits.cell()},
		{"created", moment(&v.Created)},
	}
}

func viewOrg(o keys.Organization) orgView {
	return orgView{o.ID, o.Name, o.Default, o.Disabled, viewLimits(o.Limits), o.Created.UTC().Truncate(time.Second)}
}

func newOrgsCreate(term terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "create --name NAME",
		Short:   "Make an organization, and a project in it that is its default",
		Example: `  specgate orgs create --name research --tokens-per-day 1000000`,
		Args:    arguments(),
	}
	name := cmd.Flags().String("name", "", "`name` that no other has")
	limit, format, run := limitFlags(cmd), outputFlag(cmd), onStore(cmd, term)
	cmd.RunE = func(*cobra.Command, []string) error {
		if err := required(*name); err != nil {
			return err
		}
		o, first := keys.NewOrganization(*name, time.Now())
		if err := limit(&o.Limits); err != nil {
			return err
		}
		return run(func(ctx context.Context, s *store.Store) error {
			if err := s.AddOrganization(ctx, o, first); err != nil {
				return err
			}
			return one(term, *format, viewOrg(o))
		})
	}
	return cmd
}

func newOrgsList(term terminal) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the organizations", Args: arguments()}
	format, run := outputFlag(cmd), readStore(cmd, term)
	cmd.RunE = func(*cobra.Command, []string) error {
		return run(func(ctx context.Context, s *store.Store) error {
			all, err := s.Organizations(ctx)
			if err != nil {
				return err
			}
			return list(term, *format, orgTitles, views(all, viewOrg))
		})
	}
	return cmd
}

func newOrgsShow(term terminal) *cobra.Command {
	cmd := &cobra.Command{Use: "show ORGANIZATION", Short: "Show an organization", Args: arguments("ORGANIZATION")}
	format, run := outputFlag(cmd), readStore(cmd, term)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return run(func(ctx context.Context, s *store.Store) error {
			o, err := s.Organization(ctx, args[0])
			if err != nil {
				return err
			}
			return one(term, *format, viewOrg(o))
		})
	}
	return cmd
}

func newOrgsUpdate(term terminal) *cobra.Command {
	cmd := &cobra.Command{Use: "update ORGANIZATION", Short: "Change the limits of an organization", Args: arguments("ORGANIZATION")}
	limit, change := limitFlags(cmd), changeOrg(cmd, term)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return change(args[0], func(o *keys.Organization) error { return limit(&o.Limits) })
	}
	return cmd
}

func newOrgsRename(term terminal) *cobra.Command {
	cmd := &cobra.Command{Use: "rename ORGANIZATION NAME", Short: "Give an organization another name", Args: arguments("ORGANIZATION", "NAME")}
	change := changeOrg(cmd, term)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return change(args[0], func(o *keys.Organization) error {
			o.Name = args[1]
			return keys.CheckName(o.Name)
		})
	}
	return cmd
}

func newOrgsSwitch(term terminal, verb, short string, disabled bool) *cobra.Command {
	cmd := &cobra.Command{Use: verb + " ORGANIZATION", Short: short, Args: arguments("ORGANIZATION")}
	change := changeOrg(cmd, term)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return change(args[0], func(o *keys.Organization) error {
			o.Disabled = disabled
			return nil
		})
	}
	return cmd
}

// changeOrg gives cmd its flags; the function that it returns then changes an organization and prints it.
func changeOrg(cmd *cobra.Command, term terminal) func(named string, edit func(*keys.Organization) error) error {
	format, run := outputFlag(cmd), onStore(cmd, term)
	return func(named string, edit func(*keys.Organization) error) error {
		return run(func(ctx context.Context, s *store.Store) error {
			o, err := s.ChangeOrganization(ctx, named, edit)
			if err != nil {
				return err
			}
			return one(term, *format, viewOrg(o))
		})
	}
}
