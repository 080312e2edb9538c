package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/specgate/specgate/internal/apierror"
)

// What a caller is told of a backend that could not be talked to.
const (
	msgUnreachable = "The backend could not be reached."
	msgBrokeOff    = "The backend broke off before its answer was whole."
	msgUnreadable  = "The backend's answer could not be read."
)

// failure says what an error of the transport means. The context knows best: whoever ended it said
// why, and the transport's own error is but a consequence.
func (x *exchange) failure(err error) error {
	cause := context.Cause(x.ctx)
	var tooSlow *slow
	switch {
	case errors.As(cause, &tooSlow):
		return x.fated(apierror.UpstreamTimeout(cause))
	case errors.Is(cause, context.DeadlineExceeded), cause == nil && timedOut(err):
		return x.fated(apierror.UpstreamTimeout(errors.New("a deadline passed")))
	case cause != nil && !x.connected:
		return apierror.WithFate(apierror.NotSent, fmt.Errorf("reach %s: %w", x.name, cause))
	case cause != nil:
		return fmt.Errorf("ask %s: %w", x.name, cause)
	case unreachable(err):
		return x.fated(apierror.Upstream(msgUnreachable, loggable(err)))
	case brokeOff(err) && !x.begun.Load():
		e := apierror.Upstream(msgBrokeOff, loggable(err))
		e.Fate = apierror.NoAnswer
		return x.fated(e)
	case brokeOff(err):
		return x.fated(apierror.Upstream(msgBrokeOff, loggable(err)))
	default:
		return x.fated(apierror.Upstream(msgUnreadable, loggable(err)))
	}
}

// fated marks an error as one of a request that was not sent, if it was not.
func (x *exchange) fated(e *apierror.Error) *apierror.Error {
	if !x.connected {
		e.Fate = apierror.NotSent
	}
	return e
}

// unreadable is failure for a body that came and makes no sense.
func (x *exchange) unreadable(err error) error {
	var known *apierror.Error
	switch {
	case errors.As(err, &known):
		return err
	case context.Cause(x.ctx) != nil, brokeOff(err):
		return x.failure(err)
	default:
		return apierror.Upstream(msgUnreadable, loggable(err))
	}
}

func timedOut(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func unreachable(err error) bool {
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	var proxy *proxyRefused
	return errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect") || errors.As(err, &certificate) || errors.As(err, &proxy)
}

// brokeOff knows a connection that is gone. One that net/http has closed is among them: it does so when it
// reads the end of it while the request is still being written, and gives the error of the write.
func brokeOff(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || closedUnasked(err) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}

// closedUnasked knows by its words the error that net/http gives, and does not export, where the
// backend closes a connection without any answer.
func closedUnasked(err error) bool {
	return strings.HasSuffix(err.Error(), "server closed idle connection")
}
