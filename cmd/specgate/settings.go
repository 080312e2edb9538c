package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/specgate/specgate/internal/config"
)

// flagged is a setting that has a flag.
type flagged struct{ setting, meaning string }

// everyFlag is what serve takes; healthcheck takes the first alone.
var everyFlag = []flagged{
	{"listen", "`address` that clients are served on (SPECGATE_LISTEN)"},
	{"ops_listen", "`address` of the operations listener; empty turns it off (SPECGATE_OPS_LISTEN)"},
	{"contract.overlay", "OpenAPI Overlay `file` that changes the contract's limits (SPECGATE_OVERLAY)"},
	{"log.level", "least severe `level` that is logged: debug, info, warn or error (SPECGATE_LOG_LEVEL)"},
	{"log.format", "`form` of a log line: text or json (SPECGATE_LOG_FORMAT)"},
	{"faults.file", "`file` of what is to go wrong on purpose, for tests of clients (SPECGATE_FAULTS)"},
}

// printNotices says what an operator should hear of although nothing is wrong, where there is no log yet.
func printNotices(cfg config.Config, term terminal) {
	for _, notice := range cfg.Notices {
		printNotice(notice, term)
	}
}

func printNotice(notice string, term terminal) {
	_, _ = fmt.Fprintln(term.stderr, "specgate: note:", notice)
}

// settings gives cmd --config and the given flags; the function that it returns then loads the
// configuration; from the second time on, as a process does that runs.
func settings(cmd *cobra.Command, term terminal, flags []flagged) func() (config.Config, error) {
	file := cmd.Flags().StringP("config", "c", "", "YAML `file` with the settings (SPECGATE_CONFIG)")
	for _, f := range flags {
		cmd.Flags().String(config.FlagName(f.setting), "", f.meaning)
	}
	load := config.Load
	return func() (config.Config, error) {
		given := map[string]string{}
		for _, f := range flags {
			if flag := cmd.Flags().Lookup(config.FlagName(f.setting)); flag.Changed {
				given[f.setting] = flag.Value.String()
			}
		}
		cfg, err := load(*file, given, term.getenv)
		load = config.LoadAgain
		if term.environ != nil {
			cfg.Notices = append(cfg.Notices, cfg.Unread(term.environ())...)
		}
		return cfg, err
	}
}
