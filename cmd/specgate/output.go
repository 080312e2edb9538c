package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"
)

// output is the form in which a command prints what it found or made.
type output string

// outputFlag gives cmd --format.
func outputFlag(cmd *cobra.Command) *output {
	o := output("table")
	cmd.Flags().Var(&o, "format", "`form` to print: table or json")
	return &o
}

func (o *output) String() string { return string(*o) }
func (o *output) Type() string   { return "string" }

func (o *output) Set(text string) error {
	if text != "table" && text != "json" {
		return errors.New("it must be table or json")
	}
	*o = output(text)
	return nil
}

// tabular is one of several things that are printed: JSON, or cells under titles.
type tabular interface{ cells() []string }

// sheet is one thing that is printed for itself: JSON, or a line for each of its facts.
type sheet interface{ facts() []fact }

type fact struct{ title, text string }

// list prints several things, a line each.
func list[L tabular](term terminal, o output, titles []string, rows []L) error {
	if o == "json" {
		return printJSON(term, rows)
	}
	w := tabwriter.NewWriter(term.stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, strings.ToUpper(strings.Join(titles, "\t"))) // Flush tells what went wrong
	for _, v := range rows {
		cells := v.cells()
		for i := range cells {
			cells[i] = printable(cells[i])
		}
		_, _ = fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

// one prints one thing, a line for each of its facts.
func one(term terminal, o output, v sheet) error {
	if o == "json" {
		return printJSON(term, v)
	}
	w := tabwriter.NewWriter(term.stdout, 0, 0, 2, ' ', 0)
	for _, f := range v.facts() {
		_, _ = fmt.Fprintf(w, "%s\t%s\n", f.title, printable(f.text))
	}
	return w.Flush()
}

// views are several things as they are printed.
func views[T any, L tabular](all []T, of func(T) L) []L {
	out := make([]L, len(all))
	for i, one := range all {
		out[i] = of(one)
	}
	return out
}

// printable has a mark in place of each character that a terminal would obey, or turn others around by. Callers
// choose some texts, as that of a model; and others than these commands may write to the store.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

func printJSON(term terminal, v any) error {
	encoder := json.NewEncoder(term.stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func yesNo(b bool) string { //nolint:revive // it prints a flag
	if b {
		return "yes"
	}
	return "no"
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
