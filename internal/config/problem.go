package config

import (
	"errors"
	"strings"
)

// Problem is one reason why a configuration is refused.
type Problem struct {
	Origin  string // file:line, variable or flag; empty where nothing was set
	Setting string // limits.body; empty where it is about the whole file
	Message string // what is wrong and how to mend it, as the end of a sentence that begins with Setting
}

// Error is one line.
func (p Problem) Error() string {
	text := p.Message
	if p.Setting != "" {
		text = p.Setting + " " + text
	}
	if p.Origin != "" {
		text = p.Origin + ": " + text
	}
	return text
}

var _ error = Problem{}

func joined(problems []Problem) error {
	all := make([]error, len(problems))
	for i, p := range problems {
		all[i] = p
	}
	return errors.Join(all...)
}

// within reports whether setting is path itself or stands below it.
func within(setting, path string) bool {
	rest, ok := strings.CutPrefix(setting, path)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}
