package server

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/specgate/specgate/internal/completion"
)

// The headers that are read, by the names under which net/http keeps them.
const (
	headerRequestID    = "X-Request-Id"
	headerUserAgent    = "User-Agent"
	headerTraceparent  = "Traceparent"
	headerTracestate   = "Tracestate"
	headerSite         = "Sec-Fetch-Site"
	headerOrganization = "Openai-Organization"
	headerProject      = "Openai-Project"
)

// first is Get for a name as net/http keeps it, which Get would first look at letter by letter.
func first(h http.Header, name string) string {
	if values := h[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

const idPrefix = "req_"

// identify gives the request its id, and the context what travels with it to the backend and back to
// the log.
func (s *Server) identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		call := s.newCall(r)
		call.TraceID, call.Sampled = traceID(call.Traceparent)
		s.beginTrace(c, call)
		defer s.endTrace(c, call) // whatever happens
		h := c.Response().Header()
		h[headerRequestID] = []string{call.ID}
		if s.draining.Load() {
			h["Connection"] = []string{"close"}
		}
		c.SetRequest(r.WithContext(call))
		return next(c)
	}
}

// newCall is the call of a request. What goes to the backend as the caller has it goes without tokens, as it may be kept
// there: one belongs into Authorization alone.
func (s *Server) newCall(r *http.Request) *completion.Call {
	shown, _ := bearer(r.Header)
	call := &completion.Call{Context: r.Context(), Began: time.Now(), Token: completion.Secret(shown), Secrets: s.options.Secrets}
	call.ID = requestID(call, first(r.Header, headerRequestID))
	call.UserAgent = call.Harmless(first(r.Header, headerUserAgent))
	call.Traceparent = call.Harmless(first(r.Header, headerTraceparent))
	call.Tracestate = call.Members(strings.Join(r.Header[headerTracestate], ",")) // it may come in several lines
	return call
}

// requestID is the caller's own id where it is sane: up to 128 letters, digits and -_.:/ in it, so
// that it can stand in any log and header, and no token. An id has to differ from others, and is no secret.
func requestID(call *completion.Call, id string) string {
	if id != "" && len(id) <= 128 && sane(id) && !call.Tells(id) {
		return id
	}
	var random [16]byte
	binary.NativeEndian.PutUint64(random[:8], rand.Uint64()) //nolint:gosec // see above
	binary.NativeEndian.PutUint64(random[8:], rand.Uint64()) //nolint:gosec // see above
	made := make([]byte, 0, len(idPrefix)+2*len(random))
	return string(hex.AppendEncode(append(made, idPrefix...), random[:]))
}

// traceID is that of a trace context: 00, the trace and its parent, 32 and 16 hexadecimal digits, and two of flags.
// Later versions may have more behind them. It is empty for anything else, and for a trace of zeros. sampled says
// whether those who began it keep it.
func traceID(traceparent string) (id string, sampled bool) {
	const version, trace, parent = 3, 32, 16
	const length = version + trace + 1 + parent + 1 + 2
	if len(traceparent) < length || traceparent[2] != '-' || traceparent[version+trace] != '-' || traceparent[length-3] != '-' {
		return "", false
	}
	id = traceparent[version : version+trace]
	for _, part := range []string{traceparent[:2], id, traceparent[version+trace+1 : length-3], traceparent[length-2 : length]} {
		if strings.Trim(part, "0123456789abcdef") != "" {
			return "", false
		}
	}
	if strings.Trim(id, "0") == "" || traceparent[:2] == "ff" || !mayFollow(traceparent[:2], traceparent[length:]) {
		return "", false
	}
	return id, strings.Contains("13579bdf", traceparent[length-1:length])
}

// mayFollow reports whether a trace context of a version may have something behind its flags: 00 nothing, a later one
// what is set off by a dash.
func mayFollow(version, rest string) bool {
	return rest == "" || version != "00" && rest[0] == '-'
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
