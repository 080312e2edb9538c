package server

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/labstack/echo/v4"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/contract"
)

// renderError is the one place that tells a caller of an error. Where the answer has begun it is for
// the log alone: a stream tells of it by an event of its own.
func (s *Server) renderError(err error, c echo.Context) {
	e, detail := s.describe(err, c)
	call := completion.CallOf(c.Request().Context())
	s.noteInvalid(c, call, err)
	call.Failed, call.ErrorCode, call.Reason = true, s.loggable(e.Code), e.Reason
	s.aside(c, func() { s.logCause(c, e) })
	if c.Response().Committed || e.Status == apierror.StatusClientClosed {
		return
	}
	maps.Copy(c.Response().Header(), e.Header)
	var body any = gen.Error{Error: e.Object()}
	if e.Status == http.StatusUnprocessableEntity {
		body = gen.ValidationError{Detail: detail, Error: e.Object()}
	}
	if err := c.JSON(e.Status, body); err != nil {
		s.options.Logger.LogAttrs(c.Request().Context(), slog.LevelDebug, "error not delivered", slog.String("id", call.ID))
	}
}

// describe finds the error object, and for a 422 its list.
func (s *Server) describe(err error, c echo.Context) (*apierror.Error, []gen.Violation) {
	var invalid *contract.Invalid
	var http404 *echo.HTTPError
	switch {
	case errors.As(err, &invalid):
		return ofViolations(invalid)
	case errors.As(err, &http404):
		return ofEcho(http404, c), nil
	}
	e := apierror.From(err)
	if e.Status != http.StatusUnprocessableEntity {
		return e, nil
	}
	return e, []gen.Violation{ofBackend(e)}
}

// ofBackend brings a backend's own 422 to the form that every 422 has.
func ofBackend(e *apierror.Error) gen.Violation {
	v := gen.Violation{Loc: []any{"body"}, Msg: e.Message, Type: cmp.Or(e.Code, "value_error")}
	if e.Param == "" {
		return v
	}
	for step := range strings.SplitSeq(e.Param, ".") {
		if position, err := strconv.Atoi(step); err == nil {
			v.Loc = append(v.Loc, position)
			continue
		}
		v.Loc = append(v.Loc, step)
	}
	return v
}

// ofViolations repeats the first violation as an error object, for those who look there.
func ofViolations(invalid *contract.Invalid) (*apierror.Error, []gen.Violation) {
	detail := make([]gen.Violation, len(invalid.Violations))
	for i, v := range invalid.Violations {
		detail[i] = gen.Violation{Loc: v.Loc, Msg: v.Msg, Type: v.Type}
	}
	first := invalid.Violations[0]
	return &apierror.Error{
		Status:  http.StatusUnprocessableEntity,
		Type:    apierror.TypeInvalidRequest,
		Code:    first.Type,
		Param:   param(first),
		Message: dotted(first.Loc) + ": " + first.Msg,
		Cause:   err422,
	}, detail
}

var err422 = errors.New("the request breaks the contract")

// param names the field of a violation; "" for a fault of the whole body.
func param(v contract.Violation) string {
	if v.Type == "json_invalid" { // its place is an offset, not a field
		return ""
	}
	return dotted(v.Loc[1:])
}

func dotted(loc []any) string {
	parts := make([]string, len(loc))
	for i, step := range loc {
		parts[i] = fmt.Sprint(step)
	}
	return strings.Join(parts, ".")
}

// ofEcho speaks for the router, which knows paths and methods.
func ofEcho(e *echo.HTTPError, c echo.Context) *apierror.Error {
	switch e.Code {
	case http.StatusNotFound:
		return apierror.NotFound(hint(c.Request().URL.Path))
	case http.StatusMethodNotAllowed:
		return apierror.MethodNotAllowed()
	default:
		return apierror.Internal(fmt.Errorf("the router answered %s", strconv.Itoa(e.Code)))
	}
}

// hint sends those who look for another of OpenAI's endpoints to the one that is here.
func hint(path string) string {
	switch {
	case strings.HasSuffix(path, "/completions"), strings.HasSuffix(path, "/completions/"), strings.HasSuffix(path, "/responses"):
		return "Completions are made with POST /v1/completions."
	case strings.Contains(path, "/models"):
		return "The models are listed at /v1/models."
	default:
		return "The contract is at /openapi.yaml."
	}
}

// codesOf are the codes of errors that the contract lists, and the one that is never sent.
func codesOf(doc *openapi3.T) map[string]bool {
	codes := map[string]bool{"": true, apierror.ClientClosed(nil).Code: true}
	for schema, property := range map[string]string{"ErrorObject": "code", "Violation": "type"} {
		listed, _ := doc.Components.Schemas[schema].Value.Properties[property].Value.Extensions["x-extensible-enum"].([]any)
		for _, code := range listed {
			codes[fmt.Sprint(code)] = true
		}
	}
	return codes
}

// loggable is a code as the log may name it: what a backend calls its errors is its own word.
func (s *Server) loggable(code string) string {
	if s.codes[code] {
		return code
	}
	return "other"
}

// logCause leaves a line on what went wrong here or behind us; a caller's own faults are in the
// access log alone. An answer that has begun has the status that it began with: what broke is the rest of it.
func (s *Server) logCause(c echo.Context, e *apierror.Error) {
	if e.Status < http.StatusInternalServerError || e.Cause == nil {
		return
	}
	what, status := "request failed", e.Status
	if c.Response().Committed {
		what, status = "answer broke off", c.Response().Status
	}
	ctx := c.Request().Context()
	call := completion.CallOf(ctx)
	s.options.Logger.LogAttrs(ctx, slog.LevelError, what,
		slog.String("id", call.ID),
		slog.String("trace_id", call.TraceID),
		slog.Int("status", status),
		slog.String("code", s.loggable(e.Code)),
		slog.String("model", completion.Plain(call.Model)),
		slog.String("upstream", call.Upstream),
		slog.String("cause", e.Cause.Error()),
	)
}
