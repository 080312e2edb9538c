package main

import (
	"context"
	"errors"
	"fmt"
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
			before, err := keyCalled(ctx, s, named)
			if err != nil {
				return err
			}
			called, err := ownersIn(ctx, s)
			if err != nil {
				return err
			}
			var shown []byte
			k, err := s.ChangeKey(ctx, before.ID, func(k *keys.Key, in store.Projects) error {
				token, err := change(k, in)
				if err == nil && token != "" {
					shown, err = tokenShown(*format, viewKey(*k, called), token)
				}
				return err
			})
			if err != nil {
				return err
			}
			if k.Name != before.Name {
				noteNamesakes(ctx, s, term, k.Name)
			}
			if shown != nil {
				return showToken(term, k, shown)
			}
			return one(term, *format, viewKey(k, called))
		})
	}
}

var errRevoked = errors.New("the key is revoked, for good: make another")

func newKeysRotate(term terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate KEY",
		Short: "Give a key another token, and show it",
		Long: `Give a key another token, and show it. The id stays, and all that belongs to it. The
token before is refused from then on, or after --grace; the one before that at once.
keys show says how long it is still accepted, and keys update --end-grace ends it.`,
		Example: `  specgate keys rotate search --grace 24h`,
		Args:    arguments("KEY"),
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

func newKeysRename(term terminal) *cobra.Command {
	cmd := &cobra.Command{Use: "rename KEY NAME", Short: "Give a key another name", Args: arguments("KEY", "NAME")}
	change := changeKey(cmd, term)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		return change(args[0], func(k *keys.Key, _ store.Projects) (string, error) {
			if !k.Revoked.IsZero() {
				return "", errRevoked
			}
			k.Name = args[1]
			return "", keys.CheckKeyName(k.Name)
		})
	}
	return cmd
}

func newKeysRevoke(term terminal) *cobra.Command {
	cmd := &cobra.Command{Use: "revoke KEY", Short: "Refuse a key for good", Args: arguments("KEY")}
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
	cmd := &cobra.Command{Use: verb + " KEY", Short: short, Args: arguments("KEY")}
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
		Use:   "update KEY",
		Short: "Change what a key is called, what it may do, and its limits",
		Long:  "Change what is given by flags of a key, and leave the rest.",
		Example: `  specgate keys update search --requests-per-minute 600 --model 'llama3.1:*'
  specgate keys update search --end-grace   # what is left of keys rotate --grace`,
		Args: arguments("KEY"),
	}
	end := cmd.Flags().Bool("end-grace", false, "refuse the token before the last rotation from now on")
	flags, change := newKeyFlags(cmd), changeKey(cmd, term)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if err := flags.check(); err != nil {
			return err
		}
		return change(args[0], func(k *keys.Key, in store.Projects) (string, error) {
			if !k.Revoked.IsZero() {
				return "", errRevoked
			}
			if *end {
				k.Previous, k.PreviousUntil = keys.Hash{}, time.Time{}
			}
			return "", errors.Join(flags.in(ofTheKey(in), k), flags.plain(k))
		})
	}
	return cmd
}

// ofTheKey finds projects as in does, and says of one that is not there where it was looked for.
func ofTheKey(in store.Projects) store.Projects {
	return func(named string) (keys.Project, error) {
		p, err := in(named)
		if errors.Is(err, keys.ErrNotFound) {
			err = fmt.Errorf("%w in the organization of the key, which it stays in", err)
		}
		return p, err
	}
}
