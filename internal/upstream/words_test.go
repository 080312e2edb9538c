package upstream_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/specgate/specgate/internal/fakebackend"
	"github.com/specgate/specgate/internal/upstream"
)

// saidBy is what the log is told of a failure: the last of its words.
func saidBy(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the log is told what the backend sent: %v", err)
	}
	return err.Error()
}

func gzipped(text string) string {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return out.String()
}

// Whatever a backend does to HTTP, the log says what that is, and not in its words.
func TestCausesInWords(t *testing.T) {
	t.Parallel()
	const ok, chunked = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
	damaged := []byte(gzipped(answer))
	damaged[len(damaged)-6] ^= 1
	for name, test := range map[string]struct{ raw, want string }{
		"no HTTP":                 {"SSH-2.0-secret\r\n", "malformed status line"},
		"HTTP/2":                  {"\x00\x00\x12\x04\x00secret\r\n\r\n", "malformed status line"},
		"a status of words":       {"HTTP/1.1 secret OK\r\n\r\n", "malformed status line"},
		"a negative status":       {"HTTP/1.1 -20 secret\r\n\r\n", "malformed status line"},
		"a version of its own":    {"HTTP/secret 200 OK\r\n\r\n", "malformed status line"},
		"no colon":                {"HTTP/1.1 200 OK\r\nsecret\r\n\r\n", "malformed header"},
		"a continued first line":  {"HTTP/1.1 200 OK\r\n secret: x\r\n\r\n", "malformed header"},
		"a large header":          {"HTTP/1.1 200 OK\r\nSecret: " + strings.Repeat("x", 1<<20), "too large"},
		"interim answers":         {strings.Repeat("HTTP/1.1 103 Early Hints\r\nSecret: "+strings.Repeat("x", 1<<10)+"\r\n\r\n", 1<<10), "too large"},
		"a length of words":       {ok + "Content-Length: secret\r\n\r\n", "Content-Length"},
		"two lengths":             {ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}", "Content-Length"},
		"an empty length":         {ok + "Content-Length: \r\n\r\n{}", "Content-Length"},
		"an encoding of its own":  {ok + "Transfer-Encoding: secret\r\n\r\n", "Transfer-Encoding"},
		"two encodings":           {ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: secret\r\n\r\n", "Transfer-Encoding"},
		"a chunk of words":        {chunked + "\r\nsecret\r\n", "malformed chunk"},
		"a chunk without end":     {chunked + "\r\n2\r\n{}secret\r\n0\r\n\r\n", "malformed chunk"},
		"an empty length of one":  {chunked + "\r\n;secret\r\n{}", "malformed chunk"},
		"a huge chunk":            {chunked + "\r\n" + strings.Repeat("f", 17) + "\r\n{}", "malformed chunk"},
		"a long line of a chunk":  {chunked + "\r\n2;" + strings.Repeat("secret", 1<<12) + "\r\n{}", "malformed chunk"},
		"a chunk that ends early": {chunked + "\r\nff\r\n{}", "unexpected EOF"},
		"a trailer of a length":   {chunked + "Trailer: Content-Length\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "malformed trailer"},
		"half a trailer":          {chunked + "Trailer: A\r\n\r\n2\r\n{}\r\n0\r\nA: secret", "malformed trailer"},
		"a trailer without colon": {chunked + "Trailer: A\r\n\r\n2\r\n{}\r\n0\r\nsecret\r\n\r\n", "malformed header"},
		"half a body":             {ok + "Content-Length: 99\r\n\r\n{}", "unexpected EOF"},
		"half a head":             {ok, "unexpected EOF"},
		"no answer":               {"", "without an answer|unexpected EOF|connection reset"},
		"no gzip":                 {ok + "Content-Encoding: gzip\r\nContent-Length: 12\r\n\r\nsecretsecret", "gzip is damaged"},
		"a sum that is wrong":     {ok + "Content-Encoding: gzip\r\nConnection: close\r\n\r\n" + string(damaged), "gzip is damaged"},
		"gzip of nonsense":        {ok + "Content-Encoding: gzip\r\nConnection: close\r\n\r\n" + gzipped(answer)[:10] + "\xff\xff\xffsecret", "gzip is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := complete(t, fakebackend.Raw(test.raw))
			said := saidBy(t, err)
			for one := range strings.SplitSeq(test.want, "|") {
				if strings.Contains(said, one) {
					return
				}
			}
			t.Errorf("the log is told %q", said)
		})
	}
}

// What is wrong with the TLS of a backend is told, and no name that its certificate has.
func TestCausesOfTLS(t *testing.T) {
	t.Parallel()
	server := overTLS(t)
	otherHost := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	for name, test := range map[string]struct {
		base, want string
		change     func(*upstream.Client)
	}{
		"signed by nobody": {server.URL, "certificate signed by unknown authority", func(*upstream.Client) {}},
		"another's":        {otherHost, "certificate is not valid for this host", func(c *upstream.Client) { c.Trust(server.Certificate()) }},
		"no TLS":           {saying(t, "HTTP/1.1 400 secret\r\n\r\n"), "does not look like a TLS handshake", func(*upstream.Client) {}},
		"an alert":         {saying(t, "\x15\x03\x03\x00\x02\x02\x28"), "remote error: tls: handshake failure", func(*upstream.Client) {}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, test.base)
			test.change(c)
			_, err := c.Complete(caller(t), plain())
			if said := saidBy(t, err); !strings.Contains(said, test.want) {
				t.Errorf("the log is told %q", said)
			}
		})
	}
}

// saying is a server that answers a ClientHello in its own way.
func saying(t *testing.T, raw string) string {
	t.Helper()
	listener := listen(t)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = bufio.NewReader(conn).ReadByte()
		_, _ = io.WriteString(conn, raw)
		_, _ = io.Copy(io.Discard, conn)
	}()
	return "https://" + listener.Addr().String()
}

// A proxy that does not lead to the backend is told by its status, which tells the backend's answers from its own.
func TestCausesOfProxies(t *testing.T) {
	t.Parallel()
	closed := listen(t)
	_ = closed.Close()
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_, _ = io.WriteString(conn, "HTTP/1.1 407 secret-words\r\n\r\n")
			_ = conn.Close()
		}
	}))
	defer refusing.Close()
	for proxy, want := range map[string]string{
		refusing.URL:                       "the proxy answered CONNECT with status 407",
		"http://" + closed.Addr().String(): "reach the proxy: dial tcp",
	} {
		u, err := url.Parse(proxy)
		if err != nil {
			t.Fatal(err)
		}
		c := newClient(t, "https://backend.test")
		c.Through(u)
		_, err = c.Complete(caller(t), plain())
		if said := saidBy(t, err); !strings.Contains(said, want) {
			t.Errorf("the log is told %q, want %q", said, want)
		}
		if got := toldOf(t, err).Message; got != "The backend could not be reached." {
			t.Errorf("the caller is told %q", got)
		}
	}
}
