package completion

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Principal is who makes a call, as far as handlers and the log care.
type Principal interface {
	// Name is what the log calls the caller; never a token.
	Name() string
	// MayUse reports whether the caller may use the model with this id.
	MayUse(model string) bool
}

// Call is what travels with a request beside its body: who asks and under which id, and, filled in
// on the way, what became of it. It is the request's context too. One goroutine at a time writes to it.
type Call struct {
	context.Context

	ID          string // x-request-id, ours or the caller's
	Began       time.Time
	UserAgent   string
	Traceparent string // the trace context for the backend: the caller's as it came, or of a span of ours; may be empty
	Tracestate  string
	Baggage     string    // the caller's, where it goes to the backend
	TraceID     string    // of that context, 32 hexadecimal digits; empty where there is none
	Sampled     bool      // whether somebody keeps that trace
	Principal   Principal // nil until authenticated

	Token   Secret       // that the request shows, good or not; it is kept for nothing but not to be repeated
	Secrets *Secrets     // others that are not to be repeated; may be nil
	Own     *Credentials // the caller's, where they go to the backend in place of the gateway's; else nil

	Request   *Request // what was asked, once it is known to be allowed by the contract; never changed
	Model     string   // what was asked for, once known, as Discreet gives it
	Upstream  string   // the name of the backend that was asked last, once one was
	Attempts  int      // how often a backend was asked
	Failed    bool     // whether it ended in an error, if only for the caller having left
	ErrorCode string   // the code of that error, if it has one
	Reason    string   // why the gateway was unavailable, one of apierror.Reasons, if it was
	Invalid   Invalid  // what was wrong with it, if it broke the contract
	Fault     string   // the name of the fault that was injected, if one was

	Estimate   int64     // tokens that were reserved before the backend was asked; 0 where none are limited
	Tokens     Tokens    // what was used, once it is over; zero where nobody counts
	FirstToken time.Time // when the first chunk of a stream came that holds a choice; zero where none did, or nobody counts
	Limits     Limits    // what is left of the caller's limits
	Recorded   bool      // whether there is a record of its use

	Work *Work // what the backend has of the request at present; nil where nobody counts
}

// Invalid is what may be said of a request that broke the contract: no word of it is the caller's.
type Invalid struct {
	Fields string // of the contract, the first few, with commas between; other for what is none
	Model  string // as the settings call the one that was asked for, or other; empty where none can be read
}

// Limits are what is left of a caller's limits; the zero Limits are those that were not asked.
type Limits struct {
	Asked    bool
	Requests Left
	Tokens   Left
}

// Left is what is left of a limit. The zero Left is that of no limit.
type Left struct {
	Limit     int64
	Remaining int64
	Reset     time.Duration // until it is whole again
}

// Tokens are what a completion used.
type Tokens struct {
	Prompt     int64
	Cached     int64 // of the prompt, those that the backend knew already
	Completion int64
	Reasoning  int64 // of the completion, those that were not for the caller
	Reported   bool  // whether the backend said so; else Prompt and Completion are estimates
}

// Total is the tokens of the prompt and of the completion.
func (t Tokens) Total() int64 { return t.Prompt + t.Completion }

// Credentials are what a caller shows a backend. However they are printed they read [redacted].
type Credentials struct {
	Token                 string // never empty
	Organization, Project string // as the headers have them; may be empty
}

// Format is for every verb of fmt, and so for slog.
func (Credentials) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// MarshalText is for JSON.
func (Credentials) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// Work counts the requests to a backend that are made of one request: one, or several where it was
// split. It is shared by all of them.
type Work struct {
	Sent  atomic.Int64 // that were handed to the backend
	Begun atomic.Int64 // of these, those that it may have worked on

	Entering sync.Mutex      // is held by the one of them that asks to be let in, and guards the rest
	Entered  bool            // whether one of them has had a place at the backend
	Trial    <-chan struct{} // where one of them tries the backend for all: closed when it has; nil otherwise
}

type callKey struct{}

// Value gives the call itself to CallOf, and to others what the context below it has.
func (c *Call) Value(key any) any {
	if _, ok := key.(callKey); ok {
		return c
	}
	return c.Context.Value(key)
}

// CallOf returns the call that ctx carries, or an empty one of its own.
func CallOf(ctx context.Context) *Call {
	if call, ok := ctx.Value(callKey{}).(*Call); ok {
		return call
	}
	return &Call{Context: ctx}
}
