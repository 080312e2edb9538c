package main

import (
	"context"
	"errors"
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
More: https://github.com/specgate/specgate/blob/main/docs/keys.md`,
		Example: `  specgate keys create --name search
  specgate keys create --name billing --org acme --project invoices --model 'llama3.1:*' --expires 90d
  specgate keys revoke search`,
		Args: subcommand,
		RunE: showHelp,
	}
	cmd.AddCommand(
		newKeysCreate(term), newKeysList(term), newKeysShow(term), newKeysUpdate(term), newKeysRename(term), newKeysRotate(term),
		newKeysSwitch(term, "disable", "Refuse a key, until it is enabled", true),
		newKeysSwitch(term, "enable", "Accept a key again that was disabled", false),
		newKeysRevoke(term),
	)
	return cmd
}

func newKeysCreate(term terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create --name NAME",
		Short: "Make a key, and show its token, which is kept nowhere",
		Example: `  specgate keys create --name search
  TOKEN=$(specgate keys create --name ci --expires 1d --format json | jq -r .token)`,
		Args: arguments(),
	}
	flags := newKeyFlags(cmd)
	org, format, run := orgFlag(cmd, theDefault), outputFlag(cmd), onStore(cmd, term)
	cmd.RunE = func(*cobra.Command, []string) error {
		if err := required(*flags.name); err != nil {
			return err
		}
		k := keys.Key{ID: keys.NewID(), EveryProject: true, Created: time.Now()}
		if err := errors.Join(flags.check(), flags.plain(&k)); err != nil {
			return err
		}
		return run(func(ctx context.Context, s *store.Store) error {
			o, err := s.Organization(ctx, *org)
			if err != nil {
				return err
			}
			k.Organization = o.ID
			if err := flags.in(projectsOf(ctx, s, o), &k); err != nil {
				return err
			}
			called, err := ownersIn(ctx, s)
			if err != nil {
				return err
			}
			token := k.Rotate(k.Created, 0)
			shown, err := tokenShown(*format, viewKey(k, called), token)
			if err != nil {
				return err
			}
			if err := s.AddKey(ctx, k); err != nil {
				return err
			}
			noteNamesakes(ctx, s, term, k.Name)
			return showToken(term, k, shown)
		})
	}
	return cmd
}
