package tracing

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
)

// Certificates are files in PEM, each empty for none.
type Certificates struct {
	Roots       string // of those that the endpoint's is to be signed by; where it is empty, the system's
	Client, Key string // what the gateway shows
}

// Config reads the files by open, which gives all of one and bounds how much that may be.
func (c Certificates) Config(open func(file string) ([]byte, error)) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.Roots != "" {
		text, err := open(c.Roots)
		if err != nil {
			return nil, fmt.Errorf("read the certificates for traces: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("read the certificates for traces: there is none in %s", c.Roots)
		}
	}
	if c.Client == "" {
		return config, nil
	}
	own, err := c.own(open)
	if err != nil {
		return nil, fmt.Errorf("read the client's certificate for traces: %w", err)
	}
	config.Certificates = []tls.Certificate{own}
	return config, nil
}

func (c Certificates) own(open func(file string) ([]byte, error)) (pair tls.Certificate, err error) {
	certificate, err := open(c.Client)
	if err != nil {
		return pair, err
	}
	key, err := open(c.Key)
	if err != nil {
		return pair, err
	}
	return tls.X509KeyPair(certificate, key)
}
