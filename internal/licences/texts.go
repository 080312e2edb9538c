package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// allowed ask for no more than that their text goes along; MPL-2.0 for its own files' sources, which are public.
var allowed = []string{"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0", "Unlicense", "CC0-1.0"}

// part is a module of Go that is in the binary, or Go itself.
type part struct {
	Name    string
	Version string
	Texts   []text
}

// text is a file of a part: a licence, or a notice that goes with one.
type text struct{ File, Body string }

var (
	aText    = regexp.MustCompile(`(?i)^(.*[-_.])?(licen[cs]es?|copying|notice|patents|copyright(notice)?|unlicense)([-_.].*)?$`)
	aLicence = regexp.MustCompile(`(?i)licen[cs]e|copying`)
	aProgram = regexp.MustCompile(`\.(go|[cm]?[jt]s|json)$`)
)

// texts are those in a folder, or in one in it that is called so.
func texts(dir string) (found []text, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !aText.MatchString(e.Name()) || aProgram.MatchString(e.Name()) {
			continue
		}
		files := []string{e.Name()}
		if e.IsDir() {
			if files, err = filepath.Glob(filepath.Join(dir, e.Name(), "*.txt")); err != nil {
				return nil, err
			}
		}
		for _, file := range files {
			name := filepath.Base(file)
			body, err := os.ReadFile(filepath.Join(dir, strings.TrimPrefix(file, dir))) //nolint:gosec // of a cache
			if err != nil {
				return nil, err
			}
			found = append(found, text{name, string(body)})
		}
	}
	return found, nil
}

// least is how much of a file has to be the text of licences, in percent.
const least = 60

// licences are the names of those that the texts of a part are.
func licences(p part) (names []string, err error) {
	for _, t := range p.Texts {
		cover := licensecheck.Scan([]byte(t.Body))
		if !aLicence.MatchString(t.File) || cover.Percent < least {
			continue
		}
		for _, m := range cover.Match {
			names = append(names, m.ID)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return names, permitted(p, names)
}

func permitted(p part, names []string) (err error) {
	if len(names) == 0 {
		return fmt.Errorf("%s %s has no licence that is known", p.Name, p.Version)
	}
	for _, name := range names {
		if !slices.Contains(allowed, name) {
			err = errors.Join(err, fmt.Errorf("%s %s is under %s, which is not among those that are allowed", p.Name, p.Version, name))
		}
	}
	return err
}

// together is each text once, under the names of all the parts that it goes with.
func together(parts []part) string {
	of := map[string][]string{}
	var order []string
	for _, p := range parts {
		for _, t := range p.Texts {
			body := strings.TrimSpace(strings.ReplaceAll(t.Body, "\r\n", "\n"))
			if of[body] == nil {
				order = append(order, body)
			}
			of[body] = append(of[body], strings.TrimSpace(p.Name+" "+p.Version)+": "+t.File)
		}
	}
	var out strings.Builder
	out.WriteString("What is in the binaries of specgate beside its own code, which is under the licence in LICENSE: the licences and\n" +
		"the notices of each. The source of a Go module is at https://proxy.golang.org, under its name and version.\n")
	for _, body := range order {
		fmt.Fprintf(&out, "\n%s\n%s\n%s\n\n%s\n", strings.Repeat("=", 80), strings.Join(slices.Compact(of[body]), "\n"), strings.Repeat("-", 80), body)
	}
	return out.String()
}
