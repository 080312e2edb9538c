package upstream

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
)

// loggable is err in words that a backend, or a proxy, has no part in: net/http repeats the lines that it could not
// parse, and certificates have names. It never is io.EOF, which is how a stream ends that is whole.
func loggable(err error) error {
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var proxy *proxyRefused
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	case errors.As(err, &certificate):
		return errors.New(distrusted(certificate.Err))
	case errors.As(err, &proxy):
		return proxy
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return fmt.Errorf("reach the proxy: %w", loggable(op.Err))
	case errors.As(err, &op):
		return op
	case errors.As(err, &record):
		return record
	case closedUnasked(err):
		return errors.New("the connection was closed without an answer")
	}
	if words := inWords(err); words != "" {
		return errors.New(words)
	}
	return fmt.Errorf("the transport gave %T", err)
}

// distrusted says why a certificate is not trusted, by what x509 begins with.
func distrusted(err error) string {
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &name):
		return "x509: certificate is not valid for this host"
	case errors.As(err, &authority):
		return "x509: certificate signed by unknown authority"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "x509: certificate has expired or is not yet valid"
	default:
		return "x509: certificate is not valid"
	}
}

// inWords is what an error of the standard library means that it does not export, or that of one within it; empty where
// it is not known.
func inWords(err error) string {
	for ; err != nil; err = errors.Unwrap(err) {
		text := err.Error()
		for _, wrong := range wrongs {
			if strings.HasPrefix(text, wrong.begins) {
				return wrong.words
			}
		}
	}
	return ""
}

// What can be wrong with an answer as HTTP has it.
const (
	wrongStatusLine = "the answer has a malformed status line"
	wrongHeader     = "the answer has a malformed header"
	longHeader      = "the header of the answer is too large"
	wrongLength     = "the answer has a Content-Length that is none, or several"
	wrongEncoding   = "the answer has a Transfer-Encoding that is not known"
	wrongChunk      = "the answer has a malformed chunk"
	wrongTrailer    = "the answer has a malformed trailer"
	wrongGzip       = "the answer's gzip is damaged"
	wrongTLS        = "the other side's TLS is malformed, or none that is spoken here"
)

// wrongs are known by how their texts begin, before any word of a backend's.
var wrongs = []struct{ begins, words string }{
	{"malformed HTTP response", wrongStatusLine},
	{"malformed HTTP status code", wrongStatusLine},
	{"malformed HTTP version", wrongStatusLine},
	{"malformed MIME header", wrongHeader},
	{"net/http: server response headers exceeded", longHeader},
	{"read limit of ", longHeader},
	{"message too large", longHeader},
	{"bad Content-Length", wrongLength},
	{"invalid empty Content-Length", wrongLength},
	{"http: message cannot contain multiple Content-Length", wrongLength},
	{"unsupported transfer encoding", wrongEncoding},
	{"too many transfer encodings", wrongEncoding},
	{"malformed chunked encoding", wrongChunk},
	{"chunked encoding contains too much non-data", wrongChunk},
	{"chunked line ends with bare LF", wrongChunk},
	{"invalid CR in chunked line", wrongChunk},
	{"empty hex number for chunk length", wrongChunk},
	{"invalid byte in chunk length", wrongChunk},
	{"http chunk length too large", wrongChunk},
	{"header line too long", wrongChunk},
	{"invalid Trailer key", wrongTrailer},
	{"bad trailer key", wrongTrailer},
	{"http: suspiciously long trailer", wrongTrailer},
	{"http: unexpected EOF reading trailer", wrongTrailer},
	{"gzip: ", wrongGzip},
	{"flate: ", wrongGzip},
	{"tls: ", wrongTLS},
}

// proxyRefused is a proxy that does not lead to the backend. It is known by its status alone.
type proxyRefused struct{ status int }

func (p *proxyRefused) Error() string {
	return fmt.Sprintf("the proxy answered CONNECT with status %d", p.status)
}
