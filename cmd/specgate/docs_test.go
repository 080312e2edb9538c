//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// needed is what commands in the documentation may need beyond the program, a shell, curl and jq. SPECGATE_DOCS
// names what there is, by commas; the rest is listed and not run.
var needed = map[string]string{
	"backend":    "a real backend",
	"checkout":   "a clone of the repository with Go's modules",
	"docker":     "Docker",
	"go":         "Go and its modules",
	"kubernetes": "a cluster",
	"maven":      "Maven and Maven Central",
	"npm":        "Node and the registry of npm",
	"pip":        "Python and PyPI",
	"postgres":   "PostgreSQL",
	"redis":      "Redis",
	"release":    "a published release",
	"systemd":    "a running systemd, and root",
}

// available tells whether SPECGATE_DOCS names all of some needs.
func available(needs []string) bool {
	have := strings.Split(os.Getenv("SPECGATE_DOCS"), ",")
	return !slices.ContainsFunc(needs, func(need string) bool { return !slices.Contains(have, need) })
}

// patience is how long a page may take.
func patience() time.Duration {
	if os.Getenv("SPECGATE_DOCS") != "" {
		return 10 * time.Minute
	}
	return 4 * time.Minute
}

// The commands of README.md, of docs/ and of clients/ do what the pages say, the files in them are accepted, and what
// cannot run here is listed, in the file that SPECGATE_DOCS_LEFT names.
func TestDocs(t *testing.T) {
	if slowed {
		t.Skip("without the race detector only")
	}
	t.Parallel()
	for _, tool := range []string{"curl --version", "jq --version", `test "$BASHPID"`} {
		if err := exec.CommandContext(t.Context(), "bash", "-c", tool).Run(); err != nil {
			missing(t, fmt.Sprintf("%s: %v", tool, err))
			t.SkipNow()
		}
	}
	left := new(leftOut)
	t.Cleanup(func() { left.write(t) })
	for _, page := range pages(t, "docs", "clients") {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			readThrough(t, left, page)
		})
	}
}

// missing says that something is not here, which fails in CI, where nothing is to pass because it was left out.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Error(what)
	} else {
		t.Log(what)
	}
}

// leftOut are the blocks that are not run.
type leftOut struct {
	mu    sync.Mutex
	lines []string
}

func (l *leftOut) add(b block) {
	l.mu.Lock()
	defer l.mu.Unlock()
	command, more, _ := strings.Cut(b.text, "\n")
	if more != "" {
		command += " …"
	}
	l.lines = append(l.lines, fmt.Sprintf("%s:%d: %s (needs %s)\n", b.page, b.line, command, strings.Join(b.needs, ", ")))
}

// write writes the list, by pages.
func (l *leftOut) write(t *testing.T) {
	t.Helper()
	path := os.Getenv("SPECGATE_DOCS_LEFT")
	if path == "" {
		return
	}
	slices.Sort(l.lines)
	if err := os.WriteFile(path, []byte(strings.Join(l.lines, "")), 0o600); err != nil {
		t.Error(err)
	}
}

// readThrough does what a page says, from its top.
func readThrough(t *testing.T, left *leftOut, page string) {
	t.Helper()
	s := newSession(t, page)
	blocks := blocksOf(page, readPage(t, page))
	for i, b := range blocks {
		mustBeKnown(t, b)
		if !available(b.needs) {
			left.add(b)
			continue
		}
		if b.given != "" {
			s.run(b, -1, b.given, "")
		}
		if b.file() != "" {
			s.has(b)
		}
		switch b.lang {
		case "sh":
			want := ""
			if i+1 < len(blocks) && blocks[i+1].output {
				want = blocks[i+1].text
			}
			s.run(b, 0, b.text, want)
		case "console":
			for i, c := range commandsOf(b.text) {
				s.run(b, i, c.text, c.printed)
			}
		case "json":
			if !b.output && !json.Valid([]byte(b.text)) {
				t.Errorf("%s:%d is no JSON", page, b.line)
			}
		case "yaml":
			mustBeAccepted(t, b)
		case "python", "js":
			mustBeProgram(t, b)
		}
	}
	s.end()
}

func mustBeKnown(t *testing.T, b block) {
	t.Helper()
	for _, need := range b.needs {
		if needed[need] == "" {
			t.Errorf("%s:%d needs %q, which nobody knows", b.page, b.line, need)
		}
	}
	if !slices.Contains([]string{"sh", "console", "json", "yaml", "python", "js", "text", "ini", "go", "nginx", "haproxy", "caddy", "java", "ts"}, b.lang) {
		t.Errorf("%s:%d is a block of %q, which is never looked at", b.page, b.line, b.lang)
	}
}

// mustBeProgram has the language itself look at a program, where it is here.
func mustBeProgram(t *testing.T, b block) {
	t.Helper()
	path := filepath.Join(t.TempDir(), map[string]string{"python": "program.py", "js": "program.mjs"}[b.lang])
	if err := os.WriteFile(path, []byte(b.text), 0o600); err != nil {
		t.Fatal(err)
	}
	look := map[string][]string{"python": {"python3", "-m", "py_compile"}, "js": {"node", "--check"}}[b.lang]
	if _, err := exec.LookPath(look[0]); err != nil {
		missing(t, fmt.Sprintf("%s:%d is not looked at: there is no %s", b.page, b.line, look[0]))
		return
	}
	if said, err := exec.CommandContext(t.Context(), look[0], append(look[1:], path)...).CombinedOutput(); err != nil {
		t.Errorf("%s:%d: %v\n%s", b.page, b.line, err, said)
	}
}

// A page that says something else than what happens fails.
func TestDocsAreHeldToWhatHappens(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"$ echo one |\ncat\none\n$ echo 'two\nthree'\ntwo\n…\n": true,
		"$ echo one\ntwo\n": false,
		"$ false\n":         false,
		"$ false; echo x\n": true,
	} {
		commands := commandsOf(text)
		ok := true
		for _, c := range commands {
			said, err := exec.CommandContext(t.Context(), "bash", "-c", c.text).CombinedOutput()
			ok = ok && (c.printed == "" && err == nil || c.printed != "" && shows(c.printed, string(said), nil))
		}
		if ok != want {
			t.Errorf("%q: %v, %+v", text, ok, commands)
		}
	}
	want := []block{
		{page: "p", line: 3, lang: "sh", text: "x\n", needs: []string{"npm", "pip"}, given: "y\n"},
		{page: "p", line: 8, lang: "json", text: "{}\n", output: true, varies: []string{"id"}},
		{page: "p", line: 12, lang: "json", text: "{}\n"},
	}
	got := blocksOf("p", "<!-- needs: npm, pip -->\n<!-- given: y -->\n```sh\nx\n```\n\n<!-- varies: id -->\n```json\n{}\n```\ntext\n```json\n{}\n```\n")
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(block{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
