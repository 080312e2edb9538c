package server

import (
	"bytes"
	"context"
	"net/http"
	"sync/atomic"
	"time"
)

// shared is what the servers of one gateway have together: what is counted over all requests, whichever options they
// began with, and which options new ones begin with.
type shared struct {
	current   atomic.Pointer[Server]
	flight    inflight
	draining  atomic.Bool
	told      seldom          // when the log had last why keys cannot be checked
	strangers seldom          // when it had last that one was at the operations listener
	base      context.Context // of every request; its cause says why the server ended them
	cancel    context.CancelCauseFunc
	patience  context.Context // at the end, with what runs; over when that has to be quick
	hurry     context.CancelFunc
	ended     chan struct{} // closed when Serve has
}

func newShared() *shared {
	s := &shared{ended: make(chan struct{})}
	s.base, s.cancel = context.WithCancelCause(context.Background())
	s.patience, s.hurry = context.WithCancel(context.Background())
	return s
}

// Next assembles the same gateway with other options; Become makes it the one that new requests go to. TLS and H2C
// stay as Serve found them, and so does HeaderTimeout, and BodyTimeout for the pings of HTTP/2.
func (s *Server) Next(o Options) (*Server, error) {
	by := s.enforced
	if !bytes.Equal(o.Spec, s.options.Spec) {
		var err error
		if by, err = enforce(o.Spec); err != nil {
			return nil, err
		}
	}
	next, err := assemble(s.shared, by, o)
	if err == nil && o.Faults == s.options.Faults {
		next.asked = s.asked // the same script goes on
	}
	return next, err
}

// Become has new requests go to s, which is a Next of the current one. What it gives is closed when the last request has
// ended that went to the one before.
func (s *Server) Become() <-chan struct{} { return s.current.Swap(s).users.end() }

// present hands each request to the server that is current when it comes, which it keeps until its end.
func (s *shared) present(serve func(*Server, http.ResponseWriter, *http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for {
			if now := s.now(); now.users.enter() {
				defer now.users.leave()
				serve(now, w, r)
				return
			} // else another became current since
		}
	})
}

func (s *shared) now() *Server { return s.current.Load() }

func (s *shared) writeTimeout() time.Duration { return s.now().options.Limits.WriteTimeout }

// users are the requests of a server, and one more while it is current or to be.
type users struct {
	count atomic.Int64
	none  chan struct{} // closed when there is nobody any more
}

func (u *users) begin() {
	u.count.Store(1)
	u.none = make(chan struct{})
}

// enter counts a request, unless there is nobody any more.
func (u *users) enter() bool {
	for {
		n := u.count.Load()
		if n == 0 {
			return false
		}
		if u.count.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (u *users) leave() {
	if u.count.Add(-1) == 0 {
		close(u.none)
	}
}

func (u *users) end() <-chan struct{} {
	u.leave()
	return u.none
}
