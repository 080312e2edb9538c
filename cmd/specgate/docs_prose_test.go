package main

import (
	"regexp"
	"strings"
	"testing"
)

var (
	inline   = regexp.MustCompile("`(?:[A-Z_]+=\\S+ )*specgate ([^`]+)`")
	word     = regexp.MustCompile(`^[a-z]+$`)
	longFlag = regexp.MustCompile(`^--[a-z-]+`)
)

// The commands that stand within a sentence exist, with the flags that they are given.
func TestDocsCommandsInProse(t *testing.T) {
	t.Parallel()
	tested := 0
	for _, page := range pages(t, "docs") {
		for _, m := range inline.FindAllStringSubmatch(prose(readPage(t, page)), -1) {
			tested++
			if problem := noCommand(t, strings.Fields(m[1])); problem != "" {
				t.Errorf("%s has `specgate %s`: %s", page, m[1], problem)
			}
		}
	}
	if tested < 30 {
		t.Errorf("only %d commands were found", tested)
	}
}

// noCommand says what is wrong with the words behind «specgate», "" where nothing is.
func noCommand(t *testing.T, words []string) string {
	t.Helper()
	line := ""
	for _, w := range words {
		if !word.MatchString(w) {
			break
		}
		if help := invoke(t, "help"+line, nil).stdout; !regexp.MustCompile(`(?m)^  ` + w + ` `).MatchString(help) {
			if line == "" {
				return "there is no such command"
			}
			break // an argument
		}
		line += " " + w
	}
	help := invoke(t, "help"+line, nil).stdout
	for _, w := range words {
		if flag := longFlag.FindString(w); flag != "" && !strings.Contains(help, flag+" ") {
			return "it has no " + flag
		}
	}
	return ""
}

// What is no command is found.
func TestDocsNoCommand(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"keys show TOKEN":            "",
		"keys rotate NAME --grace":   "",
		"usage records --format":     "",
		"key show":                   "there is no such command",
		"keys rotate NAME --gracely": "it has no --gracely",
	} {
		if got := noCommand(t, strings.Fields(line)); got != want {
			t.Errorf("%s: %q", line, got)
		}
	}
}
