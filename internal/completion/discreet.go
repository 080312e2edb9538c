package completion

import (
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/specgate/specgate/internal/token"
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

// Secrets are the tokens of the settings. Those of keys need no list: they are known by how they read. nil are none.
type Secrets struct {
	Plain  []string
	Hashes [][sha256.Size]byte // of those of which no more is known
}

// Discreet is a text that the caller chose, as logs and records may have it: without the token that was shown, and
// without any other of the gateway's.
func (c *Call) Discreet(text string) string {
	return token.Masked(c.Secrets.without(without(text, string(c.Token))), mark)
}

// Plain is a text that the caller chose as a log may have it: with a mark for each control character, and for those
// that turn the direction of what follows.
func Plain(text string) string {
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
	for _, secret := range s.Plain {
		text = without(text, secret)
	}
	if len(s.Hashes) > 0 && slices.Contains(s.Hashes, sha256.Sum256([]byte(text))) {
		return mark
	}
	return text
}

func without(text, secret string) string {
	switch {
	case secret != "" && text == secret:
		return mark
	case len(secret) >= shortest && len(text) >= len(secret):
		return strings.ReplaceAll(text, secret, mark)
	default:
		return text
	}
}
