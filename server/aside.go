package server

import (
	"log/slog"

	"github.com/labstack/echo/v4"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
)

// aside does what only tells of a request: counts it, records it, ends its trace or logs it. A bug in that costs neither
// the answer nor what else tells of the request; it is logged, by where it is and without what it holds.
func (s *Server) aside(c echo.Context, tell func()) {
	defer func() {
		if p := recover(); p != nil {
			s.logBug(c, apierror.Recovered(p))
		}
	}()
	tell()
}

// logBug leaves a line on a bug that nobody else hears of.
func (s *Server) logBug(c echo.Context, bug *apierror.Error) {
	defer func() { _ = recover() }() // where the log itself is the bug, it has nobody to tell
	ctx := c.Request().Context()
	s.options.Logger.LogAttrs(ctx, slog.LevelError, "request not told of in full",
		slog.String("id", completion.CallOf(ctx).ID),
		slog.String("cause", bug.Cause.Error()),
	)
}
