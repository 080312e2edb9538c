package server

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/auth"
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
		asks := auth.Request{Token: token, Organization: first(h, headerOrganization), Project: first(h, headerProject)}
		principal, err := s.options.Tokens.Authenticate(c.Request().Context(), asks)
		if principal.Grant != nil {
			call := completion.CallOf(c.Request().Context())
			call.Principal = principal
			if principal.Grant.Forward {
				call.Own = &completion.Credentials{Token: token, Organization: asks.Organization, Project: asks.Project}
			}
		}
		if err != nil {
			return s.countRefused(c, s.notAuthenticated(err))
		}
		return next(c)
	}
}

func (s *Server) notAuthenticated(err error) error {
	switch {
	case errors.Is(err, auth.ErrToken):
		return apierror.InvalidAPIKey()
	case errors.Is(err, auth.ErrOrganization):
		return apierror.OrganizationNotAllowed()
	case errors.Is(err, auth.ErrProject):
		return apierror.ProjectNotAllowed()
	case errors.Is(err, context.Canceled):
		return err
	default:
		return apierror.KeysUnavailable(s.seldom(err))
	}
}

// seldom is a cause for the log, or nil where that had one a moment ago: whoever asks needs no key for it.
func (s *Server) seldom(cause error) error {
	if s.told.now(time.Now()) {
		return cause
	}
	return nil
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
