package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// field is all that takes part in a comparison: the upstream, and the contestants in front of it.
type field struct {
	dir         string
	upstream    string // its address
	contestants []*contestant
	processes   []*exec.Cmd
}

// contestant is something between the load and the upstream.
type contestant struct {
	name    string
	address string
	pid     int
	token   string // that it takes
}

const token = "sg-e2ebench" //nolint:gosec // of a gateway that lives for minutes, on loopback

// newField starts everything. stop ends it, also where newField gave an error.
func newField(ctx context.Context, o options) (*field, error) {
	dir, err := os.MkdirTemp("", "e2ebench-")
	if err != nil {
		return nil, err
	}
	f := &field{dir: dir}
	for _, start := range []func(context.Context, options) error{f.startUpstream, f.startNginx, f.startProxy, f.startSpecgate} {
		if err := start(ctx, o); err != nil {
			f.stop()
			return nil, err
		}
	}
	return f, nil
}

func (f *field) stop() {
	f.end()
	_ = os.RemoveAll(f.dir)
}

// end ends what was started, and leaves its files.
func (f *field) end() {
	for _, p := range f.processes {
		_ = p.Process.Signal(os.Interrupt)
	}
	late := time.AfterFunc(5*time.Second, func() {
		for _, p := range f.processes {
			_ = p.Process.Kill()
		}
	})
	defer late.Stop()
	for _, p := range f.processes {
		_ = p.Wait()
	}
	f.processes = nil
}

// start runs a program until stop, and waits until it listens. What it says goes to a file.
func (f *field) start(ctx context.Context, address, name string, args ...string) (pid int, err error) {
	out, err := os.Create(filepath.Join(f.dir, fmt.Sprintf("%s.%d.log", filepath.Base(name), len(f.processes))))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // our own programs
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	f.processes = append(f.processes, cmd)
	if err := listening(address); err != nil {
		said, _ := os.ReadFile(out.Name())
		return 0, fmt.Errorf("start %s: %w\n%s", name, err, said)
	}
	return cmd.Process.Pid, nil
}

func (f *field) startUpstream(ctx context.Context, _ options) (err error) {
	if f.upstream, err = freeAddress(); err != nil {
		return err
	}
	_, err = f.start(ctx, f.upstream, self(), "upstream", f.upstream)
	return err
}

func (f *field) startProxy(ctx context.Context, _ options) error {
	return f.enter("ReverseProxy", func(address string) (int, error) {
		return f.start(ctx, address, self(), "proxy", address+","+f.upstream)
	})
}

// startSpecgate runs the gateway with everything on: tokens, validation, the check of answers and the
// access log, which goes to a file.
func (f *field) startSpecgate(ctx context.Context, o options) error {
	file := filepath.Join(f.dir, "specgate.yaml")
	if err := os.WriteFile(file, []byte(f.specgateConfig(o.most)), 0o600); err != nil {
		return err
	}
	return f.enter("specgate", func(address string) (int, error) {
		return f.start(ctx, address, o.specgate, "serve", "--config", file, "--listen", address)
	})
}

// specgateConfig is what a gateway of this size needs: more than the default number of streams.
func (f *field) specgateConfig(streams int) string {
	return `ops_listen: ""
log: {format: json}
auth: {tokens: [{name: load, token: ` + token + `}]}
limits: {max_concurrent: ` + strconv.Itoa(max(streams+1000, 4096)) + `}
upstreams: {fast: {kind: vllm, base_url: "http://` + f.upstream + `/v1", api_key: k, max_concurrent: ` + strconv.Itoa(max(streams+1000, 4096)) + `}}
`
}

// startNginx runs nginx from its package, with connections to the upstream kept and bodies in memory.
func (f *field) startNginx(ctx context.Context, _ options) error {
	return f.enter("nginx", func(address string) (int, error) {
		file := filepath.Join(f.dir, "nginx.conf")
		if err := os.WriteFile(file, []byte(f.nginxConfig(address)), 0o600); err != nil {
			return 0, err
		}
		return f.start(ctx, address, "nginx", "-c", file, "-p", f.dir, "-e", filepath.Join(f.dir, "nginx.error"))
	})
}

func (f *field) nginxConfig(address string) string {
	return `daemon off; worker_processes auto; worker_rlimit_nofile 65536; pid nginx.pid;
events { worker_connections 16384; }
http {
  access_log off; client_body_temp_path body; proxy_temp_path temp; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  client_body_buffer_size 1m; client_max_body_size 16m; keepalive_requests 100000000; tcp_nodelay on;
  upstream backend { server ` + f.upstream + `; keepalive 1024; keepalive_requests 100000000; }
  server {
    listen ` + address + ` backlog=4096;
    location / {
      proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_read_timeout 600s;
    }
  }
}
`
}

// enter gives a contestant an address and has it started there.
func (f *field) enter(name string, start func(address string) (pid int, err error)) error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	pid, err := start(address)
	if err != nil {
		return err
	}
	f.contestants = append(f.contestants, &contestant{name: name, address: address, pid: pid, token: token})
	return nil
}

func (f *field) contestant(name string) *contestant {
	for _, c := range f.contestants {
		if c.name == name {
			return c
		}
	}
	return nil
}

// cpu is how long a contestant's processes have been computing until now.
func (c *contestant) cpu() (time.Duration, error) {
	pids := []int{c.pid}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", c.pid, c.pid))
	if err != nil {
		return 0, err
	}
	for child := range strings.FieldsSeq(string(children)) {
		pid, err := strconv.Atoi(child)
		if err != nil {
			return 0, err
		}
		pids = append(pids, pid)
	}
	var sum time.Duration
	for _, pid := range pids {
		one, err := cpuOf(pid)
		if err != nil {
			return 0, err
		}
		sum += one
	}
	return sum, nil
}

// cpuOf is what a process has computed, cpuOfEnded what those did that it has waited for.
func cpuOf(pid int) (time.Duration, error)      { return times(pid, 14) }
func cpuOfEnded(pid int) (time.Duration, error) { return times(pid, 16) }

// times adds up a field of a process and the one after it, user and system time in hundredths of a second.
func times(pid, field int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(stat), ") ") // which the third field begins
	fields := strings.Fields(after)
	user, err1 := strconv.Atoi(fields[field-3])
	system, err2 := strconv.Atoi(fields[field-2])
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(err1, err2)
}

// resident is the memory of a process in bytes.
func (c *contestant) resident() (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	kilobytes, err := strconv.Atoi(strings.Fields(after)[0])
	return kilobytes << 10, err
}

// descriptors is how many a process has open.
func (c *contestant) descriptors() (int, error) {
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", c.pid))
	return len(open), err
}

func self() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // gone at once
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
