package apierror

import "errors"

// Fate is how far a request came before it failed, as far as the gateway can know. It decides whether
// the request may be sent once more, and is for the gateway alone: no caller is told.
type Fate int

const (
	// Unknown is a request that a backend may have worked on.
	Unknown Fate = iota
	// Withheld is one that the gateway kept to itself, for the backend's sake: nobody was asked.
	Withheld
	// NotSent is one for which no connection could be made.
	NotSent
	// TurnedAway is one that the backend refused before any work, with 429 or 503.
	TurnedAway
	// NoAnswer is one that was sent, and whose connection broke before a byte of an answer had come.
	// The backend may well have worked on it.
	NoAnswer
)

// fated is an error that is no Error, and its fate.
type fated struct {
	error
	fate Fate
}

// Unwrap gives the error itself.
func (e *fated) Unwrap() error { return e.error }

// WithFate marks an error that is no *Error, such as the end of a context.
func WithFate(fate Fate, err error) error { return &fated{err, fate} }

// FateOf is the fate that err tells of; Unknown where it tells none.
func FateOf(err error) Fate {
	var marked *fated
	var e *Error
	switch {
	case errors.As(err, &marked):
		return marked.fate
	case errors.As(err, &e):
		return e.Fate
	default:
		return Unknown
	}
}
