package completion

import (
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Secret is what a caller was let in by. However it is printed it reads [redacted].
type Secret string

// Format is for every verb of fmt, and so for slog.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// MarshalText is for JSON.
func (Secret) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

const (
	mark = "…" // stands for what is not repeated
	// shortest is how long a token has to be to be looked for within a text: one of three letters is in many.
	shortest = 8
)

// tokenLike is what reads as a token of the gateway's, or as the greater part of one. No model is called so.
var tokenLike = regexp.MustCompile(`(?i)sg-[a-z0-9_-]{40,}`)

// Discreet is a text that the caller chose, as logs and records may have it: without the token that was shown, and
// without any other of the gateway's.
func (c *Call) Discreet(text string) string {
	token := string(c.Token)
	switch {
	case token != "" && text == token:
		return mark
	case len(token) >= shortest && len(text) >= len(token):
		text = strings.ReplaceAll(text, token, mark)
	}
	if len(text) < len("sg-")+40 { // as nearly all that callers choose
		return text
	}
	return tokenLike.ReplaceAllLiteralString(text, "sg-"+mark)
}
