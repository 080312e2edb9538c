package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/specgate/specgate/internal/config"
)

func newConfig(term terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check and show the configuration",
		Long:  "Check and show the configuration that serve would run with, given the same flags,\nenvironment and file. Every setting is described in\nhttps://github.com/specgate/specgate/blob/main/docs/config.md",
		Args:  subcommand,
		RunE:  showHelp,
	}
	cmd.AddCommand(newConfigCheck(term), newConfigPrint(term), newConfigSchema(term))
	return cmd
}

func newConfigCheck(term terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say everything that is wrong with the configuration",
		Long:  "Say everything that is wrong with the configuration, a line each, with where it comes\nfrom and how to mend it. Nothing is started and nothing is connected to.",
		Example: `  specgate config check --config specgate.yaml
  SPECGATE_CONFIG=specgate.yaml specgate config check && systemctl restart specgate`,
		Args: arguments(),
	}
	load := settings(cmd, term, everyFlag)
	cmd.RunE = func(*cobra.Command, []string) error {
		cfg, err := load()
		printNotices(cfg, term)
		_, overlayErr := newContract(cfg.Contract)
		script, scriptErr := newFaults(cfg.Faults)
		if script != nil {
			printNotice(onPurpose(cfg.Faults.File), term)
		}
		var pairErr error
		if cfg.TLS.KeyFile != "" { // else that has been said
			_, pairErr = newTLS(cfg.TLS)
		}
		_, tracesErr := newTracesTLS(cfg.Traces)
		if err = errors.Join(err, overlayErr, scriptErr, pairErr, tracesErr); err != nil {
			return err
		}
		_, err = fmt.Fprintln(term.stdout, "The configuration is valid.")
		return err
	}
	return cmd
}

func newConfigPrint(term terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "print",
		Short: "Show the configuration that is in force, secrets redacted",
		Long:  "Show the configuration that is in force as YAML, defaults included and secrets redacted.\nA comment beside a value that is not the default says where it comes from. What is\nwrong with the configuration follows on standard error.",
		Example: `  specgate config print --config specgate.yaml
  specgate config print > specgate.yaml   # a file to begin with`,
		Args: arguments(),
	}
	load := settings(cmd, term, everyFlag)
	cmd.RunE = func(*cobra.Command, []string) error {
		cfg, refused := load()
		text, err := cfg.YAML()
		if err == nil {
			_, err = term.stdout.Write(text)
		}
		_, overlayErr := newContract(cfg.Contract)
		return errors.Join(refused, overlayErr, err)
	}
	return cmd
}

func newConfigSchema(term terminal) *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of the configuration file",
		Example: `  specgate config schema > specgate.schema.json`,
		Args:    arguments(),
		RunE: func(*cobra.Command, []string) error {
			schema, err := config.Schema()
			if err != nil {
				return err
			}
			_, err = term.stdout.Write(schema)
			return err
		},
	}
}
