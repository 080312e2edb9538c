package completion

import (
	"crypto/sha256"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"
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

// Secrets are the tokens of the settings. Those of keys need no list: they are known by how they read. nil are none.
type Secrets struct {
	Plain  []string
	Hashes [][sha256.Size]byte // of those of which no more is known
}

// Discreet is a text that the caller chose, as logs and records may have it: without the token that was shown, without
// any other of the gateway's, and without what moves a terminal's text about.
func (c *Call) Discreet(text string) string {
	text = shown(text)
	text = c.Secrets.without(without(text, string(c.Token)))
	if len(text) < len("sg-")+40 { // as nearly all that callers choose
		return text
	}
	return tokenLike.ReplaceAllLiteralString(text, "sg-"+mark)
}

// shown is a text with a mark for each control character, and for those that turn the direction of what follows.
func shown(text string) string {
	if strings.IndexFunc(text, hidden) < 0 {
		return text
	}
	return strings.Map(func(r rune) rune {
		if hidden(r) {
			return '\uFFFD'
		}
		return r
	}, text)
}

func hidden(r rune) bool { return !unicode.IsGraphic(r) }

func (s *Secrets) without(text string) string {
	if s == nil {
		return text
	}
	for _, token := range s.Plain {
		text = without(text, token)
	}
	if len(s.Hashes) > 0 && slices.Contains(s.Hashes, sha256.Sum256([]byte(text))) {
		return mark
	}
	return text
}

func without(text, token string) string {
	switch {
	case token != "" && text == token:
		return mark
	case len(token) >= shortest && len(text) >= len(token):
		return strings.ReplaceAll(text, token, mark)
	default:
		return text
	}
}
