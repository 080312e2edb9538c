package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/specgate/specgate/internal/keys"
	"github.com/specgate/specgate/internal/store"
)

// edit changes a key, and gives its token where that is another.
type edit func(k *keys.Key, in store.Projects) (token string, err error)

// changeKey gives cmd its flags; the function that it returns then changes a key and prints it.
func changeKey(cmd *cobra.Command, term terminal) func(named string, change edit) error {
	format, run := outputFlag(cmd), onStore(cmd, term)
	return func(named string, change edit) error {
		named, err := keyNamed(named)
		if err != nil {
			return err
		}
		return run(func(ctx context.Context, s *store.Store) error {
			var shown []byte
			k, err := s.ChangeKey(ctx, named, func(k *keys.Key, in store.Projects) error {
				token, err := change(k, in)
				if err == nil && token != "" {
					shown, err = tokenShown(*format, *k, token)
				}
				return err
			})
			if err != nil {
				return err
			}
			if shown != nil {
				return showToken(term, k, shown)
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
	var grace lasting
	cmd.Flags().Var(&grace, "grace", "`time` for which the token before is still accepted, such as 24h or 7d")
	change := changeKey(cmd, term)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return change(args[0], func(k *keys.Key, _ store.Projects) (string, error) {
			if !k.Revoked.IsZero() {
				return "", errRevoked
			}
			return k.Rotate(time.Now(), time.Duration(grace)), nil
		})
	}
	return cmd
}

func newKeysRevoke(term terminal) *cobra.Command {
	cmd := &cobra.Command{Use: "revoke KEY", Short: "Refuse a key for good", Args: cobra.ExactArgs(1)}
	change := changeKey(cmd, term)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return change(args[0], func(k *keys.Key, _ store.Projects) (string, error) {
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
		return change(args[0], func(k *keys.Key, _ store.Projects) (string, error) {
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
	flags, change := newKeyFlags(cmd), changeKey(cmd, term)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if err := flags.check(); err != nil {
			return err
		}
		return change(args[0], func(k *keys.Key, in store.Projects) (string, error) {
			if !k.Revoked.IsZero() {
				return "", errRevoked
			}
			return "", errors.Join(flags.in(in, k), flags.plain(k))
		})
	}
	return cmd
}
