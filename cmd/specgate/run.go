package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/specgate/specgate/internal/config"
)

// What the process exits with.
const (
	exitOK      = 0
	exitFailure = 1 // the command could not do it: a configuration that is refused, a backend that is ill
	exitUsage   = 2 // there is no such command, flag or argument
)

const exitCodes = `
Exit codes:
  0  done; for serve, stopped by the first SIGINT or SIGTERM
  1  failed, or ended by a second signal; the reasons are on standard error, one a line
  2  no such command, flag or argument; for conformance, no endpoint that can be asked`

// terminal is what a process is given besides its arguments.
type terminal struct {
	stdout, stderr io.Writer
	getenv         func(string) string
	environ        func() []string // all of it, each as NAME=VALUE; nil for what is not to be looked through
	last           *lastWords
}

// run is the whole program. It returns what the process is to exit with.
func run(ctx context.Context, args []string, term terminal) int {
	root := newRoot(term) //nolint:contextcheck // ExecuteContext hands ctx to the commands
	started := false
	root.PersistentPreRun = func(*cobra.Command, []string) { started = true }
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	for _, line := range severalLines(err.Error()) {
		_, _ = fmt.Fprintln(term.stderr, "specgate:", discreet(line, args))
	}
	if !started || errors.As(err, &usageError{}) { // where it did not start, the arguments were refused before
		_, _ = fmt.Fprintln(term.stderr, "specgate: see", cmd.CommandPath(), "--help")
		return exitUsage
	}
	if errors.As(err, &unaskable{}) {
		return exitUsage
	}
	return exitFailure
}

func newRoot(term terminal) *cobra.Command {
	var version bool // not cobra's own, whose text/template would have the linker keep every exported method
	root := &cobra.Command{
		Use:   "specgate",
		Short: "A gateway for text completions that holds every request and answer to one contract",
		Long: `specgate stands between clients and servers of the OpenAI completions API.
What does not keep the contract (specgate spec) is refused with everything that
is wrong with it; what does reaches the server byte for byte.
` + exitCodes,
		Example: `  # On its own, with a small test model; prints a token and a curl to try
  specgate serve

  # In front of a server on this machine
  OPENAI_BASE_URL=http://127.0.0.1:8000/v1 specgate serve`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          subcommand,
		RunE: func(cmd *cobra.Command, args []string) error {
			if version {
				return printVersion(term)
			}
			return showHelp(cmd, args)
		},
	}
	root.Flags().BoolVarP(&version, "version", "v", false, "version for specgate")
	root.SetFlagErrorFunc(flagError)
	root.SetGlobalNormalizationFunc(flagAlias)
	root.SetOut(term.stdout)
	root.SetErr(term.stderr)
	root.AddCommand(
		newServe(term), newKeys(term), newOrgs(term), newProjects(term), newUsage(term),
		newConfig(term), newSpec(term), newConformance(term), newHealthcheck(term), newVersion(term),
	)
	return root
}

// subcommand refuses arguments of a command that only holds others, and says which may be meant:
// cobra would show the help and call it success.
func subcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	message := fmt.Sprintf("there is no command %q", cmd.CommandPath()+" "+args[0])
	cmd.SuggestionsMinimumDistance = 2 // letters that may be wrong, which cobra sets for its own use alone
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		message += fmt.Sprintf("; did you mean %s %s?", cmd.CommandPath(), near[0])
	}
	return errors.New(message)
}

// flagError is what is wrong with a flag, and which may be meant. Where there is no such command to have it, that is
// what is wrong.
func flagError(cmd *cobra.Command, err error) error {
	if args := cmd.Flags().Args(); cmd.HasSubCommands() && len(args) > 0 {
		if wrong := cmd.Args(cmd, args); wrong != nil {
			return wrong
		}
	}
	if wrong := valueError(err); wrong != nil {
		return wrong
	}
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) || len(unknown.GetSpecifiedName()) < 2 {
		return err
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	if near := nearestFlag(unknown.GetSpecifiedName(), known); near != "" {
		return fmt.Errorf("%w; did you mean --%s?", err, near)
	}
	return err
}

// nearestFlag is the flag that a name was most likely meant to be, or has the initials of, as rpm; or empty.
func nearestFlag(name string, known []string) string {
	for _, one := range known {
		initials := ""
		for word := range strings.SplitSeq(one, "-") {
			initials += word[:1]
		}
		if name == initials {
			return one
		}
	}
	return config.Nearest(name, known)
}

func showHelp(cmd *cobra.Command, _ []string) error { return cmd.Help() }
