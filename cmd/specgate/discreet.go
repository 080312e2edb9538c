package main

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// tokenLike is what begins as a token of the gateway does; credentials are those of a URL.
var (
	tokenLike   = regexp.MustCompile(`sg-[A-Za-z0-9_-]+`)
	credentials = regexp.MustCompile(`(://)[^\s@]*@`)
)

// discreet is a message as a terminal, and what keeps its output, may have it: it repeats no argument that
// is a secret or may hold one, and nothing that a terminal would obey. Arguments that were mistyped come
// back in the messages of flags and commands.
func discreet(message string, args []string) string {
	for _, arg := range args {
		if flag, value, ok := strings.Cut(arg, "="); ok && strings.HasPrefix(flag, "-") {
			arg = value
		}
		if tokenLike.MatchString(arg) || credentials.MatchString(arg) || strings.Contains(arg, "://") && strings.Contains(arg, "@") {
			message = strings.ReplaceAll(message, strings.Trim(strconv.Quote(arg), `"`), "…")
			message = strings.ReplaceAll(message, arg, "…")
		}
	}
	message = tokenLike.ReplaceAllString(message, "sg-…")
	message = credentials.ReplaceAllString(message, "$1…@")
	return strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, message)
}
