package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// aBarePage is a page by its place in the repository.
var aBarePage = regexp.MustCompile(`(?:^|[^/])docs/[a-z/-]+\.md`)

// Whoever has the binary alone finds the pages that the schema of its settings names, and its errors and help.
func TestTextsNamePagesByTheirAddress(t *testing.T) {
	t.Parallel()
	schema := invoke(t, "config schema", nil).stdout
	if found := aBarePage.FindString(schema); found != "" || !strings.Contains(schema, "/blob/main/docs/keys.md") {
		t.Errorf("config schema has %q", found)
	}
	files := 0
	for _, folder := range []string{".", "../../handlers", "../../internal", "../../server"} {
		err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files++
			for _, text := range textsIn(t, path) {
				if found := aBarePage.FindString(text); found != "" {
					t.Errorf("%s has %q", path, found)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 100 {
		t.Errorf("%d files", files)
	}
}

// textsIn are the texts in a file of code, but for comments and the tags of fields.
func textsIn(t *testing.T, path string) (texts []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			return n.Tag == nil
		case *ast.BasicLit:
			texts = append(texts, strings.Trim(n.Value, "\"`"))
		}
		return true
	})
	return texts
}
