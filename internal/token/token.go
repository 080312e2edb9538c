// Package token knows how a managed key's token reads, for those who must not repeat or keep one: it has to be told
// by its form alone. It knows of no token in particular.
package token

import (
	"fmt"
	"regexp"
)

// Prefix is what tokens begin with.
const Prefix = "sg-"

// shortest is how much of a token, behind its prefix, is taken for one: the greater part.
const shortest = 40

// form is that of a token, or of the greater part of one. No model is called so.
var form = regexp.MustCompile(fmt.Sprintf(`(?i)%s[a-z0-9_-]{%d,}`, Prefix, shortest))

// Within reports whether a text holds what reads as a token, or as the greater part of one.
func Within(text string) bool { return mayHold(text) && form.MatchString(text) }

// Masked is a text with mark in place of all that reads as a token but its prefix.
func Masked(text, mark string) string {
	if !mayHold(text) { // as nearly all texts
		return text
	}
	return form.ReplaceAllLiteralString(text, Prefix+mark)
}

// mayHold is a quick look: whether the text is long enough, and has the letter and the dash that a prefix ends with.
func mayHold(text string) bool {
	for i := 1; i+shortest < len(text); i++ {
		if text[i+1] == '-' && text[i]|0x20 == 'g' {
			return true
		}
	}
	return false
}
