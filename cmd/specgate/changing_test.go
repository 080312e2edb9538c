package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/record"
)

// changing is a process whose settings change while it runs.
type changing struct {
	*running
	cmd  *exec.Cmd
	exit chan error
	dir  string // of its own
	file string // of its settings
	told int    // reloads that were waited for

	transport *http.Transport // beneath what records
}

// startChanging runs a process with a file of settings, and an environment of NAME=value. The token is testToken, unless
// the settings have some. $dir in either is its folder.
func startChanging(t *testing.T, settings string, env ...string) *changing {
	t.Helper()
	return startChangingBy(t, func(*exec.Cmd) {}, settings, env...)
}

// startChangingBy starts it as by says.
func startChangingBy(t *testing.T, by func(*exec.Cmd), settings string, env ...string) *changing {
	t.Helper()
	g := unstarted(t)
	g.beginBy(by, settings, env...)
	return g
}

// unstarted is a process that is to run, with its folder.
func unstarted(t *testing.T) *changing {
	t.Helper()
	g := &changing{dir: t.TempDir(), exit: make(chan error, 1), running: &running{t: t, log: newLogbook()}}
	g.file = filepath.Join(g.dir, "specgate.yaml")
	return g
}

// begin starts it.
func (g *changing) begin(settings string, env ...string) {
	g.t.Helper()
	g.beginBy(func(*exec.Cmd) {}, settings, env...)
}

func (g *changing) beginBy(by func(*exec.Cmd), settings string, env ...string) {
	g.t.Helper()
	g.set(settings)
	g.launch(settings, env, by)
	line := g.log.await(g.t, "msg=listening")
	found := regexp.MustCompile(`address=(\S+) operations=(\S+)`).FindStringSubmatch(line)
	g.front, g.ops = "http://"+found[1], "http://"+found[2]
}

func (g *changing) launch(settings string, env []string, by func(*exec.Cmd)) {
	g.t.Helper()
	g.transport = &http.Transport{MaxIdleConnsPerHost: 200}
	g.client = &http.Client{Transport: record.Transport(g.transport, gen.Spec), Timeout: 2 * bounded}
	g.cmd = exec.CommandContext(context.Background(), os.Args[0], "serve", "--config", g.file, "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0")
	g.cmd.Env = []string{asProcess + "=1"}
	if !strings.Contains(settings, "tokens:") && !strings.Contains(strings.Join(env, " "), "SPECGATE_API_KEY") {
		env = append(env, "SPECGATE_API_KEY="+testToken)
	}
	for _, e := range env {
		g.cmd.Env = append(g.cmd.Env, strings.ReplaceAll(e, "$dir", g.dir))
	}
	g.cmd.Stdout, g.cmd.Stderr = g.log, g.log
	by(g.cmd)
	if err := g.cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	go func() { g.exit <- g.cmd.Wait() }()
	g.t.Cleanup(func() {
		g.client.CloseIdleConnections()
		_ = g.cmd.Process.Kill()
		_ = g.code()
		if g.t.Failed() {
			g.t.Logf("its log:\n%s", g.log)
		}
	})
}

func (g *changing) signal(s os.Signal) {
	g.t.Helper()
	if err := g.cmd.Process.Signal(s); err != nil {
		g.t.Fatal(err)
	}
}

// write puts a file into the folder.
func (g *changing) write(name, text string) {
	g.t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, name), []byte(text), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// set writes the settings.
func (g *changing) set(settings string) {
	g.t.Helper()
	g.write("specgate.yaml", strings.ReplaceAll(settings, "$dir", g.dir))
}

// reload sends the signal, and waits until the settings have been read.
func (g *changing) reload(result string) {
	g.t.Helper()
	g.signal(syscall.SIGHUP)
	g.awaitRead(result)
}

// change writes settings, which are to be taken, and has them read.
func (g *changing) change(settings string) {
	g.t.Helper()
	g.set(settings)
	g.reload("taken")
}

// awaitRead waits for the next line on settings that were read, and what became of them.
func (g *changing) awaitRead(result string) {
	g.t.Helper()
	g.told++
	timeout := time.After(bounded)
	for {
		text, more := g.log.read()
		found := readLines.FindAllStringSubmatch(text, -1)
		if len(found) >= g.told {
			if got := found[g.told-1][1] + found[g.told-1][2]; got != result && (got != "" || result != "refused") {
				g.t.Fatalf("the settings were read: %q, want %q", got, result)
			}
			return
		}
		select {
		case <-more:
		case <-timeout:
			g.t.Fatalf("the settings were read %d times only", len(found))
		}
	}
}

// readLines are those that say what became of settings, in either form of the log.
var readLines = regexp.MustCompile(`msg="settings (?:read" result=(\w+)|refused:)|"msg":"settings read","result":"(\w+)"`)

// underServed has what follows recorded under the contract that is served by now.
func (g *changing) underServed() {
	g.t.Helper()
	g.client.Transport = record.Transport(g.transport, []byte(g.page("/openapi.yaml")))
}

// ask makes a request for a model with a token, and returns the status.
func (g *changing) ask(model, token string) int {
	g.t.Helper()
	return g.complete(of(model), "Authorization: Bearer "+token).status
}

// parts are what operators are told.
func (g *changing) parts() parts {
	g.t.Helper()
	var told struct{ Parts parts }
	if err := json.Unmarshal([]byte(g.operate("/readyz").body), &told); err != nil {
		g.t.Fatal(err)
	}
	return told.Parts
}

// open asks for a stream, and returns what comes after its first event.
func (g *changing) open(model string) io.Reader {
	g.t.Helper()
	body := strings.NewReader(`{"model":"` + model + `","prompt":"x","stream":true}`)
	resp, err := g.client.Do(g.request(g.t.Context(), "POST", completions, body))
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = resp.Body.Close() })
	first := make([]byte, len("data: "))
	if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "data: " {
		g.t.Fatalf("the stream began with %q, %v", first, err)
	}
	return resp.Body
}

// code is what the process exits with.
func (g *changing) code() int {
	g.t.Helper()
	select {
	case err := <-g.exit:
		g.exit <- err
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return exit.ExitCode()
		}
		return 0
	case <-time.After(bounded):
		g.t.Fatal("the process does not end")
		return 0
	}
}
