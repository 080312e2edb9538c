package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/fakebackend"
	"github.com/specgate/specgate/internal/record"
)

// asBackend, in its environment, makes the test binary a backend that never ends what it begins.
const asBackend = "SPECGATE_TEST_AS_BACKEND"

func init() {
	if os.Getenv(asBackend) != "" {
		hang()
	}
}

// hang serves until the process is killed, or its parent ends. It says on standard output where it listens, and each time
// that it has sent all that it ever will: of a stream an event and a half, of the model half a part of
// the body, and of everything else nothing.
func hang() {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case strings.Contains(string(body), `"stream":true`):
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, fakebackend.Data(aChunk)+"data: "+aChunk[:40])
			_ = http.NewResponseController(w).Flush()
		case strings.Contains(string(body), `"half"`):
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", fmt.Sprint(len(answered)))
			_, _ = io.WriteString(w, answered[:40])
			_ = http.NewResponseController(w).Flush()
		}
		fmt.Println("asked")
		<-r.Context().Done()
	}))
	fmt.Println(backend.URL)
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// hanging is hang in a process of its own.
type hanging struct {
	t    *testing.T
	cmd  *exec.Cmd
	said *bufio.Reader
	url  string
}

func startHanging(t *testing.T) *hanging {
	t.Helper()
	b := &hanging{t: t, cmd: exec.CommandContext(t.Context(), os.Args[0])}
	b.cmd.Env = []string{asBackend + "=1"}
	stdout, err := b.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.cmd.StdinPipe(); err != nil { // open as long as this process lives
		t.Fatal(err)
	}
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.kill)
	b.said = bufio.NewReader(stdout)
	b.url = b.next()
	return b
}

// next waits for what it says next.
func (b *hanging) next() string {
	b.t.Helper()
	line, err := b.said.ReadString('\n')
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

func (b *hanging) kill() {
	_ = b.cmd.Process.Kill()
	_ = b.cmd.Wait()
}

// ask sends a plain request from a goroutine of its own.
func (p *process) ask(body string) <-chan outcome {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.url+completions, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer sg-process")
	req.Header.Set("Content-Type", "application/json")
	got := make(chan outcome, 1)
	go func() {
		resp, err := record.Transport(&http.Transport{DisableKeepAlives: true}, gen.Spec).RoundTrip(req)
		if err != nil {
			got <- outcome{err: err}
			return
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		got <- outcome{answer{resp.StatusCode, resp.Header, string(text)}, err}
	}()
	return got
}

// outcome is an answer that is whole, or why there is none.
type outcome struct {
	answer
	err error
}

// A backend that is killed ends nothing well: the stream that it was sending gets an error event, without
// the half of an event before it, and ends as an answer of ours ends.
func TestKilledBackendBreaksItsStreams(t *testing.T) {
	t.Parallel()
	b := startHanging(t)
	stream := startProcess(t, b.url).stream()
	b.next()
	b.kill()
	rest, err := io.ReadAll(stream)
	if err != nil {
		t.Errorf("the body does not end well: %v", err)
	}
	text := "data: " + string(rest)
	mustBeStream(t, text)
	events := strings.Split(strings.TrimSuffix(text, "\n\n"), "\n\n")
	if len(events) != 2 || events[0] != "data: "+aChunk || !strings.Contains(events[1], `"code":"upstream_error"`) {
		t.Errorf("the stream was %q", events)
	}
}

func TestKilledBackendFailsPlainRequests(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"before its answer": plainBody, "within its answer": of("half")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := startHanging(t)
			p := startProcess(t, b.url)
			pending := p.ask(body)
			b.next()
			b.kill()
			got := <-pending
			if got.err != nil {
				t.Fatal(got.err)
			}
			mustKeepContract(t, completions, got.answer)
			if e := got.error(t); got.status != http.StatusBadGateway || orNull(e.Code) != "upstream_error" {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
}

// A gateway that is killed says nothing any more, and nothing may look whole that is not.
func TestKilledGatewayBreaksConnections(t *testing.T) {
	t.Parallel()
	b := startHanging(t)
	p := startProcess(t, b.url)
	stream := p.stream()
	b.next()
	pending := p.ask(plainBody)
	b.next()
	p.signal(os.Kill)
	rest, err := io.ReadAll(stream)
	if !broken(err) || strings.Contains(string(rest), "[DONE]") {
		t.Errorf("the stream ended with %q, %v", rest, err)
	}
	if got := <-pending; !broken(got.err) {
		t.Errorf("the plain request got %d %q, %v", got.status, got.body, got.err)
	}
}

// broken reports whether a connection ended where it should not have.
func broken(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.As(err, &op)
}
