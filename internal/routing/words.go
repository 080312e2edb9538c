package routing

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/specgate/specgate/internal/apierror"
)

// reworded is an error in which a model is called as its caller calls it: backends name the model that
// they were asked for in what they say.
func reworded(err error, theirs, public string) error {
	var e *apierror.Error
	if !errors.As(err, &e) {
		return err
	}
	message := renamedIn(e.Message, theirs, public)
	if message == e.Message {
		return err
	}
	told := *e
	told.Message = message
	return &told
}

// renamedIn puts another name in the place of one, where that stands by itself and is no part of another.
func renamedIn(text, name, other string) string {
	var out strings.Builder
	for {
		at := strings.Index(text, name)
		if at < 0 {
			return out.String() + text
		}
		out.WriteString(text[:at])
		text = text[at+len(name):]
		before, _ := utf8.DecodeLastRuneInString(out.String())
		after, _ := utf8.DecodeRuneInString(text)
		if inName(before) || inName(after) {
			out.WriteString(name)
		} else {
			out.WriteString(other)
		}
	}
}

// inName reports whether a character goes on with a name. A full stop may as well end a sentence.
func inName(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_-/", r)
}
