package server

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// TLS is how callers are served over TLS.
type TLS struct {
	Certificate *Certificate
	MinVersion  uint16        // as crypto/tls numbers them
	Reload      time.Duration // between two looks at the certificate's files; 2 s where it is 0
}

// reload is short, for the files are small: those who renew a certificate at the last moment see it
// in use within twice this time.
const reload = 2 * time.Second

// Certificate is a chain and the key of its first certificate, from two files in PEM. A pair that does
// not belong together is never served.
type Certificate struct {
	certFile, keyFile string
	open              func(file string) ([]byte, error)
	current           atomic.Pointer[tls.Certificate]

	// What was found in the files, by contents or by error: when they were last looked at, and when
	// anything was last made of it.
	seen, held string
}

// LoadCertificate reads a certificate for the first time, by open, which gives all of a file and bounds how much that
// may be. Its errors name the file, and hold nothing of what is in it.
func LoadCertificate(certFile, keyFile string, open func(file string) ([]byte, error)) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, open: open}
	found := c.read()
	c.seen, c.held = found.mark, found.mark
	return c, c.take(found)
}

// files is what was in the two files.
type files struct {
	cert, key []byte
	err       error
	mark      string // equal where all of this is
}

func (c *Certificate) read() (f files) {
	if f.cert, f.err = c.open(c.certFile); f.err == nil {
		f.key, f.err = c.open(c.keyFile)
	}
	if f.err != nil {
		f.mark = f.err.Error()
		return f
	}
	cert, key := sha256.Sum256(f.cert), sha256.Sum256(f.key)
	f.mark = string(cert[:]) + string(key[:])
	return f
}

// take serves a pair from now on, if it is one.
func (c *Certificate) take(f files) error {
	if f.err != nil {
		return f.err
	}
	pair, err := tls.X509KeyPair(f.cert, f.key)
	if err != nil {
		return fmt.Errorf("%s with the key %s: %w", c.certFile, c.keyFile, err)
	}
	c.current.Store(&pair)
	return nil
}

// get is the certificate for a new connection.
func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.current.Load(), nil
}

// watch looks at the files again and again until ctx ends. It compares what they hold, not their times:
// behind the links that Kubernetes swaps, and after a copy that keeps times, those may be older.
func (c *Certificate) watch(ctx context.Context, every time.Duration, log *slog.Logger) {
	c.tell(ctx, log)
	ticker := time.NewTicker(cmp.Or(every, reload))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.look(ctx, log)
		}
	}
}

// look takes over what has changed, once it was found the same twice: before that, somebody may still be
// writing it. What is no pair is logged once, and the one before stays.
func (c *Certificate) look(ctx context.Context, log *slog.Logger) {
	found := c.read()
	settled := found.mark == c.seen
	c.seen = found.mark
	if !settled || found.mark == c.held {
		return
	}
	c.held = found.mark
	if err := c.take(found); err != nil {
		log.ErrorContext(ctx, "certificate not taken over: the one before stays in use", "cause", err)
		return
	}
	c.tell(ctx, log)
}

// tell names the certificate that is in use.
func (c *Certificate) tell(ctx context.Context, log *slog.Logger) {
	leaf := c.current.Load().Leaf
	log.InfoContext(ctx, "certificate in use", "file", c.certFile, "serial", leaf.SerialNumber.Text(16), "not_after", leaf.NotAfter)
	if time.Now().After(leaf.NotAfter) {
		log.WarnContext(ctx, "the certificate has expired", "file", c.certFile, "not_after", leaf.NotAfter)
	}
}
