package server

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
)

// Meter holds callers to their limits.
type Meter interface {
	// Limited reports whether any limit holds for a call.
	Limited(call *completion.Call) bool
	// Count counts a request that is for no completion, or for one that nobody is asked for. Its error says
	// that it is one too many. Completions that keep the contract are counted behind the operation.
	// Either way the call is told what is left.
	Count(ctx context.Context) error
}

// limit refuses a request that is one too many for its caller, and tells on every answer what is left. A
// completion is counted where its tokens are known, all at once: what comes back without having been
// counted was refused before, and counts as a request.
func (s *Server) limit(operation string) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		meter := s.options.Meter
		if meter == nil {
			return next
		}
		return func(c echo.Context) error {
			ctx := c.Request().Context()
			call := completion.CallOf(ctx)
			if !meter.Limited(call) {
				return next(c)
			}
			tellLimits(c, call)
			if operation != completions {
				if err := meter.Count(ctx); err != nil {
					return err
				}
				return next(c)
			}
			err := next(c)
			if err == nil || call.Limits.Asked || ctx.Err() != nil || apierror.From(err).Status == apierror.StatusClientClosed {
				return err
			}
			return cmp.Or(meter.Count(ctx), err)
		}
	}
}

// countRefused counts a request that was refused before it came to limit, if it is known whose it was: nobody
// finds out for free what a token is good for.
func (s *Server) countRefused(c echo.Context, err error) error {
	ctx := c.Request().Context()
	call := completion.CallOf(ctx)
	meter := s.options.Meter
	if meter == nil || call.Principal == nil || !meter.Limited(call) {
		return err
	}
	tellLimits(c, call)
	return cmp.Or(meter.Count(ctx), err)
}

// tellLimits has what is left put on an answer, as soon as that is sent.
func tellLimits(c echo.Context, call *completion.Call) {
	h := c.Response().Header()
	c.Response().Before(func() { putLimits(h, call.Limits) })
}

// limitHeaders are those that a backend's limits are passed on in, where the gateway has none.
var limitHeaders = [...]string{
	"X-Ratelimit-Limit-Requests", "X-Ratelimit-Remaining-Requests", "X-Ratelimit-Reset-Requests",
	"X-Ratelimit-Limit-Tokens", "X-Ratelimit-Remaining-Tokens", "X-Ratelimit-Reset-Tokens",
}

// putLimits puts what is left in the place of what a backend says.
func putLimits(h http.Header, l completion.Limits) {
	if !l.Asked {
		return
	}
	var text [128]byte
	var ends [len(limitHeaders)]int
	all := text[:0]
	for i, left := range [...]completion.Left{l.Requests, l.Tokens} {
		if at := 3 * i; left.Limit > 0 {
			all = strconv.AppendInt(all, left.Limit, 10)
			ends[at] = len(all)
			all = strconv.AppendInt(all, left.Remaining, 10)
			ends[at+1] = len(all)
			all = appendMillis(all, left.Reset)
			ends[at+2] = len(all)
		}
	}
	cutLimits(h, string(all), ends[:]) // one string for all of them
}

// cutLimits cuts all into the values, of which each ends where ends says; 0 is that of none.
func cutLimits(h http.Header, all string, ends []int) {
	values, begin := make([]string, len(limitHeaders)), 0
	for i, name := range limitHeaders {
		if ends[i] == 0 {
			delete(h, name)
			continue
		}
		values[i], begin = all[begin:ends[i]], ends[i]
		h[name] = values[i : i+1 : i+1]
	}
}

// appendMillis writes a time as 1h0m0s, 6m0.5s or 120ms: as Go does, of whole milliseconds and no more.
func appendMillis(text []byte, d time.Duration) []byte {
	millis := int64((d + time.Millisecond - 1) / time.Millisecond)
	seconds, millis := millis/1000, millis%1000
	switch {
	case seconds == 0 && millis == 0:
		return append(text, "0s"...)
	case seconds == 0:
		return append(strconv.AppendInt(text, millis, 10), "ms"...)
	}
	if seconds >= 3600 {
		text = append(strconv.AppendInt(text, seconds/3600, 10), 'h')
	}
	if seconds >= 60 {
		text = append(strconv.AppendInt(text, seconds/60%60, 10), 'm')
	}
	text = strconv.AppendInt(text, seconds%60, 10)
	if millis > 0 {
		text = append(text, '.', byte('0'+millis/100), byte('0'+millis/10%10), byte('0'+millis%10))
		text = bytes.TrimRight(text, "0")
	}
	return append(text, 's')
}
