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
	if !errors.As(err, &e) || !e.Quoted {
		return err
	}
	told := *e
	for _, words := range []*string{&told.Message, &told.Param, &told.Code} {
		*words = renamedIn(*words, theirs, public)
	}
	return &told
}

// renamedIn puts another name in the place of one, where that stands by itself and is no part of another. A
// name of letters alone may be a word like any, but in quotes, or where nothing else stands.
func renamedIn(text, name, other string) string {
	if text == name {
		return other
	}
	word := strings.IndexFunc(name, func(r rune) bool { return !unicode.IsLetter(r) }) < 0
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
		if inName(before) || inName(after) || word && !isQuote(before) {
			out.WriteString(name)
		} else {
			out.WriteString(other)
		}
	}
}

func isQuote(r rune) bool { return strings.ContainsRune("`'\"\u2018\u201c", r) }

// inName reports whether a character goes on with a name. A full stop may as well end a sentence.
func inName(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_-", r)
}
