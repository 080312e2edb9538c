//go:build unix

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// session is a page that is read from its top, in one shell and a folder of its own.
type session struct {
	t     *testing.T
	page  string
	dir   string            // where the shell is
	notes string            // where the blocks stand, and what they have printed
	ports *strings.Replacer // the addresses of the page → those that they have here
	shell strings.Builder   // what is run
	steps []step
}

// step is one that has something to be compared with what was printed.
type step struct {
	block
	note, want string
}

// prelude is what a page's shell begins with. `specgate serve` in the foreground is another terminal: it goes
// on in the background, and the one before it ends. pkill reaches that one alone, whose settings have to be taken.
// Of make, the targets have to exist, and `run` is run.
const prelude = `
set -eo pipefail
specgate() {
  if [ "$1" != serve ]; then command specgate "$@"; return; fi
  if [ "$BASHPID" != "$$" ]; then exec specgate "$@"; fi
  if [ -n "$terminal" ]; then kill "$terminal"; wait "$terminal" || true; fi
  command specgate "$@" >"$NOTES/told" 2>"$NOTES/log" &
  terminal=$!
  until grep -q 'listening' "$NOTES/log"; do
    kill -0 "$terminal" || { cat "$NOTES/log"; return 1; }
    sleep 0.02
  done
  SHOWN=$(sed -n 's/.*Bearer \(sg-[^"]*\)".*/\1/p' "$NOTES/told")
}
pkill() {
  [ "$*" = "-HUP -f specgate serve" ] || { echo "pkill $*: it is not known here what that reaches"; return 1; }
  kill -HUP "$terminal"
  until grep -q 'settings re' "$NOTES/log"; do
    kill -0 "$terminal" || { cat "$NOTES/log"; return 1; }
    sleep 0.02
  done
  grep -q 'settings read.*result.*taken' "$NOTES/log"
}
make() {
  local target
  for target; do
    case $target in *=*) continue ;; esac
    grep -q "^$target:" "$ROOT/Makefile" || { echo "make has no target $target"; return 1; }
  done
  if [ "$1" = run ]; then specgate serve; fi
}
`

func newSession(t *testing.T, page string) *session {
	t.Helper()
	s := &session{t: t, page: page, dir: filepath.Join(t.TempDir(), "page"), notes: t.TempDir()}
	if strings.HasPrefix(page, "clients/") {
		s.dir = filepath.Join(s.dir, filepath.Dir(page))
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s.ports = strings.NewReplacer(append(backendOf(t, page),
		":8420", ":"+freePort(t), ":8421", ":"+freePort(t), "sg-…", "${SHOWN}", "sk-…", "sk-docs")...)
	s.shell.WriteString(prelude)
	s.write(filepath.Join(s.notes, ".curlrc"), fmt.Sprintf("silent\nshow-error\nmax-time = %.0f\nnoproxy = \"*\"\n", patience().Seconds()/2))
	s.write(filepath.Join(s.notes, "bin", "specgate"), "#!/bin/sh\n"+asProcess+"=1 exec "+os.Args[0]+" \"$@\"\n")
	return s
}

// ports counts those that were given to pages.
var ports atomic.Int32

// freePort is one that nobody has, and below those that systems give to whoever asks for any: it is taken
// some time later.
func freePort(t *testing.T) string {
	t.Helper()
	for {
		port := fmt.Sprint(20000 + os.Getpid()%10*1000 + int(ports.Add(1)))
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = l.Close()
			return port
		}
		if ports.Load() > 10000 {
			t.Fatal(err)
		}
	}
}

func (s *session) write(path, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		s.t.Fatal(err)
	}
}

// has puts a file of the page where the shell is, from this place of the page on.
func (s *session) has(b block) {
	kept := filepath.Join(s.notes, fmt.Sprint(b.line))
	s.write(kept, s.ports.Replace(b.text))
	if first := filepath.Join(s.dir, b.file()); !exists(first) { // for those who show the file below its use
		s.write(first, s.ports.Replace(b.text))
	}
	fmt.Fprintf(&s.shell, "cp %s %s/%s\n", kept, s.dir, b.file())
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// run adds commands, which have to print want where it is not empty. On a console they may fail then.
func (s *session) run(b block, i int, text, want string) {
	at := fmt.Sprintf("%s:%d", s.page, b.line)
	note := filepath.Join(s.notes, fmt.Sprintf("%d.%d", b.line, i))
	s.write(note, s.ports.Replace(text))
	fmt.Fprintf(&s.shell, "echo %s >%s/at\n", at, s.notes)
	may := ""
	if want != "" {
		s.steps = append(s.steps, step{b, note + ".out", want})
	}
	if want != "" && b.lang == "console" {
		may = " || true" // its output says how it failed
	}
	fmt.Fprintf(&s.shell, ". %s >%s.out 2>&1%s\n", note, note, may)
}

// end runs all of it.
func (s *session) end() {
	s.t.Helper()
	if len(s.shell.String()) == len(prelude) {
		return
	}
	s.write(filepath.Join(s.notes, "page.sh"), s.shell.String())
	if strings.HasPrefix(s.page, "clients/") {
		s.stands()
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), patience())
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", filepath.Join(s.notes, "page.sh"))
	cmd.Dir = s.dir
	absolute, err := filepath.Abs(root)
	if err != nil {
		s.t.Fatal(err)
	}
	cmd.Env = append(surroundings(s.dir), "PATH="+filepath.Join(s.notes, "bin")+":"+os.Getenv("PATH"), "CURL_HOME="+s.notes, "ROOT="+absolute, "NOTES="+s.notes,
		"SPECGATE_LISTEN="+s.ports.Replace("127.0.0.1:8420"), "SPECGATE_OPS_LISTEN="+s.ports.Replace("127.0.0.1:8421"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	said, err := cmd.CombinedOutput()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what it left in the background
	if err != nil {
		at := strings.TrimSpace(s.note("at"))
		s.t.Errorf("%s: %v\n%s%s", at, err, s.printedAt(at), said)
		return
	}
	for _, step := range s.steps {
		printed, err := os.ReadFile(step.note)
		if err != nil || !shows(step.want, s.back(string(printed)), step.varies) {
			s.t.Errorf("%s:%d shows\n%s\nbut it printed\n%s", s.page, step.line, step.want, printed)
		}
	}
}

// stands puts a copy of its folder around a page of clients, and openapi.yaml above, where it is in the repository.
func (s *session) stands() {
	s.t.Helper()
	folder := filepath.Join(root, filepath.Dir(s.page))
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains(installed, entry.Name()) {
			return filepath.SkipDir
		}
		if entry.Type().IsRegular() {
			s.write(filepath.Join(s.dir, strings.TrimPrefix(path, folder)), readPage(s.t, strings.TrimPrefix(path, root)))
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.write(filepath.Join(s.dir, "../../openapi.yaml"), readPage(s.t, "openapi.yaml"))
}

// surroundings are the environment of a page. What installs something has that of the tests, for registries
// and caches are known by it; without, nothing is reached but this machine.
func surroundings(home string) []string {
	if os.Getenv("SPECGATE_DOCS") == "" {
		return []string{"HOME=" + home, "HTTP_PROXY=http://127.0.0.1:1", "HTTPS_PROXY=http://127.0.0.1:1", "NO_PROXY=127.0.0.1"}
	}
	return slices.DeleteFunc(os.Environ(), func(setting string) bool {
		return strings.HasPrefix(setting, "SPECGATE_") || strings.HasPrefix(setting, "OPENAI_")
	})
}

func (s *session) note(name string) string {
	text, _ := os.ReadFile(filepath.Join(s.notes, name))
	return string(text)
}

// printedAt is what the commands of a block have printed, and the log of the gateway.
func (s *session) printedAt(at string) string {
	_, line, _ := strings.Cut(at, ":")
	printed, _ := filepath.Glob(filepath.Join(s.notes, line+".*.out"))
	var all strings.Builder
	for _, path := range append(printed, filepath.Join(s.notes, "log")) {
		text, _ := os.ReadFile(path)
		all.Write(text)
	}
	return all.String()
}

// back puts the page's ports and models in the place of those that were used.
func (s *session) back(printed string) string {
	for _, page := range []string{":8420", ":8421", `"Qwen/Qwen3-0.6B"`, `"base"`} {
		printed = strings.ReplaceAll(printed, s.ports.Replace(page), page)
	}
	return printed
}

// varying is what is another each time, in the form in which a page shows it.
var varying = regexp.MustCompile(`…|\b1[0-9]{9}\b|\bcmpl-[0-9a-f]+|\bfp_[0-9a-f]+|\b20[0-9]{2}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.]+Z?)?|\b[0-9a-f]{24}\b|\bkey_[a-z2-7]+`)

var blank = regexp.MustCompile(`\s+`)

// shows tells whether a page shows what was printed. Spaces do not count, and … stands for anything, as do the
// values of keys that vary.
func shows(want, printed string, varies []string) bool {
	for _, key := range varies {
		want = regexp.MustCompile(`"`+key+`":("[^"]*"|[0-9]+)`).ReplaceAllString(want, `"`+key+`":…`)
	}
	want, printed = blank.ReplaceAllString(varying.ReplaceAllString(want, "…"), ""), blank.ReplaceAllString(printed, "")
	pattern := "(?s)^" + strings.ReplaceAll(regexp.QuoteMeta(want), "…", ".*?") + "$"
	return regexp.MustCompile(pattern).MatchString(printed)
}
