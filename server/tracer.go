package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/contract"
)

// Tracer follows requests through the gateway.
type Tracer interface {
	// Begin begins to follow a request, and tells its call the trace. route is empty where there is none.
	Begin(call *completion.Call, r *http.Request, route string)
	// Validate follows a validation. What it returns is told how that ended: the code of the error, empty where there
	// was none, and the field and the type of each violation.
	Validate(ctx context.Context) (validated func(code string, fields, types []string))
	// End tells how a request ended: the status that was sent, 0 where none was.
	End(call *completion.Call, status int)
}

// beginTrace has a request followed, unless it is for a page: those who ask whether the gateway is well ask often.
func (s *Server) beginTrace(c echo.Context, call *completion.Call) {
	if t := s.options.Tracer; t != nil && !isPage(c.Path()) {
		t.Begin(call, c.Request(), c.Path())
	}
}

func (s *Server) endTrace(c echo.Context, call *completion.Call) {
	if s.options.Tracer == nil || isPage(c.Path()) {
		return
	}
	status := 0
	if c.Response().Committed {
		status = c.Response().Status
	}
	s.aside(c, func() { s.options.Tracer.End(call, status) })
}

// traced is the check of a validator, followed where requests are.
func (s *Server) traced(check func(echo.Context) error) func(echo.Context) error {
	t := s.options.Tracer
	if t == nil {
		return check
	}
	return func(c echo.Context) (err error) {
		validated := t.Validate(c.Request().Context())
		err = apierror.Internal(errPanic) // unless check returns
		defer func() { s.tellValidated(validated, c, err) }()
		err = check(c)
		return err
	}
}

func (s *Server) tellValidated(validated func(code string, fields, types []string), c echo.Context, err error) {
	if err == nil {
		validated("", nil, nil)
		return
	}
	e, _ := s.describe(err, c)
	fields, types := s.faultsIn(err)
	validated(s.loggable(e.Code), fields, types)
}

// faultsIn names all that a request was refused for as one that breaks the contract: the field of each violation,
// or other for what is none of the contract's, and its type.
func (s *Server) faultsIn(err error) (fields, types []string) {
	var invalid *contract.Invalid
	if !errors.As(err, &invalid) {
		return nil, nil
	}
	for _, v := range invalid.Violations {
		field := nameOfField(v.Loc)
		if !s.fields[field] {
			field = fieldOther
		}
		fields, types = append(fields, field), append(types, s.loggable(v.Type))
	}
	return fields, types
}
