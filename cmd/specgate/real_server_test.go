//go:build unix

package main

import (
	"os/exec"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// realServer is a server of a real model, with all the processes that it has started.
type realServer struct {
	t     *testing.T
	name  string // of the script in .ci
	url   string // http://host:port
	cmd   *exec.Cmd
	ended chan struct{}
}

var realAddress = regexp.MustCompile(`[Ll]istening on (?:http://)?(127\.0\.0\.1):([0-9]+)`)

// serveReal runs .ci/name on a port, 0 for a free one, until the test ends.
func serveReal(t *testing.T, name string, port int) *realServer {
	t.Helper()
	s := &realServer{t: t, name: name, ended: make(chan struct{})}
	said := newLogbook()
	s.cmd = exec.Command("../../.ci/"+name, "serve", strconv.Itoa(port)) //nolint:noctx // it is killed with all that it has started
	s.cmd.Stdout, s.cmd.Stderr = said, said
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(s.ended)
		_ = s.cmd.Wait() // it is killed
	}()
	t.Cleanup(s.kill)
	s.url = s.address(said)
	return s
}

// address waits until the server says where it listens.
func (s *realServer) address(said *logbook) string {
	s.t.Helper()
	patience := time.After(2 * time.Minute)
	for {
		text, more := said.read()
		if m := realAddress.FindStringSubmatch(text); m != nil {
			return "http://" + m[1] + ":" + m[2]
		}
		select {
		case <-more:
		case <-s.ended:
			s.t.Fatalf("%s did not start: %s", s.name, said)
		case <-patience:
			s.t.Fatalf("%s does not listen: %s", s.name, said)
		}
	}
}

// kill ends the server as a machine that fails does, and returns when it is gone.
func (s *realServer) kill() {
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) // it may be gone
	<-s.ended
}
