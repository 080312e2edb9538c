package server

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/specgate/specgate/internal/completion"
)

const headerRequestID = "X-Request-Id"

// identify gives the request its id, and the context what travels with it to the backend and back to
// the log.
func (s *Server) identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		call := &completion.Call{
			ID:          requestID(r.Header),
			UserAgent:   r.Header.Get("User-Agent"),
			Traceparent: r.Header.Get("Traceparent"),
			Tracestate:  strings.Join(r.Header["Tracestate"], ","), // it may come in several lines
		}
		h := c.Response().Header()
		h[headerRequestID] = []string{call.ID}
		if s.draining.Load() {
			h["Connection"] = []string{"close"}
		}
		c.SetRequest(r.WithContext(completion.WithCall(r.Context(), call)))
		return next(c)
	}
}

// requestID is the caller's own id where it is sane: up to 128 letters, digits and -_.:/ in it, so
// that it can stand in any log and header.
func requestID(h http.Header) string {
	if id := h.Get(headerRequestID); id != "" && len(id) <= 128 && sane(id) {
		return id
	}
	id := make([]byte, 4, 36)
	copy(id, "req_")
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	return string(hex.AppendEncode(id, random[:]))
}

func sane(id string) bool {
	for i := range len(id) {
		c := id[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '_', c == '.', c == ':', c == '/':
		default:
			return false
		}
	}
	return true
}
