package check

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// image is what a Dockerfile makes of its last stage: a tree of files, and how it is run.
type image struct {
	root                     string
	env                      map[string]string
	args                     map[string]string
	labels                   string
	user, folder             string
	entrypoint, cmd, healthy []string
}

// build makes the tree that the Dockerfile says. sources are the contents of stages by name, and of the
// build's folder by the empty name. An instruction that is not known here fails the test, as does anything
// that is run while the image is built.
func build(t *testing.T, dockerfile string, sources map[string]string) *image {
	t.Helper()
	i := &image{root: t.TempDir(), env: map[string]string{}, args: map[string]string{"TARGETPLATFORM": "linux/amd64"}}
	if err := os.Chmod(i.root, 0o755); err != nil {
		t.Fatal(err)
	}
	scratch := false
	for line := range strings.SplitSeq(strings.ReplaceAll(read(t, dockerfile), "\\\n", " "), "\n") {
		instruction, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case instruction == "" || strings.HasPrefix(instruction, "#"):
		case instruction == "FROM":
			scratch = rest == "scratch"
		case !scratch:
			t.Fatalf("%s: nothing is done in a stage before the last", line)
		default:
			i.do(t, instruction, strings.TrimSpace(rest), sources)
		}
	}
	return i
}

func (i *image) do(t *testing.T, instruction, rest string, sources map[string]string) {
	t.Helper()
	switch instruction {
	case "ARG", "EXPOSE":
	case "LABEL":
		i.labels += rest
	case "WORKDIR":
		if _, err := os.Stat(filepath.Join(i.root, rest)); err != nil {
			t.Errorf("WORKDIR %s would be made, and be root's: nothing is copied there", rest)
		}
		i.folder = rest
	case "USER":
		i.user = rest
	case "ENV":
		for _, pair := range strings.Fields(rest) {
			name, value, _ := strings.Cut(pair, "=")
			i.env[name] = value
		}
	case "COPY":
		i.copy(t, strings.Fields(rest), sources)
	case "HEALTHCHECK":
		_, command, _ := strings.Cut(rest, "CMD ")
		i.healthy = list(t, command)
	case "ENTRYPOINT":
		i.entrypoint = list(t, rest)
	case "CMD":
		i.cmd = list(t, rest)
	default:
		t.Fatalf("%s %s: not known here", instruction, rest)
	}
}

// list is the form of a command that needs no shell, of which there is none.
func list(t *testing.T, text string) (words []string) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &words); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return words
}

func (i *image) copy(t *testing.T, words []string, sources map[string]string) {
	t.Helper()
	from, owner := "", "0:0"
	for strings.HasPrefix(words[0], "--") {
		flag, value, _ := strings.Cut(words[0], "=")
		switch flag {
		case "--from":
			from = value
		case "--chown":
			owner = value
		default:
			t.Fatalf("COPY %s: not known here", words[0])
		}
		words = words[1:]
	}
	expand := func(name string) string { return i.args[name] }
	source := filepath.Join(sources[from], os.Expand(words[0], expand))
	target := filepath.Join(i.root, words[1])
	info, err := os.Stat(source)
	if err != nil || sources[from] == "" {
		t.Fatalf("COPY %v: from %q: %v", words, from, err)
	}
	if info.IsDir() {
		err = os.CopyFS(target, os.DirFS(source))
	} else {
		write(t, target, read(t, source))
		err = os.Chmod(target, info.Mode().Perm())
	}
	if err != nil {
		t.Fatal(err)
	}
	uid, gid, _ := strings.Cut(owner, ":")
	if err := os.Chown(target, number(t, uid), number(t, gid)); err != nil && os.Getuid() == 0 {
		t.Fatal(err)
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%q is no number: names mean nothing where there is no /etc/passwd", text)
	}
	return n
}
