// Command crosscheck holds recorded exchanges to the contract by pb33f/libopenapi-validator, which shares no
// code with the gateway's own checker. It owns where the two must agree, and the few places in which they
// cannot (differences.go). It must never know the gateway but by what it was sent and what it answered.
//
// It is a module of its own: the versions that the validator asks for of libopenapi, which is in the
// gateway, are not to become the gateway's, and whoever reads its go.mod need not ask what this one is for.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const shown = 40 // disagreements that are printed; all are counted

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: crosscheck FOLDER")
		os.Exit(2)
	}
	c, err := check(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "crosscheck:", err)
		os.Exit(2)
	}
	if !c.report(os.Stdout) {
		os.Exit(1)
	}
}

// check judges all records of a folder.
func check(dir string) (*counts, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	c := &counts{differences: map[string]int{}}
	judges := map[string]*judge{}
	for _, file := range files {
		if err := eachIn(file, func(e *exchange) error {
			j := judges[e.Spec]
			if j == nil {
				var err error
				if j, err = newJudge(filepath.Join(dir, e.Spec)); err != nil {
					return err
				}
				judges[e.Spec] = j
			}
			return j.judge(e, c)
		}); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return c, nil
}

func eachIn(file string, do func(*exchange) error) error {
	f, err := os.Open(file) //nolint:gosec // whoever runs this names the folder
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	records := json.NewDecoder(bufio.NewReaderSize(f, 1<<20))
	for {
		var e exchange
		if err := records.Decode(&e); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := do(&e); err != nil {
			return err
		}
	}
}

// counts is what was judged, and what came of it.
type counts struct {
	exchanges, elsewhere, larger, requests, answers, events int
	accepted, refused, rules                                int
	differences                                             map[string]int // by name
	disagreements                                           []string
}

func (c *counts) disagree(e *exchange, format string, args ...any) {
	c.disagreements = append(c.disagreements, fmt.Sprintf("%s %s: %s\n  request %s\n  answer %d %s",
		e.Method, e.URL, fmt.Sprintf(format, args...), abridged(e.Body), e.Status, abridged(e.Answer.Body)))
}

// report prints the counts, and reports whether all is as it should be.
func (c *counts) report(w io.Writer) bool {
	_, _ = fmt.Fprintf(w, "%d exchanges, %d of them with other pages, %d of bodies too large for the other tool\n", c.exchanges, c.elsewhere, c.larger)
	_, _ = fmt.Fprintf(w, "%d requests judged: %d accepted by both, %d refused by both, %d refused by what OpenAPI has no words for\n",
		c.requests, c.accepted, c.refused, c.rules)
	_, _ = fmt.Fprintf(w, "%d answers judged, and %d events\n", c.answers, c.events)
	ok := len(c.disagreements) == 0 && c.requests > 0 && c.answers > 0 && c.events > 0
	for _, d := range differences {
		_, _ = fmt.Fprintf(w, "known: %s (%s): %d\n", d.name, d.why, c.differences[d.name])
		if c.differences[d.name] == 0 {
			_, _ = fmt.Fprintf(w, "  is known no longer: take it out of the table\n")
			ok = false
		}
	}
	for i, d := range c.disagreements {
		if i == shown {
			break
		}
		_, _ = fmt.Fprintln(w, d)
	}
	_, _ = fmt.Fprintf(w, "%d disagreements\n", len(c.disagreements))
	return ok
}

func abridged(text []byte) string {
	const most = 300
	if len(text) > most {
		return fmt.Sprintf("%s… (%d bytes)", text[:most], len(text))
	}
	return string(text)
}
