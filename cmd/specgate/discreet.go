package main

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// sgLike is what begins as a token of the gateway does, and skLike as one of others, which callers have in the same
// place: of what was mistyped, little may be left, so that these ask for less than token.Within; randomLike is long and
// of no word; credentials are those of a URL.
var (
	sgLike      = regexp.MustCompile(`sg-[A-Za-z0-9_-]+`)
	skLike      = regexp.MustCompile(`\bsk-[A-Za-z0-9_-]+`)
	randomLike  = regexp.MustCompile(`[A-Za-z0-9]{24,}`)
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
		if secretive(arg) {
			message = strings.ReplaceAll(message, strings.Trim(strconv.Quote(arg), `"`), "…")
			message = strings.ReplaceAll(message, arg, "…")
		}
	}
	message = sgLike.ReplaceAllString(message, "sg-…")
	message = skLike.ReplaceAllString(message, "sk-…")
	message = credentials.ReplaceAllString(message, "$1…@")
	return strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, message)
}

// severalLines are the lines of a message, none of them twice. What is indented, as a driver lists what it has tried, goes on
// with the line before.
func severalLines(message string) (lines []string) {
	for line := range strings.SplitSeq(message, "\n") {
		text := strings.TrimSpace(line)
		last := len(lines) - 1
		switch {
		case last >= 0 && strings.HasPrefix(line, "\t"):
			if !strings.Contains(lines[last], text) {
				lines[last] += " " + text
			}
		case !slices.Contains(lines, text):
			lines = append(lines, text)
		}
	}
	return lines
}

// secretive reports whether an argument looks like a secret, or like a URL with one. The parts of a path are not taken
// for something random.
func secretive(arg string) bool {
	if sgLike.MatchString(arg) || skLike.MatchString(arg) || credentials.MatchString(arg) {
		return true
	}
	if strings.Contains(arg, "://") && strings.Contains(arg, "@") {
		return true
	}
	long := randomLike.FindString(arg)
	return !strings.ContainsAny(arg, `/\`) && strings.ContainsAny(long, "0123456789") && strings.Trim(long, "0123456789") != ""
}
