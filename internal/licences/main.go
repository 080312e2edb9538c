// Command licences writes what the gateway is made of, as docs/licences.md, and the texts of their licences and
// notices, as docs/licences.txt, which every release has in it. It fails where something has no licence that it
// knows, or one that does not allow what a release does with it. It is a module of its own, for what it needs is
// no part of the gateway.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

// run writes into a folder what the packages named after it are made of.
func run() error {
	flag.Parse()
	parts, err := linked(flag.Args()[1:])
	if err != nil {
		return err
	}
	goItself, err := library()
	if err != nil {
		return err
	}
	all := append([]part{goItself}, parts...)
	table, err := table(parts)
	if err = errors.Join(err, complete(all)); err != nil {
		return err
	}
	return errors.Join(write(filepath.Join(flag.Arg(0), "licences.md"), table), write(filepath.Join(flag.Arg(0), "licences.txt"), together(all)))
}

// write makes a file that all can read: it goes into archives and images.
func write(file, content string) error {
	return os.WriteFile(file, []byte(content), 0o644) //nolint:gosec // it is no secret
}

// complete fails for parts whose texts are missing.
func complete(parts []part) (err error) {
	for _, p := range parts {
		if len(p.Texts) == 0 {
			err = errors.Join(err, fmt.Errorf("%s has no text of its licence", p.Name))
		}
	}
	return err
}
