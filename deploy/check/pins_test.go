package check

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// manager is one of renovate.json that finds pins by patterns. These are RE2's, as Go's are.
type manager struct {
	Files   []string `json:"managerFilePatterns"`
	Matches []string `json:"matchStrings"`
}

// updates is renovate.json, as far as the rules here need it.
type updates struct {
	Extends      []string  `json:"extends"`
	Requirements manager   `json:"pip_requirements"`
	Custom       []manager `json:"customManagers"`
}

func readUpdates(t *testing.T) (u updates) {
	t.Helper()
	if err := json.Unmarshal([]byte(read(t, repository+"/renovate.json")), &u); err != nil {
		t.Fatal(err)
	}
	return u
}

// takes tells whether a manager looks at a file of the repository.
func (m manager) takes(t *testing.T, file string) bool {
	t.Helper()
	return slices.ContainsFunc(m.Files, func(pattern string) bool {
		within, ok := strings.CutPrefix(pattern, "/")
		if !ok || !strings.HasSuffix(within, "/") {
			t.Fatalf("%s is no pattern between slashes", pattern)
		}
		return regexp.MustCompile(strings.TrimSuffix(within, "/")).MatchString(file)
	})
}

// found are the versions that Renovate's own patterns find in a file.
func (u updates) found(t *testing.T, file string) (versions []string) {
	t.Helper()
	for _, m := range u.Custom {
		if !m.takes(t, file) {
			continue
		}
		for _, match := range m.Matches {
			pattern := regexp.MustCompile(match)
			for _, at := range pattern.FindAllStringSubmatch(read(t, filepath.Join(repository, file)), -1) {
				if at[pattern.SubexpIndex("depName")] != "" {
					versions = append(versions, at[pattern.SubexpIndex("currentValue")])
				}
			}
		}
	}
	return versions
}

var (
	versioned   = regexp.MustCompile(`(?m)^[A-Za-z_]+ *[:?]?= *["']?(v?[0-9]+\.[0-9]+[^\s"']*)`)
	requirement = regexp.MustCompile(`^[A-Za-z0-9._\[\]-]+==`)
)

// What a file of commands pins is found by what keeps it up to date.
func TestPinsAreLookedAfter(t *testing.T) {
	u := readUpdates(t)
	for _, file := range append(scripts(t), "Makefile") {
		found := u.found(t, file)
		for _, m := range versioned.FindAllStringSubmatch(read(t, filepath.Join(repository, file)), -1) {
			if i := slices.Index(found, m[1]); i >= 0 {
				found = slices.Delete(found, i, i+1)
			} else {
				t.Errorf("%s: nothing looks after %q", file, m[0])
			}
		}
		if strings.Contains(read(t, filepath.Join(repository, file)), "npx ") {
			t.Errorf("%s runs npx, which locks nothing", file)
		}
	}
	if found := u.found(t, "Makefile"); len(found) < 6 {
		t.Errorf("of the Makefile %v are found", found)
	}
	for _, preset := range []string{"docker:pinDigests", "helpers:pinGitHubActionDigests"} {
		if !slices.Contains(u.Extends, preset) {
			t.Errorf("renovate.json lacks %s", preset)
		}
	}
}

// scripts are those of .ci, by their paths in the repository.
func scripts(t *testing.T) (all []string) {
	t.Helper()
	files, err := filepath.Glob(repository + "/.ci/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name := filepath.Base(file); !strings.Contains(name, ".") && name != "redocly" {
			all = append(all, ".ci/"+name)
		}
	}
	return all
}

// What comes from PyPI is held to its hashes, and the files that say so are known to Renovate.
func TestRequirementsHaveHashes(t *testing.T) {
	u := readUpdates(t)
	usual := manager{Files: []string{`/(^|/)[\w-]*requirements([-._]\w+)?\.(txt|pip)$/`}}
	looked := 0
	for _, glob := range []string{".ci/*.txt", "clients/*/requirements*.txt", "deploy/*/requirements*.txt"} {
		files, err := filepath.Glob(filepath.Join(repository, glob))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			file := strings.TrimPrefix(path, repository+"/")
			lines := strings.Split(read(t, path), "\n")
			for i, line := range lines {
				if !requirement.MatchString(line) {
					continue
				}
				looked++
				if !strings.HasPrefix(strings.TrimSpace(lines[i+1]), "--hash=sha256:") {
					t.Errorf("%s:%d has no hash: %s", file, i+1, line)
				}
				if !usual.takes(t, file) && !u.Requirements.takes(t, file) {
					t.Fatalf("nothing looks after %s", file)
				}
			}
		}
	}
	if looked < 200 {
		t.Errorf("only %d were found", looked)
	}
	for _, file := range scripts(t) {
		for command := range strings.SplitSeq(strings.ReplaceAll(read(t, filepath.Join(repository, file)), "\\\n", " "), "\n") {
			if strings.Contains(command, "-m pip ") && !strings.Contains(command, "pip check") && !strings.Contains(command, "--require-hashes") {
				t.Errorf("%s takes what has no hash: %s", file, command)
			}
		}
	}
}
