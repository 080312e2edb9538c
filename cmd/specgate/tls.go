package main

import (
	"crypto/tls"
	"fmt"
	"strings"

	"github.com/specgate/specgate/internal/config"
	"github.com/specgate/specgate/server"
)

var tlsVersions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// newTLS reads the certificate; nil where the configuration has none.
func newTLS(cfg config.TLS) (*server.TLS, error) {
	if !cfg.On() {
		return nil, nil
	}
	certificate, err := server.LoadCertificate(cfg.CertFile, cfg.KeyFile, config.ReadPlain)
	if err != nil {
		return nil, fmt.Errorf("tls.cert_file and tls.key_file cannot be used: %w", err)
	}
	return &server.TLS{Certificate: certificate, MinVersion: tlsVersions[cfg.MinVersion]}, nil
}

// frontURL is how this machine reaches the listener for callers.
func frontURL(cfg config.Config, listen string) (string, error) {
	base, err := localURL(listen)
	if err == nil && cfg.TLS.On() {
		base = "https" + strings.TrimPrefix(base, "http")
	}
	return base, err
}
