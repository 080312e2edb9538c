package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/specgate/specgate/internal/apierror"
)

const (
	idleTimeout    = 120 * time.Second // for a kept connection that asks nothing
	maxHeaderBytes = 64 << 10
	cancelGrace    = 5 * time.Second // for what was cancelled to say so to its callers
)

// Serve answers the requests that come to main, and health checks and metrics on ops (which may be
// nil), with the options that are current, until ctx ends; then it drains, as Shutdown says, and returns. It closes both listeners. The
// error is that of a listener that broke.
func (s *Server) Serve(ctx context.Context, main, ops net.Listener) error {
	defer close(s.ended)
	front := s.newHTTP(s.present((*Server).streams))
	back := s.newHTTP(s.present((*Server).operate))
	ctx, failed := context.WithCancelCause(ctx)
	var running sync.WaitGroup
	running.Go(func() { failed(s.serveFront(front, deadlineListener{main, s.writeTimeout})) })
	if t := s.options.TLS; t != nil {
		running.Go(func() { t.Certificate.watch(ctx, t.Reload, s.options.Logger) })
	}
	if ops != nil {
		running.Go(func() { failed(back.Serve(ops)) })
	}
	<-ctx.Done()
	if errors.Is(context.Cause(ctx), context.Canceled) {
		s.drain(context.WithoutCancel(ctx), front)
	}
	s.cancel(apierror.ErrShuttingDown)
	err := errors.Join(front.Close(), back.Close())
	running.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return errors.Join(cause, err)
	}
	return err
}

func (s *Server) newHTTP(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: s.options.Limits.HeaderTimeout,
		IdleTimeout:       idleTimeout,

		DisableGeneralOptionsHandler: true, // OPTIONS * is an unknown path like any other
		MaxHeaderBytes:               maxHeaderBytes,
		BaseContext:                  func(net.Listener) context.Context { return s.base },
		ErrorLog:                     slog.NewLogLogger(s.options.Logger.Handler(), slog.LevelDebug),
	}
}

// drain ends the front in order: not ready, but still taking requests; then no new ones; then what
// still runs is cancelled, and told so.
func (s *Server) drain(ctx context.Context, front *http.Server) {
	log, end := s.options.Logger, s.now().options.Shutdown
	s.draining.Store(true)
	log.InfoContext(ctx, "shutting down", "delay_ms", end.Delay.Milliseconds(), "drain_ms", end.Drain.Milliseconds())
	select {
	case <-time.After(end.Delay):
	case <-s.patience.Done():
	}
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(s.patience, stop)() //nolint:contextcheck // that is of the server, not of a request
	if shutdown(waiting, front, end.Drain) {
		return
	}
	log.WarnContext(ctx, "requests are cancelled: they ran longer than the drain, or nobody waits for it")
	s.cancel(apierror.ErrShuttingDown)
	shutdown(ctx, front, cancelGrace)
}

// Hurry ends a Serve whose context is over sooner: what runs is cancelled now, and told so. It returns when Serve has
// ended, or after limit.
func (s *Server) Hurry(limit time.Duration) {
	s.hurry()
	select {
	case <-s.ended:
	case <-time.After(limit):
	}
}

// shutdown waits for what runs, for a time, and reports whether all of it ended.
func shutdown(ctx context.Context, front *http.Server, wait time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	return front.Shutdown(ctx) == nil
}

// deadlineListener gives each write to a connection its own deadline: a caller who does not read
// holds an answer up for that long at most, and a stream may last for hours.
type deadlineListener struct {
	net.Listener
	timeout func() time.Duration
}

// Accept waits for the next connection.
func (l deadlineListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("a connection is a %T, not TCP", c), c.Close())
	}
	return &deadlineConn{TCPConn: tcp, timeout: l.timeout}, nil
}

type deadlineConn struct {
	*net.TCPConn
	timeout func() time.Duration
	until   atomic.Int64 // the deadline of somebody else, in nanoseconds since 1970; 0 where there is none
}

// SetWriteDeadline sets a deadline that holds where it is earlier than a write's own: TLS has one for its
// last words, so that closing a connection takes no longer.
func (c *deadlineConn) SetWriteDeadline(t time.Time) error {
	var until int64
	if !t.IsZero() {
		until = t.UnixNano()
	}
	c.until.Store(until)
	return c.TCPConn.SetWriteDeadline(t)
}

// next is the deadline for the next piece.
func (c *deadlineConn) next() time.Time {
	deadline := time.Now().Add(c.timeout())
	if until := c.until.Load(); until != 0 && until < deadline.UnixNano() {
		return time.Unix(0, until)
	}
	return deadline
}

// pieceSize is how much of an answer a caller has to take within one deadline.
const pieceSize = 256 << 10

// Write writes p, piece by piece.
func (c *deadlineConn) Write(p []byte) (written int, err error) {
	for {
		if err := c.TCPConn.SetWriteDeadline(c.next()); err != nil {
			return written, err
		}
		n, err := c.TCPConn.Write(p[:min(len(p), pieceSize)])
		written += n
		if p = p[n:]; err != nil || len(p) == 0 {
			return written, err
		}
	}
}
