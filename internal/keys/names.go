package keys

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/specgate/specgate/internal/token"
)

const (
	maxName        = 64
	maxDescription = 256
	maxPatterns    = 100
	maxPattern     = 256 // as openapi.yaml has it for a model's id
)

// CheckName says what is wrong with the name of a key, an organization or a project. Names come into
// logs and onto terminals, which must not take them for anything else.
func CheckName(name string) error {
	switch {
	case strings.TrimSpace(name) == "":
		return errors.New("the name is empty")
	case strings.TrimSpace(name) != name:
		return errors.New("the name begins or ends with a space")
	case strings.HasPrefix(name, tokenPrefix):
		return errors.New("the name begins as a token does, with " + tokenPrefix)
	}
	return checkText("name", name, maxName)
}

// CheckKeyName is CheckName, and refuses what may be the id of another key.
func CheckKeyName(name string) error {
	if len(name) == idLength && plain(name) {
		return fmt.Errorf("the name reads as the id of a key: choose one that has not %d letters and digits, or has others than a to z and 2 to 7", idLength)
	}
	return CheckName(name)
}

// CheckDescription says what is wrong with a description, which may be empty.
func CheckDescription(text string) error { return checkText("description", text, maxDescription) }

func checkText(what, text string, most int) error {
	switch {
	case token.Within(text):
		return fmt.Errorf("the %s holds what reads as a token, which is to be kept nowhere", what)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("the %s holds a character that cannot be printed", what)
	case utf8.RuneCountInString(text) > most:
		return fmt.Errorf("the %s is longer than %d characters", what, most)
	default:
		return nil
	}
}

// CheckModels says what is wrong with the patterns of models.
func CheckModels(patterns []string) error {
	if len(patterns) > maxPatterns {
		return fmt.Errorf("there are more than %d patterns of models", maxPatterns)
	}
	for _, p := range patterns {
		if p == "" {
			return errors.New("a pattern of models is empty")
		}
		if err := checkText("pattern of models", p, maxPattern); err != nil {
			return err
		}
		if strings.Contains(p, "**") {
			return fmt.Errorf("the pattern %q has two asterisks in a row: one stands for any characters", p)
		}
	}
	return nil
}
