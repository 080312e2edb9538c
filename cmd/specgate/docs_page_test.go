package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// root is the repository, from here.
const root = "../.."

// block is a fenced block of a page.
type block struct {
	page   string   // its path in the repository
	line   int      // of its fence, counted from 1
	lang   string   // what stands behind the fence
	text   string   // what stands in it, each line with its end
	needs  []string // what a comment before it says that it needs
	given  string   // the commands in a comment before it, for what a reader has already
	varies []string // the keys, named in a comment before it, whose values are others each time
	output bool     // whether it follows a block of commands with nothing in between, and so shows what they print
}

var (
	fence  = regexp.MustCompile("^```([a-z]*)")
	remark = regexp.MustCompile(`^<!-- (needs|given|varies): (.+) -->$`)
	// titled is the first line of a block that is a file: a comment that begins with the file's name.
	titled = regexp.MustCompile(`^(?:#|//) ([\w-]+\.(?:yaml|py|mjs))\b`)
)

// file is the name of the file that a block is, or "".
func (b block) file() string {
	if m := titled.FindStringSubmatch(b.text); m != nil {
		return m[1]
	}
	return ""
}

// blocksOf reads a page.
func blocksOf(page, text string) []block {
	var blocks []block
	var open *block
	var next block // what comments have said of it
	follows := false
	for i, line := range strings.Split(text, "\n") {
		m := fence.FindStringSubmatch(line)
		switch {
		case open != nil && m == nil:
			open.text += line + "\n"
		case open != nil:
			follows = open.lang == "sh"
			blocks, open, next = append(blocks, *open), nil, block{}
		case m != nil:
			next.page, next.line, next.lang = page, i+1, m[1]
			next.output = follows && (m[1] == "json" || m[1] == "text")
			open = &next
		case remark.MatchString(line):
			next.remarks(remark.FindStringSubmatch(line))
		case line != "":
			next, follows = block{}, false
		}
	}
	return blocks
}

// remarks takes what a comment says of the block after it.
func (b *block) remarks(m []string) {
	switch m[1] {
	case "needs":
		b.needs = strings.Split(m[2], ", ")
	case "given":
		b.given = m[2] + "\n"
	case "varies":
		b.varies = strings.Split(m[2], ", ")
	}
}

// installed are the folders of clients whose files come from elsewhere.
var installed = []string{"node_modules", "venv", "target"}

// pages are the paths of the Markdown files under some folders of the repository, and in it itself.
func pages(t *testing.T, folders ...string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, entry os.DirEntry, err error) error {
			if err == nil && entry.IsDir() && slices.Contains(installed, entry.Name()) {
				return filepath.SkipDir
			}
			if strings.HasSuffix(path, ".md") {
				found = append(found, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, path := range found {
		found[i] = strings.TrimPrefix(filepath.ToSlash(path), root+"/")
	}
	return found
}

func readPage(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// command is one that a console shows, and what it prints.
type command struct{ text, printed string }

// commandsOf reads a console. A command goes on while a quote is open or its line ends in a backslash or a pipe.
func commandsOf(console string) []command {
	var all []command
	going := false
	for line := range strings.Lines(console) {
		switch {
		case going:
			all[len(all)-1].text += line
		case strings.HasPrefix(line, "$ "):
			all = append(all, command{text: line[2:]})
		case len(all) > 0:
			all[len(all)-1].printed += line
			continue
		default:
			continue
		}
		going = unfinished(all[len(all)-1].text)
	}
	return all
}

// unfinished tells whether a shell would wait for another line.
func unfinished(command string) bool {
	var quote rune
	escaped := false
	command = strings.TrimSuffix(command, "\n")
	for _, r := range command {
		switch {
		case escaped:
			escaped = false
		case r == '\\' && quote != '\'':
			escaped = true
		case quote == 0 && (r == '\'' || r == '"'):
			quote = r
		case r == quote:
			quote = 0
		}
	}
	return quote != 0 || escaped || strings.HasSuffix(command, "|")
}
