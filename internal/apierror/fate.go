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

// FateOf is the fate that err tells of; Unknown where it tells none.
func FateOf(err error) Fate {
	var e *Error
	if errors.As(err, &e) {
		return e.Fate
	}
	return Unknown
}
