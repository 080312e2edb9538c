package server_test

import (
	"bufio"
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
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/specgate/specgate/server"
)

// pair is a certificate of 127.0.0.1 that vouches for itself, in two files.
type pair struct {
	cert, key         []byte
	certFile, keyFile string
	serial            string
	roots             *x509.CertPool
}

func newPair(t *testing.T, dir string) *pair {
	t.Helper()
	return newPairUntil(t, dir, time.Now().Add(time.Hour))
}

func newPairUntil(t *testing.T, dir string, until time.Time) *pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "specgate test"},
		NotBefore:    until.Add(-2 * time.Hour), NotAfter: until,
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
	p := &pair{
		cert:     pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key:      pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		certFile: filepath.Join(dir, "tls.crt"), keyFile: filepath.Join(dir, "tls.key"),
		serial: serial.Text(16),
		roots:  x509.NewCertPool(),
	}
	p.roots.AppendCertsFromPEM(p.cert)
	write(t, p.certFile, p.cert)
	write(t, p.keyFile, p.key)
	return p
}

func write(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// look is how often the tests' servers look at their files.
const look = 20 * time.Millisecond

func (p *pair) options(t *testing.T) *server.TLS {
	t.Helper()
	certificate, err := server.LoadCertificate(p.certFile, p.keyFile, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	return &server.TLS{Certificate: certificate, MinVersion: tls.VersionTLS12, Reload: look}
}

// shown is the serial of the certificate that a new caller is shown, and what was agreed on.
func (r *running) shown(config *tls.Config) (serial string, state tls.ConnectionState) {
	r.t.Helper()
	config.InsecureSkipVerify = true
	conn := tls.Client(r.dial(), config)
	if err := conn.HandshakeContext(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	state = conn.ConnectionState()
	return state.PeerCertificates[0].SerialNumber.Text(16), state
}

// eventually waits for what is to happen.
func eventually(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for begin := time.Now(); !happened(); time.Sleep(look) {
		if time.Since(begin) > 15*time.Second {
			t.Fatal("it does not happen: " + what)
		}
	}
}

func TestProtocolIsAgreedOn(t *testing.T) {
	r := open(t, "h2", nil).running
	for _, tt := range []struct{ offered, want string }{{"h2,http/1.1", "h2"}, {"http/1.1", "http/1.1"}, {"", ""}} {
		config := &tls.Config{}
		if tt.offered != "" {
			config.NextProtos = strings.Split(tt.offered, ",")
		}
		if _, state := r.shown(config); state.NegotiatedProtocol != tt.want || state.Version != tls.VersionTLS13 {
			t.Errorf("of %q the server takes %q, with TLS %x", tt.offered, state.NegotiatedProtocol, state.Version)
		}
	}
	if _, state := r.shown(&tls.Config{MaxVersion: tls.VersionTLS12}); state.Version != tls.VersionTLS12 {
		t.Errorf("TLS 1.2 is answered with %x", state.Version)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	for _, tt := range []struct{ least, offered uint16 }{{tls.VersionTLS12, tls.VersionTLS11}, {tls.VersionTLS13, tls.VersionTLS12}} {
		r := open(t, "h2", func(o *server.Options) { o.TLS.MinVersion = tt.least }).running
		conn := tls.Client(r.dial(), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tt.offered})
		if err := conn.HandshakeContext(t.Context()); err == nil {
			t.Errorf("TLS %x is spoken, though %x is the least", tt.offered, tt.least)
		}
	}
}

// Who speaks plain HTTP is told so, and not in the contract's name: nobody knows who he is.
func TestPlainRequestToTLS(t *testing.T) {
	r := open(t, "h2", nil).running
	conn := r.dial()
	if _, err := io.WriteString(conn, head(bearer, "Content-Length: 26")+valid); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, conn); !strings.HasPrefix(got, "HTTP/1.0 400 ") || !strings.Contains(got, "HTTPS") {
		t.Errorf("got %q", got)
	}
}

// A caller who does not finish a handshake has as long as for a header.
func TestHandshakeThatDoesNotEnd(t *testing.T) {
	r := open(t, "h2", func(o *server.Options) { o.Limits.HeaderTimeout = 200 * time.Millisecond }).running
	for _, sent := range []string{"", "\x16\x03\x01\x02\x00\x01"} {
		conn := r.dial()
		if _, err := io.WriteString(conn, sent); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		_ = readAll(t, conn)
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("after %q the connection is held for %v", sent, took)
		}
	}
}

// The operations listener has no TLS, and so no HTTP/2.
func TestOperationsStayPlain(t *testing.T) {
	f := open(t, "h2", nil)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+f.ops+"/readyz", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.do(req); got.status != http.StatusOK {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

func TestCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	first := newPair(t, dir)
	r := start(t, func(o *server.Options) { o.TLS = first.options(t) })
	old := tls.Client(r.dial(), &tls.Config{RootCAs: first.roots, ServerName: "127.0.0.1"})
	if err := old.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := newPair(t, dir)
	eventually(t, "the new certificate", func() bool {
		serial, _ := r.shown(&tls.Config{})
		if serial != first.serial && serial != second.serial {
			t.Fatalf("a certificate %s, which is neither", serial)
		}
		return serial == second.serial
	})
	if _, err := io.WriteString(old, "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if got := response(t, bufio.NewReader(old)); got.status != http.StatusOK {
		t.Errorf("a connection from before: %d", got.status)
	}
}

// Kubernetes puts a new directory beside the old one, and swaps a link. Times of files may go back.
func TestCertificateBehindLinks(t *testing.T) {
	dir := t.TempDir()
	version := func(name string, age time.Duration) *pair {
		path := filepath.Join(dir, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		p := newPair(t, path)
		for _, file := range []string{p.certFile, p.keyFile} {
			if err := os.Chtimes(file, time.Now().Add(-age), time.Now().Add(-age)); err != nil {
				t.Fatal(err)
			}
		}
		return p
	}
	link := func(from, to string) {
		if err := os.Symlink(to, filepath.Join(dir, "new")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, from)); err != nil {
			t.Fatal(err)
		}
	}
	first := version("..1", time.Minute)
	link("..data", "..1")
	link("tls.crt", "..data/tls.crt")
	link("tls.key", "..data/tls.key")
	first.certFile, first.keyFile = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	r := start(t, func(o *server.Options) { o.TLS = first.options(t) })
	second := version("..2", time.Hour)
	link("..data", "..2")
	if err := os.RemoveAll(filepath.Join(dir, "..1")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new certificate", func() bool {
		serial, _ := r.shown(&tls.Config{})
		return serial == second.serial
	})
}

// What is no pair is never served: the one before is, and the log says why, once.
func TestBadCertificateIsNotTakenOver(t *testing.T) {
	elsewhere := newPair(t, t.TempDir())
	for name, spoil := range map[string]func(t *testing.T, p *pair){
		"another key":         func(t *testing.T, p *pair) { t.Helper(); write(t, p.keyFile, elsewhere.key) },
		"another certificate": func(t *testing.T, p *pair) { t.Helper(); write(t, p.certFile, elsewhere.cert) },
		"no PEM":              func(t *testing.T, p *pair) { t.Helper(); write(t, p.certFile, []byte("secret words")) },
		"half a file":         func(t *testing.T, p *pair) { t.Helper(); write(t, p.keyFile, p.key[:len(p.key)/2]) },
		"no file": func(t *testing.T, p *pair) {
			t.Helper()
			if err := os.Remove(p.keyFile); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			first := newPair(t, dir)
			r := start(t, func(o *server.Options) { o.TLS = first.options(t) })
			spoil(t, first)
			eventually(t, "a line of the log", func() bool { return strings.Contains(r.log.String(), "not taken over") })
			if serial, _ := r.shown(&tls.Config{}); serial != first.serial {
				t.Errorf("the certificate is %s, want that of before", serial)
			}
			time.Sleep(5 * look)
			log := r.log.String()
			if strings.Count(log, "not taken over") != 1 || !strings.Contains(log, first.certFile) && !strings.Contains(log, first.keyFile) {
				t.Errorf("log: %s", log)
			}
			if strings.Contains(log, "secret words") || strings.Contains(log, "PRIVATE") {
				t.Errorf("the log holds what is in the files: %s", log)
			}
			second := newPair(t, dir)
			eventually(t, "the next certificate", func() bool {
				serial, _ := r.shown(&tls.Config{})
				return serial == second.serial
			})
		})
	}
}

func TestCertificateThatCannotBeLoaded(t *testing.T) {
	p, other := newPair(t, t.TempDir()), newPair(t, t.TempDir())
	for _, tt := range []struct{ cert, key, want string }{
		{p.certFile + ".no", p.keyFile, p.certFile + ".no"},
		{p.certFile, p.keyFile + ".no", p.keyFile + ".no"},
		{p.certFile, other.keyFile, "private key does not match public key"},
		{p.keyFile, p.certFile, p.keyFile},
	} {
		if _, err := server.LoadCertificate(tt.cert, tt.key, os.ReadFile); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s and %s: %v", tt.cert, tt.key, err)
		}
	}
}

func TestExpiredCertificateIsToldOf(t *testing.T) {
	p := newPairUntil(t, t.TempDir(), time.Now().Add(-time.Minute))
	r := start(t, func(o *server.Options) { o.TLS = p.options(t) })
	eventually(t, "a line of the log", func() bool { return strings.Contains(r.log.String(), "has expired") })
}
