package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/keys"
	"github.com/specgate/specgate/internal/limits"
	"github.com/specgate/specgate/internal/store"
)

// storeFlag is what commands on the store take. What else may be wrong with the configuration does not
// matter to them.
var storeFlag = []flagged{{"store", "`URL` of the store: sqlite://FILE or postgres://… (SPECGATE_STORE)"}}

// commandTime is how long a command may take, of which nearly all is to wait for a store that has begun to answer: for
// its schema to be changed, or for much usage to be summed up.
const commandTime = time.Minute

// storeRun runs f on a store.
type storeRun func(f func(ctx context.Context, s *store.Store) error) error

// onStore gives cmd the flags that name the store; the function that it returns then runs f on it. It makes the file
// of a store that is not there.
func onStore(cmd *cobra.Command, term terminal) storeRun {
	return onOpened(cmd, term, store.Open)
}

// readStore is onStore for a command that changes nothing: a file that is not there is one whose name is wrong, and one
// that may not be written is read.
func readStore(cmd *cobra.Command, term terminal) storeRun {
	return onOpened(cmd, term, store.OpenToRead)
}

func onOpened(cmd *cobra.Command, term terminal, open func(ctx context.Context, url string) (*store.Store, error)) storeRun {
	load := settings(cmd, term, storeFlag)
	return func(f func(ctx context.Context, s *store.Store) error) (err error) {
		cfg, err := load()
		if err = about(err, "store"); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), commandTime)
		defer cancel()
		s, err := open(ctx, cfg.StoreURL())
		if err != nil {
			return ofStore(cfg, err)
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		err = f(ctx, s)
		if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return ofStore(cfg, fmt.Errorf("%s has not answered in time: %w", s.Name(), err))
		}
		return err
	}
}

// ofStore says where the URL comes from of a store that does not answer, and nothing of the secrets in it.
func ofStore(cfg config.Config, err error) error {
	return fmt.Errorf("store (%s): %w", cmp.Or(cfg.Origins["store"], "which is not set"), err)
}

// about is what of a refusal has to do with a setting, or the settings of a section: these, or a whole
// file in which they may stand.
func about(refused error, setting string) error {
	var all interface{ Unwrap() []error }
	if !errors.As(refused, &all) {
		return refused
	}
	var kept []error
	for _, err := range all.Unwrap() {
		var p config.Problem
		if !errors.As(err, &p) || p.Setting == "" || strings.HasPrefix(p.Setting, setting) {
			kept = append(kept, err)
		}
	}
	return errors.Join(kept...)
}

// limitsView is limits as they are printed; 0 is none.
type limitsView struct {
	Requests    int64 `json:"requests_per_minute"`
	Tokens      int64 `json:"tokens_per_minute"`
	Parallel    int64 `json:"parallel"`
	DayTokens   int64 `json:"tokens_per_day"`
	MonthTokens int64 `json:"tokens_per_month"`
}

func viewLimits(l limits.Limits) limitsView {
	return limitsView{l.Requests, l.Tokens, l.Parallel, l.DayTokens, l.MonthTokens}
}

func (l limitsView) cell() string {
	var parts []string
	for _, limit := range []struct {
		value int64
		unit  string
	}{
		{l.Requests, "requests per minute"},
		{l.Tokens, "tokens per minute"},
		{l.Parallel, "parallel"},
		{l.DayTokens, "tokens per day"},
		{l.MonthTokens, "tokens per month"},
	} {
		if limit.value > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", limit.value, limit.unit))
		}
	}
	return dash(strings.Join(parts, ", "))
}

// limitFlags gives cmd a flag for each limit; the function that it returns then sets those that were given.
func limitFlags(cmd *cobra.Command) func(*limits.Limits) error {
	flags := []struct {
		name, meaning string
		of            func(*limits.Limits) *int64
	}{
		{"requests-per-minute", "`number` of requests in any 60 s", func(l *limits.Limits) *int64 { return &l.Requests }},
		{"tokens-per-minute", "`number` of tokens in any 60 s", func(l *limits.Limits) *int64 { return &l.Tokens }},
		{"parallel", "`number` of requests in parallel", func(l *limits.Limits) *int64 { return &l.Parallel }},
		{"tokens-per-day", "`number` of tokens in a day of UTC", func(l *limits.Limits) *int64 { return &l.DayTokens }},
		{"tokens-per-month", "`number` of tokens in a month of UTC", func(l *limits.Limits) *int64 { return &l.MonthTokens }},
	}
	for _, f := range flags {
		cmd.Flags().Int64(f.name, 0, f.meaning+"; 0 is no limit")
	}
	return func(l *limits.Limits) error {
		for _, f := range flags {
			if !cmd.Flags().Changed(f.name) {
				continue
			}
			value, err := cmd.Flags().GetInt64(f.name)
			if err != nil || value < 0 {
				return errors.Join(err, fmt.Errorf("--%s must be at least 0", f.name))
			}
			*f.of(l) = value
		}
		return nil
	}
}

// required is the check of --name where something is made.
func required(name string) error {
	if name == "" {
		return usageError{errors.New("--name is missing")}
	}
	return keys.CheckName(name)
}
