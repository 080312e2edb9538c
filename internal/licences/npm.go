package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// installed is a package of npm. Its version is left out: that which was bundled is nowhere told.
func installed(node, name string) (part, error) {
	dir := filepath.Join(node, name)
	p, err := manifest(dir)
	if err != nil {
		return p, err
	}
	p.Version = ""
	if p.Texts, err = texts(dir); err != nil || len(p.Texts) > 0 {
		return p, err
	}
	p.Texts = []text{{"README.md", said(dir)}}
	return p, nil
}

// manifest is what a package.json says.
func manifest(dir string) (part, error) {
	var m struct {
		Name, Version, License string
		Licenses               []struct{ Type string }
	}
	body, err := os.ReadFile(filepath.Join(dir, "package.json")) //nolint:gosec // what npm has installed
	if err == nil {
		err = json.Unmarshal(body, &m)
	}
	if err != nil {
		return part{}, fmt.Errorf("%s: %w", dir, err)
	}
	if m.License == "" && len(m.Licenses) > 0 {
		m.License = m.Licenses[0].Type
	}
	return part{Name: m.Name, Version: m.Version, Licence: m.License}, nil
}

// aSection is what a README says of the licence, to its end.
var aSection = regexp.MustCompile(`(?is)\n#* *licen[cs]e\n.*`)

// said is what a package without a text says of its licence: in its README, or else in its package.json.
func said(dir string) string {
	files, _ := filepath.Glob(filepath.Join(dir, "[Rr][Ee][Aa][Dd][Mm][Ee]*"))
	for _, file := range files {
		body, err := os.ReadFile(file) //nolint:gosec // what npm has installed
		if section := aSection.Find(body); err == nil && section != nil {
			return strings.TrimSpace(string(section))
		}
	}
	var m struct{ Author, License string }
	body, err := os.ReadFile(filepath.Join(dir, "package.json")) //nolint:gosec // what npm has installed
	if err != nil || json.Unmarshal(body, &m) != nil {
		return ""
	}
	return fmt.Sprintf("%s, by %s", m.License, cmp.Or(m.Author, "its authors"))
}
