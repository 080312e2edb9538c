package config

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is a value that is shown to nobody: however it is printed, logged or encoded it reads
// [redacted], or nothing at all where it is empty. The zero Secret is empty.
//
// The value is behind a pointer because fmt calls no method of a field that is not exported: it
// prints what it finds there, which is an address.
type Secret struct {
	value *string
}

// NewSecret hides value.
func NewSecret(value string) Secret {
	if value == "" {
		return Secret{}
	}
	return Secret{value: &value}
}

// Reveal is the value itself.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether there is no value.
func (s Secret) IsZero() bool { return s.value == nil }

// Equal reports whether both hold the same value. It takes no care of time: it is for tests and for
// telling one configuration from another, not for checking what a caller sent.
func (s Secret) Equal(other Secret) bool { return s.Reveal() == other.Reveal() }

// String is [redacted], or empty.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return redacted
}

// Format is String for every verb, %#v and %x among them.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText is String, for JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue is String, for slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

var (
	_ fmt.Formatter  = Secret{}
	_ slog.LogValuer = Secret{}
)
