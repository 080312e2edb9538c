package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// arguments takes as many as are named. It says which is missing, or which is too many and where it may belong.
func arguments(named ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		form := strings.Join(append([]string{cmd.CommandPath()}, named...), " ")
		switch missing := named[min(len(args), len(named)):]; {
		case len(missing) > 1:
			return fmt.Errorf("%s are missing: write %s", strings.Join(missing, " and "), form)
		case len(missing) == 1:
			return fmt.Errorf("%s is missing: write %s", missing[0], form)
		case len(args) == len(named):
			return nil
		case len(named) > 0:
			return fmt.Errorf("there is an argument too many, %q: write %s", args[len(named)], form)
		case cmd.Flags().Lookup("name") != nil:
			return fmt.Errorf("%s takes no argument, such as %q: a name is given by --name", form, args[0])
		default:
			return fmt.Errorf("%s takes no argument, such as %q", form, args[0])
		}
	}
}

// valueError is what is wrong with the value of a flag, and what is expected; nil where err is of something else.
func valueError(err error) error {
	var missing *pflag.ValueRequiredError
	if errors.As(err, &missing) {
		_, meaning := pflag.UnquoteUsage(missing.GetFlag())
		return fmt.Errorf("--%s needs a value: %s", missing.GetFlag().Name, meaning)
	}
	var wrong *pflag.InvalidValueError
	if errors.As(err, &wrong) {
		return fmt.Errorf("--%s is %q: %s", wrong.GetFlag().Name, wrong.GetValue(), expected(wrong))
	}
	return nil
}

// expected says what a flag takes. The flags of this package say it themselves.
func expected(wrong *pflag.InvalidValueError) string {
	var number *strconv.NumError
	var list *csv.ParseError
	switch kind := wrong.GetFlag().Value.Type(); {
	case errors.As(wrong, &number) && kind == "bool":
		return "it must be true or false"
	case errors.As(wrong, &number):
		return "it must be a whole number, such as 600"
	case errors.As(wrong, &list):
		return "it must be words with commas between them"
	case strings.HasPrefix(wrong.Unwrap().Error(), "time: "):
		return "it must be a time, such as 30s or 5m"
	default:
		return wrong.Unwrap().Error()
	}
}
