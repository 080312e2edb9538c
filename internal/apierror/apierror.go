// Package apierror says how each way in which a request can fail is told to its caller: the status,
// and the type, code, param and message of OpenAI's error object. It renders nothing and knows no
// server; contract violations (422 with a list) are package contract's.
package apierror

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/specgate/specgate/gen"
)

// The types of an error, as openapi.yaml lists them.
const (
	TypeInvalidRequest = "invalid_request_error"
	TypePermission     = "permission_error"
	TypeRateLimit      = "rate_limit_error"
	TypeServer         = "server_error"
)

// StatusClientClosed is logged and counted, and never sent: the caller left before the answer.
const StatusClientClosed = 499

// Error is a failure as its caller is told of it. Message goes to the caller, Cause to the log; an
// empty Param or Code is sent as null. Header holds what goes with the answer beside the body
// (Retry-After, WWW-Authenticate, x-should-retry); it may be nil and is never changed once set.
// Reason, Fate and Quoted are for the gateway: why it answers 503 itself, whether a backend may have had the request, and
// whose words these are.
type Error struct {
	Status  int
	Type    string
	Code    string
	Param   string
	Message string
	Header  http.Header
	Cause   error
	Reason  string // one of Reasons, or empty
	Fate    Fate
	Quoted  bool // whether Message, Param and Code are a backend's words
}

// Error is for the log: it names the code and the cause, never the message, which may be a
// backend's own words.
func (e *Error) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("%d %s: %v", e.Status, e.Code, e.Cause)
	}
	return fmt.Sprintf("%d %s", e.Status, e.Code)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Object is the error as its caller reads it.
func (e *Error) Object() gen.ErrorObject {
	return gen.ErrorObject{Message: e.Message, Type: e.Type, Param: orNull(e.Param), Code: orNull(e.Code)}
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// ErrShuttingDown is the cause of a context that ends because the gateway does.
var ErrShuttingDown = errors.New("the gateway is shutting down")

// From finds how err is told to the caller: the first row that fits decides. Whatever nobody thought
// of is a bug of ours, answered with one fixed sentence.
func From(err error) *Error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, ErrShuttingDown):
		return ShuttingDown()
	case errors.Is(err, context.Canceled):
		return ClientClosed(err)
	default:
		return Internal(err)
	}
}
