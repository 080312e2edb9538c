package server

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/contract"
)

// authenticate finds who asks and for whom, from the headers alone.
func (s *Server) authenticate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Request().Header
		token, err := bearer(h)
		if err != nil {
			return err
		}
		if err := onceEach(h, headerOrganization, headerProject); err != nil {
			return err
		}
		principal, ok := s.options.Tokens.Authenticate(token)
		if !ok {
			return apierror.InvalidAPIKey()
		}
		completion.CallOf(c.Request().Context()).Principal = principal
		if !principal.MayActFor(first(h, headerOrganization)) {
			return apierror.OrganizationNotAllowed()
		}
		if !principal.MayActIn(first(h, headerProject)) {
			return apierror.ProjectNotAllowed()
		}
		return next(c)
	}
}

// bearer reads the token of the Authorization header, its scheme in any letter case. Of two headers
// nobody knows which one those in front of us have looked at.
func bearer(h http.Header) (string, error) {
	values := h["Authorization"]
	if len(values) > 1 {
		return "", apierror.InvalidAPIKey()
	}
	scheme, token, _ := strings.Cut(strings.Join(values, ""), " ")
	token = strings.Trim(token, " ")
	if token == "" || !strings.EqualFold(scheme, "Bearer") {
		return "", apierror.MissingAPIKey()
	}
	return token, nil
}

// onceEach refuses headers that were sent twice, and may be read either way.
func onceEach(h http.Header, names ...string) error {
	var violations []contract.Violation
	for _, name := range names {
		if len(h[name]) > 1 {
			violations = append(violations, contract.Violation{
				Loc: []any{"header", strings.ToLower(name)}, Type: "value_error", Msg: "Value error, the header must be sent once",
			})
		}
	}
	if violations == nil {
		return nil
	}
	return &contract.Invalid{Violations: violations}
}
