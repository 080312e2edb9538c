package main

import (
	"errors"
	"fmt"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/spf13/cobra"
)

func newSpec(term terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "spec",
		Short: "Print the contract, openapi.yaml, that this build enforces",
		Long:  "Print the contract that this build enforces: openapi.yaml, or what the overlay of the\nconfiguration makes of it. What else may be wrong with the configuration does not matter.",
		Example: `  specgate spec > openapi.yaml
  specgate spec --contract-overlay overlay.yaml | diff <(specgate spec) -
  specgate spec --format json | jq '.paths | keys'`,
		Args: arguments(),
	}
	format := formatFlag("yaml")
	cmd.Flags().Var(&format, "format", "`form` to print: yaml (the file, byte for byte) or json")
	load := settings(cmd, term, everyFlag[2:3])
	cmd.RunE = func(*cobra.Command, []string) error {
		cfg, err := load()
		if err = about(err, "contract"); err != nil {
			return err
		}
		spec, err := newContract(cfg.Contract)
		if err != nil {
			return err
		}
		text, err := format.of(spec)
		if err != nil {
			return err
		}
		_, err = term.stdout.Write(text)
		return err
	}
	return cmd
}

// formatFlag is yaml or json; another value is a usage error.
type formatFlag string

func (f *formatFlag) String() string { return string(*f) }

// Type is what the help calls the value.
func (f *formatFlag) Type() string { return "form" }

// Set takes a value from the command line.
func (f *formatFlag) Set(value string) error {
	if value != "yaml" && value != "json" {
		return errors.New("it must be yaml or json")
	}
	*f = formatFlag(value)
	return nil
}

func (f *formatFlag) of(spec []byte) ([]byte, error) {
	if *f == "yaml" {
		return spec, nil
	}
	doc, err := openapi3.NewLoader().LoadFromData(spec)
	if err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	text, err := doc.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("write the contract: %w", err)
	}
	return append(text, '\n'), nil
}
