package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// listed is what openapi.yaml lists for a property.
func listed(t *testing.T, schema, property string) []string {
	t.Helper()
	list, _ := spec(t).Components.Schemas[schema].Value.Properties[property].Value.Extensions["x-extensible-enum"].([]any)
	var all []string
	for _, value := range list {
		all = append(all, value.(string))
	}
	if len(all) == 0 {
		t.Fatalf("%s.%s lists nothing", schema, property)
	}
	return all
}

// name is the form of a type or code; hardly any other text has it.
var name = regexp.MustCompile(`^[a-z]+(_[a-z0-9]+)*$`)

// literals are the texts in the code of a package that have the form of a name, by the function (or
// the declaration) that they stand in.
func literals(t *testing.T, dir string) map[string][]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range parsed.Decls {
			where := ""
			switch d := decl.(type) {
			case *ast.FuncDecl:
				where = d.Name.Name
			case *ast.GenDecl:
				if d.Tok == token.IMPORT {
					continue
				}
			}
			ast.Inspect(decl, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok {
					if text, isText := literal(lit); isText && name.MatchString(text) {
						found[where] = append(found[where], text)
					}
				}
				return true
			})
		}
	}
	return found
}

// all puts the literals of some functions together; without any, those of all.
func all(found map[string][]string, functions ...string) []string {
	if functions == nil {
		functions = slices.Collect(maps.Keys(found))
	}
	var out []string
	for _, f := range functions {
		out = append(out, found[f]...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func without(list []string, more ...string) []string {
	list = slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(more, s) })
	slices.Sort(list)
	return slices.Compact(list)
}

// What openapi.yaml lists as types and codes of errors is what the code can give, no more and no less.
func TestListedErrors(t *testing.T) {
	t.Parallel()
	types := listed(t, "ErrorObject", "type")
	emitted := all(literals(t, "../../internal/apierror"))
	emitted = without(emitted, "model", "close", "false")                                                          // a param, and values of headers
	emitted = without(emitted, "client_closed")                                                                    // for the log: nobody is there to be told
	emitted = without(emitted, "busy", "circuit_open", "limits_away", "overloaded", "shutting_down", "store_away") // reasons, for the log and the metrics
	if diff := cmp.Diff(without(types), without(emitted, listed(t, "ErrorObject", "code")...)); diff != "" {
		t.Errorf("types (-listed +in the code):\n%s", diff)
	}
	if diff := cmp.Diff(without(listed(t, "ErrorObject", "code")), without(emitted, types...)); diff != "" {
		t.Errorf("codes (-listed +in the code):\n%s", diff)
	}
}

// The types of a violation are those that the checker, the server and the profiles put into words.
func TestListedViolations(t *testing.T) {
	t.Parallel()
	checker, parameters := literals(t, "../../internal/contract"), literals(t, "../../server")
	emitted := all(checker, "words", "kindWords", "refinementWords", "lengthWords", "violations", "explain")
	for i, text := range emitted {
		if text == "less_than" || text == "greater_than" {
			emitted[i] += "_equal" // no limit in the contract excludes its number
		}
	}
	emitted = append(emitted, all(parameters, "violationsOf", "ofParameter", "describe")...)
	emitted = append(emitted, all(literals(t, "../../internal/profile"), "unsupported", "count")...)
	emitted = without(emitted, "body", "item", "character", "prompt", "n") // places, and nouns of messages
	if diff := cmp.Diff(without(listed(t, "Violation", "type")), emitted); diff != "" {
		t.Errorf("(-listed +in the code):\n%s", diff)
	}
}
