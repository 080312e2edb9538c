package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/specgate/specgate/internal/conformance"
)

// caseTime is long for one answer, and short for a run of all cases against an endpoint that hangs.
const caseTime = time.Minute

func newConformance(term terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "conformance URL",
		Short: "Hold any endpoint to the contract",
		Long: `Hold any OpenAI-compatible endpoint to the contract: OpenAI, vLLM, Ollama, llama.cpp,
a gateway, or specgate itself. URL is an SDK's base URL, with /v1. What openapi.yaml
says is asked, case by case, and what comes is held to it. The run makes some 300 small
requests, which an endpoint that bills them will bill. The cases:
https://github.com/specgate/specgate/blob/main/docs/conformance.md

A certificate that a private authority has signed is trusted where SSL_CERT_FILE names
that authority's.

Exit codes:
  0  all required cases hold
  1  some deviate, none of them could be tried, or the run was interrupted or given up
  2  the endpoint cannot be asked: no connection, no key, or a command line that is none`,
		Example: `  specgate conformance http://127.0.0.1:8080/v1
  specgate conformance --key sg-one --only limits,rules http://127.0.0.1:8420/v1
  OPENAI_API_KEY=sk-… specgate conformance https://api.openai.com/v1 --model gpt-3.5-turbo-instruct
  specgate conformance http://127.0.0.1:8000/v1 --format junit > conformance.xml`,
		Args: oneEndpoint,
	}
	flags := cmd.Flags()
	key := flags.String("key", "", "`token` that is sent, and shown nowhere (OPENAI_API_KEY)")
	model := flags.String("model", "", "`model` to ask; the first that the endpoint lists where it is not given")
	only := flags.StringSlice("only", nil, "`groups` or cases to run, such as limits or sampling/seed; may be repeated")
	timeout := flags.Duration("timeout", caseTime, "`time` that one case may take")
	format := reportFlag("text")
	flags.Var(&format, "format", "`form` of the report: "+strings.Join(conformance.Formats, ", "))
	load := settings(cmd, term, everyFlag[2:3])
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		cfg, err := load()
		if err = about(err, "contract"); err != nil {
			return usageError{err}
		}
		spec, err := newContract(cfg.Contract)
		if err != nil {
			return usageError{err}
		}
		suite, err := conformance.New(spec)
		if err != nil {
			return usageError{err}
		}
		if *key == "" {
			*key = term.getenv("OPENAI_API_KEY")
		}
		if err := mayRun(suite, *only, *timeout); err != nil {
			return usageError{err}
		}
		target := conformance.Target{URL: args[0], Key: *key, Model: *model}
		options := conformance.Options{Only: *only, Timeout: *timeout, Progress: progress(term.stderr)}
		return hold(cmd.Context(), suite, target, options, report{term, string(format)})
	}
	return cmd
}

// report is where a report goes, and how.
type report struct {
	terminal
	format string
}

// hold runs the cases, and says in its error what the process is to exit with.
func hold(ctx context.Context, suite *conformance.Suite, target conformance.Target, options conformance.Options, to report) error {
	got, err := suite.Run(ctx, target, options)
	clearLine(to.stderr)
	if err != nil {
		return unaskable{err}
	}
	if err := got.Write(to.stdout, to.format); err != nil {
		return err
	}
	if got.GaveUp {
		return fmt.Errorf("the endpoint hangs: %d of %d cases were run", len(got.Results), got.Planned)
	}
	if got.Interrupted() {
		return fmt.Errorf("interrupted: %d of %d cases were run", len(got.Results), got.Planned)
	}
	if n := got.Deviations(conformance.Required); n > 0 {
		return fmt.Errorf("the endpoint deviates from the contract in %d required cases", n)
	}
	if !got.Answered() {
		return errors.New("nothing is known of the endpoint: it says that it does not support what the cases need")
	}
	return nil
}

// usageError is what ends a command like a command line that is none.
type usageError struct{ error }

// Unwrap gives the error itself.
func (e usageError) Unwrap() error { return e.error }

// unaskable is what keeps an endpoint from being asked. The command line was one, and its help tells no more.
type unaskable struct{ error }

// Unwrap gives the error itself.
func (e unaskable) Unwrap() error { return e.error }

// oneEndpoint takes one argument, an URL.
func oneEndpoint(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return errors.New("conformance takes one URL, such as http://127.0.0.1:8420/v1")
	}
	u, err := url.Parse(args[0])
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return errors.New("the URL must be an http or https one, such as http://127.0.0.1:8420/v1")
	}
	return nil
}

// mayRun refuses what would run nothing.
func mayRun(suite *conformance.Suite, only []string, timeout time.Duration) error {
	if timeout <= 0 {
		return errors.New("--timeout must be more than 0")
	}
	for _, name := range only {
		if err := isThere(suite, name); err != nil {
			return fmt.Errorf("--only: %w", err)
		}
	}
	return nil
}

// isThere refuses a name that is neither a group's nor a case's, and says what there is.
func isThere(suite *conformance.Suite, name string) error {
	group, _, _ := strings.Cut(name, "/")
	var others []string
	for _, c := range suite.Cases() {
		if c.ID == name || c.Group() == name {
			return nil
		}
		if c.Group() == group {
			others = append(others, c.ID)
		}
	}
	switch {
	case slices.Contains(suite.LeftOut(), name):
		return fmt.Errorf("the case %q is left out: this contract has it otherwise", name)
	case len(others) > 0:
		return fmt.Errorf("there is no case %q; those of the group %s are %s", name, group, strings.Join(others, ", "))
	default:
		return fmt.Errorf("there is no group or case %q; the groups are %s", name, strings.Join(suite.Groups(), ", "))
	}
}

// progress shows how far the run is, where somebody may be looking.
func progress(stderr io.Writer) func(conformance.Step) {
	if !isTerminal(stderr) {
		return nil
	}
	return func(s conformance.Step) {
		_, _ = fmt.Fprintf(stderr, "\r\x1b[K%d/%d %s", s.Done+1, s.All, s.Next)
	}
}

func clearLine(stderr io.Writer) {
	if isTerminal(stderr) {
		_, _ = io.WriteString(stderr, "\r\x1b[K")
	}
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// alternatives are words of which one is to be taken: at least two.
func alternatives(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// reportFlag is a form of a report; another value is a usage error.
type reportFlag string

func (f *reportFlag) String() string { return string(*f) }

// Type is what the help calls the value.
func (f *reportFlag) Type() string { return "form" }

// Set takes a value from the command line.
func (f *reportFlag) Set(value string) error {
	if !slices.Contains(conformance.Formats, value) {
		return errors.New("it must be " + alternatives(conformance.Formats))
	}
	*f = reportFlag(value)
	return nil
}
