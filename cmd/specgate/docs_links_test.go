package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"`)
	heading = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
	dropped = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
	target  = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// Links within the repository lead to files and headings that are there.
func TestDocsLinks(t *testing.T) {
	t.Parallel()
	anchors := map[string]map[string]bool{}
	tested := 0
	for _, page := range pages(t, "docs", "clients", "deploy") {
		for _, m := range link.FindAllStringSubmatch(prose(readPage(t, page)), -1) {
			to := m[1] + m[2]
			if strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
				continue
			}
			tested++
			path, anchor, _ := strings.Cut(to, "#")
			file := page
			if path != "" {
				file = filepath.Join(filepath.Dir(page), path)
			}
			if _, err := os.Stat(filepath.Join(root, file)); err != nil {
				t.Errorf("%s leads to %s, which is not there", page, to)
				continue
			}
			if anchor == "" {
				continue
			}
			if anchors[file] == nil {
				anchors[file] = anchorsOf(readPage(t, file))
			}
			if !anchors[file][anchor] {
				t.Errorf("%s leads to %s, and there is no such heading", page, to)
			}
		}
	}
	if tested < 200 {
		t.Errorf("only %d links were found", tested)
	}
}

// prose is a page without its blocks of code.
func prose(text string) string {
	var kept strings.Builder
	in := false
	for line := range strings.Lines(text) {
		if fence.MatchString(line) {
			in = !in
		} else if !in {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// anchorsOf are the names that GitHub gives the headings of a page.
func anchorsOf(text string) map[string]bool {
	all := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(prose(text), -1) {
		plain := strings.ToLower(target.ReplaceAllString(m[1], "$1"))
		anchor := strings.ReplaceAll(dropped.ReplaceAllString(plain, ""), " ", "-")
		for i, base := 1, anchor; all[anchor]; i++ {
			anchor = base + "-" + strconv.Itoa(i)
		}
		all[anchor] = true
	}
	return all
}

// Every page of docs/ is named in its index.
func TestDocsIndex(t *testing.T) {
	t.Parallel()
	index := readPage(t, "docs/README.md")
	for _, page := range pages(t, "docs") {
		within, ok := strings.CutPrefix(page, "docs/")
		if !ok || within == "README.md" || strings.HasPrefix(within, "decisions/") {
			continue
		}
		if !strings.Contains(index, "]("+within+")") {
			t.Errorf("docs/README.md does not name %s", within)
		}
	}
}
