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
)

func newKeys(term terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Manage the keys that callers show where auth.mode is keys",
		Long: `Manage keys, also while gateways run: what is changed holds on all of them within a
second. A key is named by its id, by a name that no other has, or by a token of it.
docs/keys.md has more.`,
		Example: `  specgate keys create --name search
  specgate keys create --name billing --org acme --project invoices --model 'llama3.1:*' --expires 90d
  specgate keys revoke search`,
		Args: subcommand,
		RunE: showHelp,
	}
	cmd.AddCommand(
		newKeysCreate(term), newKeysList(term), newKeysShow(term), newKeysUpdate(term), newKeysRotate(term),
		newKeysSwitch(term, "disable", "Refuse a key, until it is enabled", true),
		newKeysSwitch(term, "enable", "Accept a key again that was disabled", false),
		newKeysRevoke(term),
	)
	return cmd
}

// keyFlags are what a key is made with, and what can be changed of it.
type keyFlags struct {
	cmd                     *cobra.Command
	name, description       *string
	projects, models        *[]string
	defaultProject, expires *string
	limit                   func(*keys.Key) error
}

func newKeyFlags(cmd *cobra.Command) keyFlags {
	f := cmd.Flags()
	limit := limitFlags(cmd)
	return keyFlags{
		cmd:            cmd,
		name:           f.String("name", "", "`name`, which the log has"),
		description:    f.String("description", "", "`text` on what it is for"),
		projects:       f.StringArray("project", nil, "`project` that it may be used in, by id or name; may be given more than once; none is every project"),
		defaultProject: f.String("default-project", "", "`project` of requests that name none; the first of --project, or the organization's default"),
		models:         f.StringArray("model", nil, "`pattern` of models that it may use, in which * stands for any characters; may be given more than once; none is all"),
		expires:        f.String("expires", "", "`when` it ends: a time from now (90d, 12h), or a date (2027-01-31, 2027-01-31T12:00:00Z); never ends nothing"),
		limit:          func(k *keys.Key) error { return limit(&k.Limits) },
	}
}

// plain sets what was given and needs no store.
func (f keyFlags) plain(k *keys.Key) error {
	set := f.cmd.Flags().Changed
	if set("name") {
		k.Name = *f.name
	}
	if set("description") {
		k.Description = *f.description
	}
	if set("model") {
		k.Models = *f.models
	}
	if set("expires") {
		at, err := parseExpiry(*f.expires, time.Now())
		if err != nil {
			return err
		}
		k.Expires = at
	}
	return errors.Join(keys.CheckName(k.Name), keys.CheckDescription(k.Description), keys.CheckModels(k.Models), f.limit(k))
}

// in sets the projects that were given, of the key's organization.
func (f keyFlags) in(ctx context.Context, s *store.Store, k *keys.Key) error {
	if f.cmd.Flags().Changed("project") {
		k.EveryProject, k.Projects = false, nil
		for _, named := range *f.projects {
			p, err := s.Project(ctx, k.Organization, named)
			if err != nil {
				return err
			}
			if !k.MayUseProject(p.ID) {
				k.Projects = append(k.Projects, p.ID)
			}
		}
	}
	switch {
	case *f.defaultProject != "" || k.EveryProject && k.DefaultProject == "":
		p, err := s.Project(ctx, k.Organization, *f.defaultProject)
		if err != nil {
			return err
		}
		k.DefaultProject = p.ID
	case !k.MayUseProject(k.DefaultProject):
		k.DefaultProject = k.Projects[0]
	}
	if !k.MayUseProject(k.DefaultProject) {
		return errors.New("--default-project is none of the key's projects")
	}
	return nil
}

func newKeysCreate(term terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create --name NAME",
		Short: "Make a key, and show its token, which is kept nowhere",
		Example: `  specgate keys create --name search
  TOKEN=$(specgate keys create --name ci --expires 1d --format json | jq -r .token)`,
		Args: cobra.NoArgs,
	}
	flags := newKeyFlags(cmd)
	org, format, run := orgFlag(cmd), outputFlag(cmd), onStore(cmd, term)
	cmd.RunE = func(*cobra.Command, []string) error {
		if err := required(*flags.name); err != nil {
			return err
		}
		k := keys.Key{ID: keys.NewID(), EveryProject: true, Created: time.Now()}
		if err := flags.plain(&k); err != nil {
			return err
		}
		return run(func(ctx context.Context, s *store.Store) error {
			o, err := s.Organization(ctx, *org)
			if err != nil {
				return err
			}
			k.Organization = o.ID
			if err := flags.in(ctx, s, &k); err != nil {
				return err
			}
			token := k.Rotate(k.Created, 0)
			if err := s.AddKey(ctx, k); err != nil {
				return err
			}
			return showToken(term, *format, k, token)
		})
	}
	return cmd
}

// parseExpiry reads when a key ends; the zero time is never.
func parseExpiry(text string, now time.Time) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		at, err = time.Parse(time.DateOnly, text)
	}
	if days, ok := strings.CutSuffix(text, "d"); err != nil && ok {
		var n int
		if n, err = strconv.Atoi(days); err == nil {
			at = now.AddDate(0, 0, n)
		}
	}
	if text == "never" {
		return time.Time{}, nil
	}
	if err != nil {
		var d time.Duration
		if d, err = time.ParseDuration(text); err == nil {
			at = now.Add(d)
		}
	}
	switch {
	case err != nil:
		return at, fmt.Errorf("--expires is %q: write 90d, 12h, 2027-01-31, 2027-01-31T12:00:00Z or never", text)
	case !at.After(now):
		return at, fmt.Errorf("--expires is %q, which is over", text)
	default:
		return at, nil
	}
}

// keyNamed is the name or id that an argument gives. Of a token it is the id; a text that looks like one
// and is none is not repeated.
func keyNamed(arg string) (string, error) {
	if token, ok := keys.ParseToken(arg); ok {
		return token.ID, nil
	}
	if strings.HasPrefix(arg, "sg-") {
		return "", errors.New("that is no token of a managed key, or not all of one: give the id or the name of the key")
	}
	return arg, nil
}
