package upstream

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
)

// Inspectors gives the fuzz test the inspection of answers without a backend around it.
func Inspectors(completion, chunk Checker) map[string]func([]byte) ([]byte, error) {
	c := &Client{options: Options{Repaired: func(string, string) {}}}
	return map[string]func([]byte) ([]byte, error){
		"Completion":      c.inspector(completion, repair{asked: "m"}).inspect,
		"CompletionChunk": c.inspector(chunk, repair{chunks: true, asked: "m"}).inspect,
	}
}

// Through has requests go through a proxy.
func (c *Client) Through(proxy *url.URL) { c.transport.Proxy = http.ProxyURL(proxy) }

// Trust lets a test's own certificate pass.
func (c *Client) Trust(certificate *x509.Certificate) {
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	c.transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}
}
