package server

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
)

// recoverPanics turns a panic into the error that a bug is. http.ErrAbortHandler goes on: it is how a
// connection is broken on purpose.
func recoverPanics(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p)
			default:
				err = apierror.Recovered(p)
			}
		}()
		return next(c)
	}
}

// logAccess renders the error of a request, if any, and writes its line. The line holds no body, no
// token, and no word of a backend's. A caller who was to get no answer, or not all of it, gets a broken
// connection: net/http would send an empty 200, or end the answer as if it were whole.
func (s *Server) logAccess(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := time.Now()
		err := next(c)
		begun, cut := c.Response().Committed, errors.Is(err, errCut)
		if err != nil && !cut {
			err = tell(c, err)
		}
		status := s.record(c, err, time.Since(start))
		var bug *apierror.Panic
		broken := cut || begun && errors.As(err, &bug)
		if broken || !begun && status == apierror.StatusClientClosed {
			panic(http.ErrAbortHandler)
		}
		return nil
	}
}

// tell renders an error, and gives it back, or the bug that kept it from being told and is told in its place.
func tell(c echo.Context, err error) error {
	bug := recoverPanics(func(c echo.Context) error {
		c.Error(err)
		return nil
	})(c)
	if bug == nil {
		return err
	}
	c.Error(bug)
	return bug
}

// routeCompletions is the route of the operation that completions names.
const routeCompletions = "/v1/completions"

// record counts and logs a request, each apart from the others, and returns the status that it did so under.
func (s *Server) record(c echo.Context, err error, took time.Duration) (status int) {
	route := cmp.Or(c.Path(), "none")
	status = c.Response().Status
	if err != nil && apierror.From(err).Status == apierror.StatusClientClosed {
		status = apierror.StatusClientClosed
	}
	call := completion.CallOf(c.Request().Context())
	s.aside(c, func() { s.options.Metrics.Request(route, status, call.ErrorCode) })
	if route == routeCompletions && c.Request().Method == http.MethodPost {
		s.aside(c, func() { s.options.Metrics.Completion(call, took) })
	}
	if call.Reason != "" {
		s.aside(c, func() { s.options.Metrics.Unavailable(call.Reason) })
	}
	s.aside(c, func() { s.log(c, route, status, took) })
	return status
}

// log writes the line of a request.
func (s *Server) log(c echo.Context, route string, status int, took time.Duration) {
	level := slog.LevelInfo
	if isPage(route) {
		level = slog.LevelDebug
	}
	ctx := c.Request().Context()
	if !s.options.Logger.Enabled(ctx, level) {
		return
	}
	call := completion.CallOf(ctx)
	line := slog.NewRecord(time.Now(), level, "request", 0) // by itself, for LogAttrs looks up who called it
	line.AddAttrs(
		slog.String("id", call.ID),
		slog.String("method", knownMethod(c.Request().Method)),
		slog.String("route", route),
		slog.Int("status", status),
		slog.String("code", call.ErrorCode),
		slog.String("model", cmp.Or(completion.Plain(call.Model), call.Invalid.Model)),
		slog.String("principal", nameOf(call.Principal)),
		slog.Float64("duration_ms", float64(took.Microseconds())/1000),
		slog.Int64("bytes", c.Response().Size),
		slog.String("upstream", call.Upstream),
		slog.Int("attempts", call.Attempts),
		slog.String("trace_id", call.TraceID),
		faultOf(call),
		reasonOf(call),
		fieldsOf(call),
		s.fromOf(c.Request()),
	)
	_ = s.options.Logger.Handler().Handle(ctx, line) // a log that cannot be written has nobody to tell
}

// knownMethod is a method of HTTP, or other for what a caller made up: he may have put anything there.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodOptions, http.MethodConnect, http.MethodTrace:
		return method
	default:
		return "other"
	}
}

// reasonOf is what the log says of an unavailable gateway; nothing, which no line holds, of others.
func reasonOf(call *completion.Call) slog.Attr {
	if call.Reason == "" {
		return slog.Attr{}
	}
	return slog.String("reason", call.Reason)
}

// fieldsOf is what was wrong with a request that broke the contract.
func fieldsOf(call *completion.Call) slog.Attr {
	if call.Invalid.Fields == "" {
		return slog.Attr{}
	}
	return slog.String("fields", call.Invalid.Fields)
}

// fromOf is where a request comes from, where that is to be logged: the other end of its connection, for what headers say
// of others can be anything.
func (s *Server) fromOf(r *http.Request) slog.Attr {
	if !s.options.Addresses {
		return slog.Attr{}
	}
	return slog.String("from", r.RemoteAddr)
}

func nameOf(p completion.Principal) string {
	if p == nil {
		return ""
	}
	return p.Name()
}
