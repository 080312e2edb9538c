package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// What settings say too.
const (
	maxEvent = 64 << 10
	timeout  = 8 * time.Second // far above what a backend takes that is merely slow
)

// settings leave the addresses of the backends open.
const settings = `
auth: {tokens: [{name: soak, token: sg-soak}]}
log: {level: error}
upstreams:
  flap: {base_url: 'http://%s/v1', timeouts: {connect: 5s, first_byte: 8s, idle: 8s}}
  slow: {base_url: 'http://%s/v1', timeouts: {connect: 5s, first_byte: 8s, idle: 8s}, kind: llamacpp, max_concurrent: 100}
  liar: {base_url: 'http://%s/v1', timeouts: {connect: 5s, first_byte: 8s, idle: 8s}}
upstream: {max_event: 64KiB}
models:
  soak-all: {targets: [{upstream: flap, weight: 2}, {upstream: slow}, {upstream: liar}]}
  soak-flap: {targets: [{upstream: flap}, {upstream: slow, priority: 2}]}
  soak-slow: {targets: [{upstream: slow}]}
  soak-liar: {targets: [{upstream: liar, model: backend/liar}]}
retry: {attempts: 3, budget: 0.2}
breaker: {failures: 10, window: 5s, open: 1s}
health: {interval: 1s, timeout: 5s}
stream: {keepalive: 500ms}
shutdown: {drain: 5s}
`

// gateway is the process that is held to account.
type gateway struct {
	cmd   *exec.Cmd
	front string // host:port for clients
	ops   string // and for operators
	dir   string // of its configuration and its log
	ended chan struct{}
	err   error // of the process, once ended is closed
}

func startGateway(ctx context.Context, binary string, bs *backends) (*gateway, error) {
	g := &gateway{ended: make(chan struct{})}
	var err error
	if g.dir, err = os.MkdirTemp("", "specgate-soak-"); err != nil {
		return nil, err
	}
	file := fmt.Sprintf(settings, bs.all[0].address, bs.all[1].address, bs.all[2].address)
	path := filepath.Join(g.dir, "specgate.yaml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(g.dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close() //nolint:errcheck // the process has its own
	g.front, g.ops = freeAddress(), freeAddress()
	g.cmd = exec.Command(binary, "serve", "--config", path, "--listen", g.front, "--ops-listen", g.ops) //nolint:gosec,noctx // our own program, which end and kill end
	g.cmd.Stderr = log
	if err := g.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		g.err = g.cmd.Wait()
		close(g.ended)
	}()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err = g.page(ctx, "/readyz"); err == nil {
			return g, nil
		}
		if time.Now().After(end) {
			g.kill()
			return nil, fmt.Errorf("the gateway does not get ready: %w", err)
		}
	}
}

// freeAddress is one that nobody listens on at present.
func freeAddress() string {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // gone at once
	if err != nil {
		return ""
	}
	defer l.Close() //nolint:errcheck // the same
	return l.Addr().String()
}

// end stops the gateway as an operator does, and fails where it does not end well.
func (g *gateway) end() error {
	if err := g.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-g.ended:
		log, err := os.ReadFile(filepath.Join(g.dir, "log"))
		if bytes.Contains(log, []byte("panic")) {
			err = errors.New("there are panics in its log")
		}
		return errors.Join(g.err, err)
	case <-time.After(20 * time.Second):
		return errors.New("it does not end")
	}
}

func (g *gateway) kill() {
	_ = g.cmd.Process.Kill()
	<-g.ended
	_ = os.RemoveAll(g.dir)
}

// state is what the gateway holds and has counted.
type state struct {
	resident    int // KiB
	goroutines  int
	descriptors int
	inflight    int
	counted     map[counter]int
}

// look asks the gateway and the kernel.
func (g *gateway) look(ctx context.Context) (state, error) {
	text, err := g.page(ctx, "/metrics")
	if err != nil {
		return state{}, err
	}
	s := state{counted: map[counter]int{}}
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		name, number, _ := strings.Cut(lines.Text(), " ")
		value, _ := strconv.ParseFloat(number, 64)
		metric, labels, _ := strings.Cut(name, "{")
		switch metric {
		case "go_goroutines":
			s.goroutines = int(value)
		case "specgate_upstream_inflight", "specgate_upstream_queued":
			s.inflight += int(value)
		case "specgate_requests_total":
			if label(labels, "route") == "/v1/completions" {
				status, _ := strconv.Atoi(label(labels, "status"))
				s.counted[counter{status, label(labels, "code")}] += int(value)
			}
		}
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", g.cmd.Process.Pid))
	if err != nil {
		return state{}, err
	}
	s.descriptors = len(files)
	s.resident, err = g.residentSet()
	return s, err
}

func label(labels, name string) string {
	_, rest, _ := strings.Cut(","+labels, ","+name+`="`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

func (g *gateway) residentSet() (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, errors.New("the process has no VmRSS")
	}
	return strconv.Atoi(fields[0])
}

// page gets a page of the operations listener.
func (g *gateway) page(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+g.ops+path, http.NoBody)
	if err != nil {
		return "", err
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	var text bytes.Buffer
	if _, err := text.ReadFrom(resp.Body); err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s has status %d", path, resp.StatusCode)
	}
	return text.String(), nil
}

// settleTime is how long the gateway has, after the last request, to be at rest.
const settleTime = 30 * time.Second

// atRest waits until the gateway holds nothing of a request any more, as r sees it, and looks then; it
// looks at last however it is. Without r it waits a few seconds, for what comes after a start.
func (g *gateway) atRest(ctx context.Context, r *report) (s state, err error) {
	end := time.Now().Add(settleTime)
	for quiet := 0; quiet < 5 && time.Now().Before(end); quiet++ {
		time.Sleep(time.Second)
		if s, err = g.look(ctx); err != nil {
			return s, err
		}
		if r != nil && r.unrest(s) != nil {
			quiet = 0
		}
	}
	return s, ctx.Err()
}
