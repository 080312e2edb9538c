package main

import (
	"bufio"
	"context"
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
	"github.com/specgate/specgate/internal/fakebackend"
	"github.com/specgate/specgate/internal/record"
)

// asProcess, in its environment, makes the test binary the program itself.
const asProcess = "SPECGATE_TEST_AS_PROCESS"

func init() {
	if os.Getenv(asProcess) != "" {
		main()
	}
}

// process is the program as an operator runs it, on the embedded model where there is no upstream.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	exit chan error
}

func startProcess(t *testing.T, upstream string, settings ...string) *process {
	t.Helper()
	file := filepath.Join(t.TempDir(), "specgate.yaml")
	if err := os.WriteFile(file, []byte(strings.Join(settings, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, exit: make(chan error, 1)}
	p.cmd = exec.CommandContext(t.Context(), os.Args[0], "serve", "--config", file, "--listen", "127.0.0.1:0", "--ops-listen", "")
	p.cmd.Env = []string{asProcess + "=1", "SPECGATE_API_KEY=sg-process"}
	if folder := os.Getenv("XDG_CACHE_HOME"); folder != "" {
		p.cmd.Env = append(p.cmd.Env, "XDG_CACHE_HOME="+folder)
	}
	if upstream != "" {
		p.cmd.Env = append(p.cmd.Env, "OPENAI_BASE_URL="+upstream+"/v1")
	}
	log, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(log)
	address := regexp.MustCompile(`msg=listening address=(\S+)`)
	for p.url == "" && lines.Scan() {
		if m := address.FindStringSubmatch(lines.Text()); m != nil {
			p.url = "http://" + m[1]
		}
	}
	go func() {
		_, _ = io.Copy(io.Discard, log)
		p.exit <- p.cmd.Wait()
	}()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// code waits for the process to end.
func (p *process) code() int {
	p.t.Helper()
	select {
	case err := <-p.exit:
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return exit.ExitCode()
		}
		return 0
	case <-time.After(20 * time.Second):
		p.t.Fatal("the process does not end")
		return 0
	}
}

// stream asks for a stream and reads its first event; the rest is in the returned reader.
func (p *process) stream() io.Reader {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	p.t.Cleanup(cancel)
	body := strings.NewReader(`{"model":"m","prompt":"x","stream":true}`)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+"/v1/completions", body)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer sg-process")
	req.Header.Set("Content-Type", "application/json")
	resp, err := record.Transport(&http.Transport{DisableKeepAlives: true}, gen.Spec).RoundTrip(req)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = resp.Body.Close() })
	first := make([]byte, len("data: "))
	if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "data: " {
		p.t.Fatalf("the stream began with %q, %v", first, err)
	}
	return resp.Body
}

const aChunk = `{"id":"c","object":"text_completion","created":1,"model":"m","choices":[{"text":"a","index":0,"logprobs":null,"finish_reason":null}]}`

// untilTold streams one event, and ends the stream well once it is told to, or never.
func untilTold(told <-chan struct{}) fakebackend.Reply {
	return func(c *fakebackend.Conn, _ *fakebackend.Request) {
		c.Head(http.StatusOK, fakebackend.EventStream)
		c.Chunk(fakebackend.Data(aChunk))
		c.Await(told)
		c.Chunk(fakebackend.Data("[DONE]"))
		c.End()
	}
}

func TestFirstSignalDrains(t *testing.T) {
	told := make(chan struct{})
	p := startProcess(t, fakebackend.New(t, untilTold(told)).URL)
	stream := p.stream()
	p.signal(syscall.SIGTERM)
	close(told)
	rest, err := io.ReadAll(stream)
	if err != nil || !strings.HasSuffix(string(rest), "data: [DONE]\n\n") {
		t.Errorf("the stream ended with %q, %v", rest, err)
	}
	if code := p.code(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

func TestDrainEnds(t *testing.T) {
	p := startProcess(t, fakebackend.New(t, untilTold(nil)).URL, "shutdown: {drain: 100ms}")
	stream := p.stream()
	p.signal(syscall.SIGTERM)
	rest, err := io.ReadAll(stream)
	if err != nil || !strings.Contains(string(rest), `"code":"unavailable"`) || strings.Contains(string(rest), "[DONE]") {
		t.Errorf("the stream ended with %q, %v", rest, err)
	}
	if code := p.code(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	p := startProcess(t, fakebackend.New(t, untilTold(nil)).URL, "shutdown: {delay: 1m}")
	stream := p.stream()
	p.signal(os.Interrupt)
	for p.status("/readyz") != http.StatusServiceUnavailable {
		time.Sleep(time.Millisecond)
	}
	p.signal(os.Interrupt)
	if code := p.code(); code != exitFailure {
		t.Errorf("exit code %d", code)
	}
	if rest, err := io.ReadAll(stream); err == nil && !strings.Contains(string(rest), `"code":"unavailable"`) || strings.Contains(string(rest), "[DONE]") {
		t.Errorf("the stream ended as if it were whole: %q", rest)
	}
}

// Who is killed says nothing: what was streaming must look broken.
func TestKilledProcessBreaksItsStreams(t *testing.T) {
	p := startProcess(t, fakebackend.New(t, untilTold(nil)).URL)
	stream := p.stream()
	p.signal(os.Kill)
	if _, err := io.ReadAll(stream); err == nil {
		t.Error("the stream ended as if it were whole")
	}
}

func (p *process) status(path string) int {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.url+path, http.NoBody)
	if err != nil {
		p.t.Fatal(err)
	}
	resp, err := record.Transport(&http.Transport{DisableKeepAlives: true}, gen.Spec).RoundTrip(req)
	if err != nil {
		p.t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}
