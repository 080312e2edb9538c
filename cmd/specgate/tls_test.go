package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/internal/fakebackend"
	"github.com/specgate/specgate/internal/record"
)

// certificate writes a certificate of 127.0.0.1 that vouches for itself, and its key.
func certificate(t *testing.T) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "specgate test"}, // without which it is none to curl
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(t.TempDir(), "tls.crt"), filepath.Join(t.TempDir(), "tls.key")
	roots = x509.NewCertPool()
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		text := pem.EncodeToMemory(block)
		roots.AppendCertsFromPEM(text)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile, roots
}

// startOver runs a gateway, and a client that speaks HTTP/2 to it, with TLS or without. It also gives the
// arguments with which curl does so.
func startOver(t *testing.T, protocol, settings string, replies ...fakebackend.Reply) (g *running, curl []string) {
	t.Helper()
	var protocols http.Protocols
	transport := &http.Transport{DisableCompression: true, Protocols: &protocols}
	if protocol == "h2c" {
		protocols.SetUnencryptedHTTP2(true)
		g = startWith(t, settings+"h2c: true\n", replies...)
		curl = []string{"--http2-prior-knowledge"}
	} else {
		protocols.SetHTTP2(true)
		certFile, keyFile, roots := certificate(t)
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
		g = startWith(t, settings+"tls: {cert_file: "+certFile+", key_file: "+keyFile+"}\n", replies...)
		g.front = "https" + strings.TrimPrefix(g.front, "http")
		curl = []string{"--http2", "--cacert", certFile}
	}
	g.client.Transport = record.Transport(transport, g.spec)
	return g, curl
}

// overHTTP2 runs a test over both forms of HTTP/2.
func overHTTP2(t *testing.T, test func(t *testing.T, protocol string)) {
	t.Helper()
	for _, protocol := range []string{"h2c", "h2"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			test(t, protocol)
		})
	}
}

// Every transcript of a stream is the same over HTTP/2, errors in it included, and ends well.
func TestTranscriptsOverHTTP2(t *testing.T) {
	t.Parallel()
	overHTTP2(t, func(t *testing.T, protocol string) {
		t.Helper()
		replies := script{}
		for _, test := range transcripts {
			replies[test.name] = fakebackend.Events(test.stream)
		}
		g, _ := startOver(t, protocol, "", replies.reply)
		for _, test := range transcripts {
			t.Run(test.name, func(t *testing.T) {
				got := g.in(t).complete(test.request, "X-Request-Id: "+test.name)
				mustMatchGolden(t, "stream_"+test.name, got.body)
			})
		}
	})
}

// curl is another client than Go's.
func TestCurlOverHTTP2(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("there is no curl")
	}
	if version, _ := exec.CommandContext(t.Context(), path, "--version").Output(); !strings.Contains(string(version), "HTTP2") {
		t.Skip("this curl speaks no HTTP/2")
	}
	overHTTP2(t, func(t *testing.T, protocol string) {
		t.Helper()
		g, args := startOver(t, protocol, "", fakebackend.Events(whole))
		ask := func(body string, more ...string) string {
			all := append([]string{"-sS", "-N", "-w", "\n%{http_version} %{http_code}", "-H", "Content-Type: application/json"}, args...)
			cmd := exec.CommandContext(t.Context(), path, append(append(all, more...), "--data-binary", "@-", g.front+completions)...)
			cmd.Stdin = strings.NewReader(body)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("curl: %v\n%s", err, out)
			}
			return string(out)
		}
		token := []string{"-H", "Authorization: Bearer " + testToken}
		body, end, _ := strings.Cut(ask(streamed, token...), "data: [DONE]\n\n")
		mustMatchGolden(t, "stream_plain", body+"data: [DONE]\n\n")
		if end != "\n2 200" {
			t.Errorf("the stream ends with %q", end)
		}
		if got := ask(`{"model":"m"}`, token...); !strings.HasSuffix(got, "\n2 422") {
			t.Errorf("got %s", got)
		}
		for range 10 {
			if got := ask(strings.Repeat(" ", 100<<10)); !strings.HasSuffix(got, "\n2 401") {
				t.Errorf("a body that nobody reads: %s", got)
			}
		}
	})
}

// Silence is broken by comments.
func TestKeepaliveOverHTTP2(t *testing.T) {
	t.Parallel()
	overHTTP2(t, func(t *testing.T, protocol string) {
		t.Helper()
		enough := make(chan struct{})
		g, _ := startOver(t, protocol, "stream: {keepalive: 20ms, write_timeout: 5s}\n", func(c *fakebackend.Conn, _ *fakebackend.Request) {
			c.Head(200, fakebackend.EventStream)
			c.Await(enough)
			c.Chunk(whole)
			c.End()
		})
		in := g.open()
		for range 3 {
			if line := readLine(t, in); line != ": ping\n" {
				t.Errorf("got %q", line)
			}
		}
		close(enough)
		if rest := readRest(t, in); !strings.HasSuffix(rest, "data: [DONE]\n\n") {
			t.Errorf("got %q", rest)
		}
	})
}

// Who leaves takes his request with him, to the backend; the connection stays for others.
func TestCallerLeavesOverHTTP2(t *testing.T) {
	t.Parallel()
	overHTTP2(t, func(t *testing.T, protocol string) {
		t.Helper()
		gone := make(chan bool, 2)
		waits := func(c *fakebackend.Conn, _ *fakebackend.Request) {
			c.Head(200, fakebackend.EventStream)
			c.Chunk(fakebackend.Data(first))
			c.Await(nil)
			gone <- true
		}
		stalls := func(c *fakebackend.Conn, _ *fakebackend.Request) {
			c.Await(nil)
			gone <- true
		}
		g, _ := startOver(t, protocol, "", waits, stalls, fakebackend.Events(whole))
		for _, body := range []string{streamed, plainBody} {
			ctx, leave := context.WithCancel(t.Context())
			answered := make(chan struct{})
			req := g.request(ctx, "POST", completions, strings.NewReader(body))
			go func() {
				defer close(answered)
				if resp, err := g.client.Do(req); err == nil {
					_, _ = io.ReadFull(resp.Body, make([]byte, len("data: ")))
					leave()
					_ = resp.Body.Close()
				}
			}()
			if body == plainBody {
				for len(g.backend.Requests()) < 2 {
					time.Sleep(time.Millisecond)
				}
				leave()
			}
			<-answered
			select {
			case <-gone:
			case <-time.After(bounded):
				t.Error("the backend goes on")
			}
			leave()
		}
		if got := g.complete(streamed); got.status != 200 {
			t.Errorf("the next request: %d %s", got.status, got.body)
		}
	})
}

// A stream that runs at the shutdown is finished, or told.
func TestShutdownOverHTTP2(t *testing.T) {
	t.Parallel()
	overHTTP2(t, func(t *testing.T, protocol string) {
		t.Helper()
		for name, settings := range map[string]string{"finished": "", "told": "shutdown: {drain: 50ms}\n"} {
			draining := make(chan struct{})
			g, _ := startOver(t, protocol, settings, func(c *fakebackend.Conn, _ *fakebackend.Request) {
				c.Head(200, fakebackend.EventStream)
				c.Chunk(fakebackend.Data(first))
				c.Await(draining)
				c.Chunk(fakebackend.Data(last, "[DONE]"))
				c.End()
			})
			in := g.open()
			begin := readLine(t, in)
			g.end()
			g.log.await(t, `"msg":"shutting down"`)
			golden := "shutdown"
			if name == "finished" {
				close(draining)
				golden = "stream_plain"
			}
			mustMatchGolden(t, golden, begin+readRest(t, in))
			g.client.CloseIdleConnections()
			if err := g.awaitEnd(); err != nil {
				t.Error(err)
			}
		}
	})
}

// The health check finds a gateway that serves over TLS, whatever its certificate is called.
func TestHealthcheckOverTLS(t *testing.T) {
	t.Parallel()
	g, _ := startOver(t, "h2", "")
	if err := healthy(t.Context(), g.front+"/healthz"); err != nil {
		t.Error(err)
	}
	cfg := config.Default()
	if url, err := frontURL(cfg, ":8420"); err != nil || url != "http://127.0.0.1:8420" {
		t.Errorf("without TLS: %s, %v", url, err)
	}
	cfg.TLS.CertFile = "tls.crt"
	if url, err := frontURL(cfg, ":8420"); err != nil || url != "https://127.0.0.1:8420" {
		t.Errorf("with TLS: %s, %v", url, err)
	}
}

// A pair that cannot be used stops the start, and the check of the configuration, by its setting's name.
func TestUnusableCertificateStopsTheStart(t *testing.T) {
	t.Parallel()
	certFile, _, _ := certificate(t)
	_, keyFile, _ := certificate(t)
	for name, tt := range map[string]struct{ key, want string }{
		"no file":     {keyFile + ".no", keyFile + ".no: no such file"},
		"another key": {keyFile, "private key does not match public key"},
		"no key":      {certFile, "found a certificate rather than a key"},
	} {
		for _, command := range [][]string{{"config", "check"}, {"serve", "--listen", "127.0.0.1:0", "--ops-listen", ""}} {
			env := map[string]string{"SPECGATE_TLS_CERT_FILE": certFile, "SPECGATE_TLS_KEY_FILE": tt.key}
			var stderr strings.Builder
			ctx, cancel := context.WithTimeout(t.Context(), bounded)
			code := run(ctx, command, terminal{stdout: io.Discard, stderr: &stderr, getenv: func(name string) string { return env[name] }})
			cancel()
			if text := stderr.String(); code != exitFailure || !strings.Contains(text, "tls.cert_file and tls.key_file cannot be used: ") || !strings.Contains(text, tt.want) {
				t.Errorf("%s: %s: %d %s", name, command[0], code, text)
			}
		}
	}
}
