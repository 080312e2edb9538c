package main

import (
	"errors"
	"fmt"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/spf13/cobra"

	"github.com/specgate/specgate/gen"
)

func newSpec(term terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "spec",
		Short: "Print the contract, openapi.yaml, that this build enforces",
		Example: `  specgate spec > openapi.yaml
  specgate spec --format json | jq '.paths | keys'`,
		Args: cobra.NoArgs,
	}
	format := formatFlag("yaml")
	cmd.Flags().Var(&format, "format", "`form` to print: yaml (the file, byte for byte) or json")
	cmd.RunE = func(*cobra.Command, []string) error {
		text, err := format.spec()
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

func (f *formatFlag) spec() ([]byte, error) {
	if *f == "yaml" {
		return gen.Spec, nil
	}
	doc, err := openapi3.NewLoader().LoadFromData(gen.Spec)
	if err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	text, err := doc.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("write the contract: %w", err)
	}
	return append(text, '\n'), nil
}
