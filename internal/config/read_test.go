package config_test

import (
	"go/ast"
	"go/build"
	"go/parser"
	gotoken "go/token"
	"go/types"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

const (
	module   = "github.com/specgate/specgate"
	settings = module + "/internal/config"
)

// decidedHere are the settings that nobody outside this package reads, each with what it does all the same.
var decidedHere = map[string]string{
	"Config.Store":   "StoreURL is it, or its default",
	"Ops.Open":       "Validate lets ops_listen be where others can reach it where it is true",
	"Faults.Allow":   "Validate lets faults.file be used where it is true",
	"Limits.Backend": "Redis is its address, where it has one",
	"Usage.Records":  "Recorded says what comes of it",
}

// A setting that nothing reads is a promise that nothing keeps.
func TestEverySettingIsRead(t *testing.T) {
	s := &sources{fset: gotoken.NewFileSet(), packages: map[string]*types.Package{}, read: map[types.Object]bool{}}
	s.check(t, module+"/cmd/specgate")
	s.follow()
	leaves, all := 0, s.packages[settings].Scope()
	for _, name := range all.Names() {
		section, ok := all.Lookup(name).Type().Underlying().(*types.Struct)
		if !ok {
			continue
		}
		for i := range section.NumFields() {
			if tag := reflect.StructTag(section.Tag(i)).Get("yaml"); tag == "" || tag == "-" {
				continue
			}
			leaves++
			at := name + "." + section.Field(i).Name()
			switch read, why := s.read[section.Field(i)], decidedHere[at]; {
			case !read && why == "":
				t.Errorf("nothing reads %s: remove it, or say in decidedHere what it does", at)
			case read && why != "":
				t.Errorf("%s is read: remove it from decidedHere", at)
			}
		}
	}
	if leaves < 60 {
		t.Errorf("%d settings were looked at", leaves)
	}
}

// sources are the packages of the module that lead to a command, type-checked as far as that goes without
// those of others, and the fields of structs that are read in them. What this package reads of its own
// settings does not count.
type sources struct {
	fset     *gotoken.FileSet
	packages map[string]*types.Package
	read     map[types.Object]bool

	conversions [][2]*types.Struct // of structs, from one into the other
}

// check reads a package, and those that it imports first.
func (s *sources) check(t *testing.T, path string) *types.Package {
	t.Helper()
	if p := s.packages[path]; p != nil {
		return p
	}
	dir := filepath.Join("..", "..", filepath.FromSlash(strings.TrimPrefix(path, module)))
	found, err := build.ImportDir(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range found.GoFiles {
		file, err := parser.ParseFile(s.fset, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	info := &types.Info{Selections: map[*ast.SelectorExpr]*types.Selection{}, Types: map[ast.Expr]types.TypeAndValue{}}
	checker := types.Config{
		Error: func(error) {}, // of what it knows nothing about: the compiler has the last word
		Importer: importing(func(path string) *types.Package {
			if strings.HasPrefix(path, module+"/") {
				return s.check(t, path)
			}
			unknown := types.NewPackage(path, filepath.Base(path))
			unknown.MarkComplete()
			return unknown
		}),
	}
	s.packages[path], _ = checker.Check(path, s.fset, files, info)
	if path != settings {
		s.note(files, info)
	}
	return s.packages[path]
}

// note keeps which fields are read, and which structs are made of others, whole.
func (s *sources) note(files []*ast.File, info *types.Info) {
	written := map[ast.Expr]bool{}
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for _, e := range n.Lhs {
					written[e] = true
				}
			case *ast.SelectorExpr:
				if selection := info.Selections[n]; selection != nil && !written[n] {
					s.read[selection.Obj()] = true
				}
			case *ast.CallExpr:
				if into := info.Types[n.Fun]; into.IsType() && len(n.Args) == 1 {
					s.converted(info.Types[n.Args[0]].Type, into.Type)
				}
			}
			return true
		})
	}
}

func (s *sources) converted(from, into types.Type) {
	if from == nil {
		return
	}
	a, ok := from.Underlying().(*types.Struct)
	b, both := into.Underlying().(*types.Struct)
	if ok && both {
		s.conversions = append(s.conversions, [2]*types.Struct{a, b})
	}
}

// follow takes what is read of a struct for read of the one that it was converted from.
func (s *sources) follow() {
	for _, c := range s.conversions {
		for i := range min(c[0].NumFields(), c[1].NumFields()) {
			if s.read[c[1].Field(i)] {
				s.read[c[0].Field(i)] = true
			}
		}
	}
}

type importing func(path string) *types.Package

func (f importing) Import(path string) (*types.Package, error) { return f(path), nil }
