package server

import (
	"sync/atomic"

	"github.com/labstack/echo/v4"

	"github.com/specgate/specgate/internal/apierror"
)

// inflight counts what is held at one time: requests that run, and the bytes of their bodies.
type inflight struct{ bytes, requests atomic.Int64 }

// hold takes n more bytes, and reports whether that is still within most. Either way the bytes are counted,
// until they are dropped.
func (f *inflight) hold(n, most int64) bool { return f.bytes.Add(n) <= most }

func (f *inflight) drop(n int64) { f.bytes.Add(-n) }

// admit refuses a request that is one too many.
func (s *Server) admit(next echo.HandlerFunc) echo.HandlerFunc {
	f, most := &s.flight, s.options.Limits.MaxConcurrent
	return func(c echo.Context) error {
		defer f.requests.Add(-1)
		if f.requests.Add(1) > most {
			return apierror.Overloaded()
		}
		return next(c)
	}
}

// InFlight is how many requests of callers who are known run at present.
func (s *Server) InFlight() int { return int(s.flight.requests.Load()) }

// BodyBytes is how much of bodies is held at present.
func (s *Server) BodyBytes() int { return int(s.flight.bytes.Load()) }
