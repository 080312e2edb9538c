package server

import (
	"context"
	"errors"

	"github.com/labstack/echo/v4"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
)

// Usage keeps records of completions.
type Usage interface {
	// Record keeps one of a call that is over, with the status and the code of the error that its caller
	// gets, unless that was done behind the operation.
	Record(ctx context.Context, status int, code string)
}

// recordUse leaves a record of each request for a completion whose caller is known, however it ends. Those that were
// answered in full have one by now; what comes back without was refused, failed or left.
func (s *Server) recordUse(operation string) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		use := s.options.Usage
		if use == nil || operation != completions {
			return next
		}
		return func(c echo.Context) error {
			ended := errPanic // unless next returns
			defer func() {
				ctx := c.Request().Context()
				if completion.CallOf(ctx).Principal != nil {
					status, code := s.outcome(c, ended)
					s.aside(c, func() { use.Record(ctx, status, code) })
				}
			}()
			ended = next(c)
			return ended
		}
	}
}

var errPanic = errors.New("a bug broke it off")

// outcome is what the caller of a request gets: the status, that of an answer which has begun even where it
// broke, and the code of the error.
func (s *Server) outcome(c echo.Context, err error) (status int, code string) {
	if err == nil || errors.Is(err, errCut) {
		return c.Response().Status, ""
	}
	e, _ := s.describe(err, c)
	if c.Response().Committed && e.Status != apierror.StatusClientClosed {
		return c.Response().Status, s.loggable(e.Code)
	}
	return e.Status, s.loggable(e.Code)
}
