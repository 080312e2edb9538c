package apierror

import (
	"errors"
	"maps"
	"net/http"
	"strconv"
	"time"
)

func invalidRequest(status int, code, message string) *Error {
	return &Error{Status: status, Type: TypeInvalidRequest, Code: code, Message: message}
}

// InvalidEncoding is a body that says it is gzip, or chunked, and is not.
func InvalidEncoding(cause error) *Error {
	e := invalidRequest(http.StatusBadRequest, "invalid_encoding", "The request body is not encoded as its headers say.")
	e.Cause = cause
	return e
}

// MissingAPIKey is a request without a bearer token.
func MissingAPIKey() *Error {
	return unauthorized("No API key was provided. Send it in the Authorization header: Authorization: Bearer <token>.")
}

// InvalidAPIKey is a token that nobody was given.
func InvalidAPIKey() *Error {
	return unauthorized("The API key that was provided is not valid.")
}

func unauthorized(message string) *Error {
	e := invalidRequest(http.StatusUnauthorized, "invalid_api_key", message)
	e.Header = http.Header{"Www-Authenticate": {"Bearer"}}
	return e
}

// OrganizationNotAllowed is a token used for an organization that it is not bound to.
func OrganizationNotAllowed() *Error {
	return forbidden("organization_not_allowed", "This API key may not be used for the organization that was named.", "")
}

// ProjectNotAllowed is a token used for a project that it is not bound to.
func ProjectNotAllowed() *Error {
	return forbidden("project_not_allowed", "This API key may not be used for the project that was named.", "")
}

// ModelNotAllowed is a token used for a model that it may not use.
func ModelNotAllowed() *Error {
	return forbidden("model_not_allowed", "This API key may not be used with the model that was asked for.", "model")
}

func forbidden(code, message, param string) *Error {
	return &Error{Status: http.StatusForbidden, Type: TypePermission, Code: code, Message: message, Param: param}
}

// NotFound is a path that leads nowhere; hint, which may be empty, says where to look instead.
func NotFound(hint string) *Error {
	message := "There is nothing at this path."
	if hint != "" {
		message += " " + hint
	}
	return invalidRequest(http.StatusNotFound, "not_found", message)
}

// ModelNotFound is a model that no backend has.
func ModelNotFound() *Error {
	e := invalidRequest(http.StatusNotFound, "model_not_found", "The model does not exist, or no backend serves it.")
	e.Param = "model"
	return e
}

// MethodNotAllowed is a method that the path does not take.
func MethodNotAllowed() *Error {
	return invalidRequest(http.StatusMethodNotAllowed, "method_not_allowed", "This path does not take that method.")
}

// RequestTimeout is a body that stopped coming.
func RequestTimeout(cause error) *Error {
	e := invalidRequest(http.StatusRequestTimeout, "request_timeout", "The request body stopped coming.")
	e.Cause = cause
	return e
}

// BodyTooLarge is a body over the limit, which is in bytes.
func BodyTooLarge(limit int64) *Error {
	return invalidRequest(http.StatusRequestEntityTooLarge, "body_too_large",
		"The request body is larger than "+strconv.FormatInt(limit, 10)+" bytes.")
}

// UnsupportedMediaType is a body of another type than the contract's.
func UnsupportedMediaType() *Error {
	return invalidRequest(http.StatusUnsupportedMediaType, "unsupported_media_type",
		"The request body must be application/json.")
}

// UnsupportedEncoding is a body in a content encoding other than gzip.
func UnsupportedEncoding() *Error {
	return invalidRequest(http.StatusUnsupportedMediaType, "unsupported_media_type",
		"The only content encoding that is taken is gzip.")
}

// ClientClosed is a caller who left before the answer.
func ClientClosed(cause error) *Error {
	return &Error{
		Status: StatusClientClosed, Type: TypeInvalidRequest, Code: "client_closed", Cause: cause,
		Message: "The caller closed the request.",
	}
}

// RateLimited is a caller who asks too much, and may ask again after a time, which is told in whole
// seconds.
func RateLimited(after time.Duration) *Error {
	return &Error{
		Status: http.StatusTooManyRequests, Type: TypeRateLimit, Code: "rate_limit_exceeded",
		Message: "Too many requests. Try again later.",
		Header:  http.Header{"Retry-After": {seconds(after)}},
	}
}

// LimitReached is a limit of the gateway's that a request does not fit into at present; message says which.
func LimitReached(message string, after time.Duration) *Error {
	e := RateLimited(after)
	e.Message = message
	return e
}

// LimitTooSmall is a request that asks for more than a limit of the gateway's ever grants: the SDKs are told
// not to try again.
func LimitTooSmall(message string, after time.Duration) *Error {
	e := LimitReached(message, after)
	e.Header["X-Should-Retry"] = []string{"false"}
	return e
}

// QuotaSpent is a quota of a day or a month that is used up, for a time that no SDK waits out.
func QuotaSpent(message string, after time.Duration) *Error {
	e := LimitTooSmall(message, after)
	e.Code = "insufficient_quota"
	return e
}

// LimitsAway is a limiter that cannot be asked, where nothing passes without it.
func LimitsAway(cause error) *Error {
	e := unavailable(ReasonLimits, "The gateway cannot look up its limits at present. Try again shortly.")
	e.Cause = cause
	return e
}

// Internal is a bug of ours.
func Internal(cause error) *Error {
	return &Error{
		Status: http.StatusInternalServerError, Type: TypeServer, Code: "internal_error", Cause: cause,
		Message: "The gateway failed to process the request.",
	}
}

// Upstream is a backend that could not be reached, or broke off before it answered; message says
// which, in our words.
func Upstream(message string, cause error) *Error {
	return &Error{Status: http.StatusBadGateway, Type: TypeServer, Code: "upstream_error", Message: message, Cause: cause}
}

// UpstreamSpent is a backend that failed after it had generated: the SDKs are told not to try again,
// since they would pay for the same failure three times.
func UpstreamSpent(message string, cause error) *Error {
	e := Upstream(message, cause)
	e.Header = noRetry()
	return e
}

// Spent marks the failure of a backend, by its status or its pace, as one that came after it had
// generated: see UpstreamSpent. It has no fate by which it might be sent once more. Every other error stays
// what it is.
func Spent(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
	default:
		return err
	}
	spent := *e
	spent.Header = noRetry()
	maps.Copy(spent.Header, e.Header)
	spent.Fate = Unknown
	return &spent
}

// UpstreamAuth is a backend that refused the gateway's own credential, which the caller can't mend.
func UpstreamAuth(cause error) *Error {
	return &Error{
		Status: http.StatusBadGateway, Type: TypeServer, Code: "upstream_auth", Header: noRetry(), Cause: cause,
		Message: "The backend refused the gateway's credential.",
	}
}

func noRetry() http.Header { return http.Header{"X-Should-Retry": {"false"}} }

// UpstreamTimeout is a backend that was too slow to connect, to begin or to go on.
func UpstreamTimeout(cause error) *Error {
	return &Error{
		Status: http.StatusGatewayTimeout, Type: TypeServer, Code: "upstream_timeout", Cause: cause,
		Message: "The backend took too long to answer.",
	}
}

// Overloaded is more in flight than the gateway takes.
func Overloaded() *Error {
	return unavailable(ReasonOverloaded, "The gateway has too much in flight. Try again shortly.")
}

// Busy is a backend that has all that it may have at one time.
func Busy(after time.Duration) *Error {
	return withheld(ReasonBusy, "The backend has too much in flight. Try again shortly.", after)
}

// CircuitOpen is a backend that failed too often, and is left alone for a while.
func CircuitOpen(after time.Duration) *Error {
	return withheld(ReasonCircuit, "No backend of the model can take requests at present. Try again shortly.", after)
}

// withheld is a request that no backend was asked about.
func withheld(reason, message string, after time.Duration) *Error {
	e := unavailable(reason, message)
	e.Fate = Withheld
	e.Header = http.Header{"Retry-After": {seconds(after)}}
	return e
}

// seconds writes a time in whole seconds, at least one.
func seconds(d time.Duration) string {
	return strconv.Itoa(max(1, int((d+time.Second-1)/time.Second)))
}

// ShuttingDown is a request that comes, or is still running, when the gateway ends.
func ShuttingDown() *Error {
	return unavailable(ReasonShutdown, "The gateway is shutting down.")
}

// KeysUnavailable is a key that nobody can say anything about, because the store does not answer.
func KeysUnavailable(cause error) *Error {
	e := unavailable(ReasonStore, "The API key cannot be checked at present. Try again shortly.")
	e.Cause = cause
	return e
}

// Why the gateway answers 503, which callers are told in words.
const (
	ReasonOverloaded = "overloaded"   // limits.max_concurrent or limits.inflight_bytes
	ReasonBusy       = "busy"         // an upstream's max_concurrent, and its queue
	ReasonCircuit    = "circuit_open" // of each upstream that the model has
	ReasonLimits     = "limits_away"  // Redis, which counts limits
	ReasonStore      = "store_away"   // or it has too much to look up
	ReasonShutdown   = "shutting_down"
)

// Reasons lists the reasons of errors that are the gateway's own 503.
func Reasons() []string {
	return []string{ReasonOverloaded, ReasonBusy, ReasonCircuit, ReasonLimits, ReasonStore, ReasonShutdown}
}

func unavailable(reason, message string) *Error {
	return &Error{
		Status: http.StatusServiceUnavailable, Type: TypeServer, Code: "unavailable", Message: message, Reason: reason,
		Header: http.Header{"Retry-After": {"1"}},
	}
}

// InvalidTokenID is a token id in a field that the model does not have; which says what it has.
func InvalidTokenID(field, which string) *Error {
	e := invalidRequest(http.StatusBadRequest, "invalid_token_id", "There is a token id that the model does not know: "+which+".")
	e.Param = field
	return e
}

// ContextLengthExceeded is more than the model can look at; message gives the numbers.
func ContextLengthExceeded(field, message string) *Error {
	e := invalidRequest(http.StatusBadRequest, "context_length_exceeded", message)
	e.Param = field
	return e
}

// WorkLimitExceeded is more than the model generates for one request; message gives the numbers.
func WorkLimitExceeded(field, message string) *Error {
	e := invalidRequest(http.StatusBadRequest, "work_limit_exceeded", message)
	e.Param = field
	return e
}
