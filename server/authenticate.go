package server

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
)

// In the form in which net/http keeps them: another would be made into it, and copied, at every look.
const (
	headerOrganization = "Openai-Organization"
	headerProject      = "Openai-Project"
)

// authenticate finds who asks and for whom, from the headers alone.
func (s *Server) authenticate(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Request().Header
		token, ok := bearer(h)
		if !ok {
			return apierror.MissingAPIKey()
		}
		principal, ok := s.options.Tokens.Authenticate(token)
		if !ok {
			return apierror.InvalidAPIKey()
		}
		completion.CallOf(c.Request().Context()).Principal = principal
		if !principal.MayActFor(h.Get(headerOrganization)) {
			return apierror.OrganizationNotAllowed()
		}
		if !principal.MayActIn(h.Get(headerProject)) {
			return apierror.ProjectNotAllowed()
		}
		return next(c)
	}
}

// bearer reads the token of an Authorization header, its scheme in any letter case.
func bearer(h http.Header) (token string, ok bool) {
	scheme, token, ok := strings.Cut(h.Get("Authorization"), " ")
	token = strings.Trim(token, " ")
	return token, ok && token != "" && strings.EqualFold(scheme, "Bearer")
}
