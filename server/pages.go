package server

import (
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
)

// The pages beside the contract's routes. They need no token.
const (
	pageHealth     = "/healthz"
	pageReady      = "/readyz"
	pageSpecYAML   = "/openapi.yaml"
	pageSpecJSON   = "/openapi.json"
	pageDocs       = "/docs"
	pagePlayground = "/playground"
)

func isPage(route string) bool {
	switch route {
	case pageHealth, pageReady, pageSpecYAML, pageSpecJSON:
		return true
	default:
		return strings.HasPrefix(route, pageDocs) || strings.HasPrefix(route, pagePlayground)
	}
}

// addPages adds the pages. The contract is served as the file's own bytes, and once more as JSON; it may
// change while the process runs.
func (s *Server) addPages() error {
	spec, asJSON, title := s.options.Spec, s.json, s.title
	s.addPage(pageHealth, s.healthy)
	s.addPage(pageReady, s.ready)
	s.echo.GET(pageSpecYAML, fileOf(pageSpecYAML, spec))
	s.echo.GET(pageSpecJSON, fileOf(pageSpecJSON, asJSON))
	return errors.Join(s.addFiles("docs", title), s.addFiles("playground", title))
}

type status struct {
	Status string `json:"status"`
	Parts  any    `json:"parts,omitempty"`
}

// healthy says that the process answers.
func (s *Server) healthy(c echo.Context) error { return c.JSON(http.StatusOK, status{Status: "ok"}) }

// ready says whether new requests should be sent here. What the backends, the store and what counts limits do has
// no part in it: with every instance unready, nobody could be told what is wrong. Operators are told of them.
func (s *Server) ready(c echo.Context) error {
	told := status{Status: "ok"}
	if is, _ := c.Request().Context().Value(toOperatorsKey{}).(toOperators); s.options.Parts != nil && bool(is) {
		told.Parts = s.options.Parts()
	}
	if s.draining.Load() {
		told.Status = "shutting down"
		return c.JSON(http.StatusServiceUnavailable, told)
	}
	return c.JSON(http.StatusOK, told)
}
