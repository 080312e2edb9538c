package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/specgate/specgate/internal/keys"
	"github.com/specgate/specgate/internal/store"
)

// changeKey gives cmd its flags; the function that it returns then changes a key and prints it.
func changeKey(cmd *cobra.Command, term terminal) func(named string, edit func(*keys.Key) (token string, err error)) error {
	format, run := outputFlag(cmd), onStore(cmd, term)
	return func(named string, edit func(*keys.Key) (token string, err error)) error {
		named, err := keyNamed(named)
		if err != nil {
			return err
		}
		return run(func(ctx context.Context, s *store.Store) error {
			token := ""
			k, err := s.ChangeKey(ctx, named, func(k *keys.Key) (err error) {
				token, err = edit(k)
				return err
			})
			if err != nil {
				return err
			}
			if token != "" {
				return showToken(term, *format, k, token)
			}
			return one(term, *format, keyTitles, viewKey(k))
		})
	}
}

var errRevoked = errors.New("the key is revoked, for good: make another")

func newKeysRotate(term terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate KEY",
		Short: "Give a key another token, and show it",
		Long: `Give a key another token, and show it. The id stays, and all that belongs to it. The
token before is refused from then on, or after --grace; the one before that at once.`,
		Example: `  specgate keys rotate search --grace 24h`,
		Args:    cobra.ExactArgs(1),
	}
	grace := cmd.Flags().Duration("grace", 0, "`time` for which the token before is still accepted, such as 24h")
	change := changeKey(cmd, term)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if *grace < 0 {
			return errors.New("--grace is negative")
		}
		return change(args[0], func(k *keys.Key) (string, error) {
			if !k.Revoked.IsZero() {
				return "", errRevoked
			}
			return k.Rotate(time.Now(), *grace), nil
		})
	}
	return cmd
}

func newKeysRevoke(term terminal) *cobra.Command {
	cmd := &cobra.Command{Use: "revoke KEY", Short: "Refuse a key for good", Args: cobra.ExactArgs(1)}
	change := changeKey(cmd, term)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return change(args[0], func(k *keys.Key) (string, error) {
			k.Revoke(time.Now())
			return "", nil
		})
	}
	return cmd
}

func newKeysSwitch(term terminal, verb, short string, disabled bool) *cobra.Command {
	cmd := &cobra.Command{Use: verb + " KEY", Short: short, Args: cobra.ExactArgs(1)}
	change := changeKey(cmd, term)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return change(args[0], func(k *keys.Key) (string, error) {
			if !k.Revoked.IsZero() {
				return "", errRevoked
			}
			k.Disabled = disabled
			return "", nil
		})
	}
	return cmd
}

func newKeysUpdate(term terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "update KEY",
		Short:   "Change what a key is called, what it may do, and its limits",
		Long:    "Change what is given by flags of a key, and leave the rest.",
		Example: `  specgate keys update search --requests-per-minute 600 --model 'llama3.1:*'`,
		Args:    cobra.ExactArgs(1),
	}
	flags := newKeyFlags(cmd)
	format, run := outputFlag(cmd), onStore(cmd, term)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		named, err := keyNamed(args[0])
		if err != nil {
			return err
		}
		return run(func(ctx context.Context, s *store.Store) error {
			k, err := s.KeyNamed(ctx, named)
			if err != nil {
				return err
			}
			if err := flags.in(ctx, s, &k); err != nil {
				return err
			}
			projects := k
			k, err = s.ChangeKey(ctx, k.ID, func(k *keys.Key) error {
				k.EveryProject, k.Projects, k.DefaultProject = projects.EveryProject, projects.Projects, projects.DefaultProject
				return flags.plain(k)
			})
			if err != nil {
				return err
			}
			return one(term, *format, keyTitles, viewKey(k))
		})
	}
	return cmd
}
