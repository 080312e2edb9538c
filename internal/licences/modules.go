package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// platforms are those of a release; each has modules that others do not.
var platforms = []string{"linux", "darwin", "windows"}

// listed is a package that go list -json tells of.
type listed struct {
	Dir    string
	Module *struct {
		Path, Version, Dir string
		Main               bool
	}
}

// linked are the modules that any platform's binary has, by path, with the texts at their tops and in the folders
// on the way to the packages that are linked.
func linked(packages []string) ([]part, error) {
	found := map[string]map[string]bool{} // folders by module and version
	for _, platform := range platforms {
		args := append([]string{"list", "-deps", "-json=Dir,Module"}, packages...)
		cmd := exec.Command("go", args...) //nolint:gosec,noctx // the Makefile names the packages
		cmd.Env = append(os.Environ(), "GOOS="+platform, "GOARCH=amd64", "CGO_ENABLED=0")
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		if err := read(out, found); err != nil {
			return nil, err
		}
	}
	parts := make([]part, 0, len(found))
	for module, folders := range found {
		p := part{}
		p.Name, p.Version, _ = strings.Cut(module, "@")
		for folder := range folders {
			in, err := texts(folder)
			if err != nil {
				return nil, err
			}
			p.Texts = append(p.Texts, in...)
		}
		slices.SortFunc(p.Texts, func(a, b text) int { return strings.Compare(a.File+a.Body, b.File+b.Body) })
		parts = append(parts, p)
	}
	slices.SortFunc(parts, func(a, b part) int { return strings.Compare(a.Name, b.Name) })
	return parts, nil
}

func read(list []byte, found map[string]map[string]bool) error {
	for decoder := json.NewDecoder(bytes.NewReader(list)); ; {
		var p listed
		switch err := decoder.Decode(&p); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("go list: %w", err)
		case p.Module == nil || p.Module.Main:
			continue
		}
		name := p.Module.Path + "@" + p.Module.Version
		if found[name] == nil {
			found[name] = map[string]bool{p.Module.Dir: true}
		}
		for dir := p.Dir; dir != p.Module.Dir; dir = filepath.Dir(dir) {
			found[name][dir] = true
		}
	}
}

// library is what Go itself brings. It has no version here, which is that of whoever builds.
func library() (part, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output() //nolint:noctx // it is asked nothing that takes time
	if err != nil {
		return part{}, fmt.Errorf("go env: %w", err)
	}
	found, err := texts(strings.TrimSpace(string(root)))
	return part{Name: "Go", Texts: found}, err
}
