package check

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	proxyPage = "../../docs/howto/behind-a-proxy.md"
	site      = "gate.example.com"
)

// proxies are those that the page configures: how each is started with what it says, in a folder that has tls.crt,
// tls.key and both of them as gate.pem.
var proxies = map[string]struct {
	port string // where it listens, as the page has it
	wrap string // what goes around its configuration: %[1]s is that, %[2]s the folder
	args []string
}{
	"nginx": {"listen 443", `user root; daemon off; pid %[2]s/pid; error_log %[2]s/error.log; events {}
http {
client_body_temp_path %[2]s; proxy_temp_path %[2]s; fastcgi_temp_path %[2]s; uwsgi_temp_path %[2]s; scgi_temp_path %[2]s;
%[1]s }`, []string{"-c"}},
	"haproxy": {"bind :443", "%[1]s", []string{"-f"}},
	"caddy":   {site, "{\n admin off\n auto_https off\n}\n%[1]s", []string{"run", "--adapter", "caddyfile", "--config"}},
}

// Through each proxy of the page that is here, a stream comes event by event, its backend notices who leaves, and
// what the gateway refuses comes as the gateway has said it.
func TestProxies(t *testing.T) {
	for name := range proxies {
		t.Run(name, func(t *testing.T) {
			if _, err := exec.LookPath(name); err != nil {
				if os.Getenv("CI") != "" && name == "nginx" {
					t.Fatal(err)
				}
				t.Skip(err)
			}
			b := newSlowBackend(t)
			p := through(t, name, gateway(t, b.URL))
			p.streams(t, b)
			p.refuses(t)
			if name == "nginx" {
				if log := read(t, filepath.Join(p.dir, "specgate.log")); !strings.Contains(log, "from-the-caller") {
					t.Errorf("its log has no id of the gateway's:\n%s", log)
				}
			}
		})
	}
}

// slowBackend sends one event and then waits until it is told to go on, or nobody listens.
type slowBackend struct {
	*httptest.Server
	release, left chan struct{}
}

func newSlowBackend(t *testing.T) *slowBackend {
	t.Helper()
	b := &slowBackend{release: make(chan struct{}), left: make(chan struct{}, 1)}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			return // it is asked whether it is well
		}
		w.Header().Set("Content-Type", "text/event-stream")
		event := `data: {"id":"c","object":"text_completion","created":1,"model":"m","choices":[{"index":0,"text":"x","finish_reason":%s,"logprobs":null}]}` + "\n\n"
		_, _ = fmt.Fprintf(w, event, "null")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-b.release:
			_, _ = fmt.Fprintf(w, event+"data: [DONE]\n\n", `"stop"`)
		case <-r.Context().Done():
			b.left <- struct{}{}
		}
	}))
	t.Cleanup(b.Close)
	return b
}

// gateway runs the binary in front of a backend until the test ends, and returns its address.
func gateway(t *testing.T, backend string) string {
	t.Helper()
	address := "127.0.0.1:" + freePort(t)
	start(t, address, []string{
		"SPECGATE_LISTEN=" + address, "SPECGATE_OPS_LISTEN=127.0.0.1:" + freePort(t), "SPECGATE_API_KEY=sg-proxied",
		"OPENAI_BASE_URL=" + backend + "/v1",
	}, binary(t), "serve")
	return address
}

// start runs a program until the test ends, and waits until it listens.
func start(t *testing.T, address string, env []string, program string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Env = &said, &said, env
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said:\n%s", program, said.String())
		}
	})
	for deadline := time.Now().Add(20 * time.Second); ; {
		connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = connection.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond) // nothing tells from outside that a process listens
	}
}

// proxied is a way to the gateway.
type proxied struct {
	client *http.Client
	dir    string
}

// through runs a proxy with the page's configuration, in which only ports and the places of files are others.
func through(t *testing.T, name, gateway string) proxied {
	t.Helper()
	dir, port := t.TempDir(), freePort(t)
	roots := certify(t, dir)
	_, block, _ := strings.Cut(read(t, proxyPage), "```"+name+"\n")
	block, _, ok := strings.Cut(block, "```")
	proxy := proxies[name]
	listens := strings.Replace(proxy.port, "443", port, 1)
	if name == "caddy" {
		listens = "https://" + site + ":" + port
		block = strings.Replace(block, "{\n", "{\n\ttls "+dir+"/tls.crt "+dir+"/tls.key\n", 1)
	}
	if !ok || strings.Count(block, "127.0.0.1:8420") != 1 || strings.Count(block, proxy.port) == 0 {
		t.Fatalf("the page has no configuration of %s:\n%s", name, block)
	}
	block = strings.NewReplacer("127.0.0.1:8420", gateway, proxy.port, listens,
		"/etc/"+name, dir, "/var/log/"+name, dir).Replace(block)
	file := filepath.Join(dir, "config")
	write(t, file, fmt.Sprintf(proxy.wrap, block, dir))
	start(t, "127.0.0.1:"+port, []string{"HOME=" + dir}, name, append(proxy.args, file)...)
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+port)
	}
	transport := &http.Transport{DialContext: dial, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	return proxied{&http.Client{Transport: transport, Timeout: 20 * time.Second}, dir}
}

// certify makes a certificate of the site, and returns who is to be believed.
func certify(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
		"-subj", "/CN="+site, "-addext", "subjectAltName=DNS:"+site, "-keyout", dir+"/tls.key", "-out", dir+"/tls.crt").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	certificate := read(t, dir+"/tls.crt")
	write(t, dir+"/gate.pem", certificate+read(t, dir+"/tls.key"))
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(certificate))
	return roots
}

// answer is one whose body comes as it comes, and is closed when the test ends.
type answer struct {
	status, major int // major is that of HTTP's version
	id            string
	body          io.Reader
}

// post asks for a completion.
func (p proxied) post(ctx context.Context, t *testing.T, body string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+site+"/v1/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer sg-proxied")
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Request-Id", "from-the-caller")
	response, err := p.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return answer{response.StatusCode, response.ProtoMajor, response.Header.Get("X-Request-Id"), response.Body}
}

const streamed = `{"model":"m","prompt":"Hello","stream":true}`

func (p proxied) streams(t *testing.T, b *slowBackend) {
	t.Helper()
	got := p.post(t.Context(), t, streamed)
	events := bufio.NewReader(got.body)
	first, err := events.ReadString('\n')
	if err != nil || !strings.HasPrefix(first, "data: ") {
		t.Fatalf("before the backend goes on there comes %q: %v", first, err)
	}
	b.release <- struct{}{}
	rest, err := io.ReadAll(events)
	if err != nil || !strings.HasSuffix(string(rest), "data: [DONE]\n\n") {
		t.Errorf("the rest is %q: %v", rest, err)
	}
	if got.major != 2 || got.id != "from-the-caller" {
		t.Errorf("HTTP/%d, the id %q", got.major, got.id)
	}
	ctx, leave := context.WithCancel(t.Context())
	got = p.post(ctx, t, streamed)
	if _, err := got.body.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
	leave()
	select {
	case <-b.left:
	case <-time.After(10 * time.Second): // before the next comment of stream.keepalive, by which the gateway would notice itself
		t.Error("the backend goes on for nobody")
	}
}

func (p proxied) refuses(t *testing.T) {
	t.Helper()
	large := `{"model":"m","prompt":"` + strings.Repeat("a", 16<<20) + `"}` // more than limits.body, and than 16 MiB
	for body, want := range map[string]int{large: http.StatusRequestEntityTooLarge, `{"model":"m"}`: http.StatusUnprocessableEntity} {
		got := p.post(t.Context(), t, body)
		said, err := io.ReadAll(got.body)
		if err != nil || got.status != want || !strings.HasPrefix(string(said), "{") {
			t.Errorf("%d %.200s: %v; want %d in JSON", got.status, said, err, want)
		}
	}
}
