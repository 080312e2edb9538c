package config

import (
	"fmt"
	"regexp"
)

// reference is an escaped opening, a reference, or an opening that never became one.
var reference = regexp.MustCompile(`\$\$\{|\$\{([^}]*)\}|\$\{`)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// expand replaces each ${NAME} in text by the variable, and $${ by ${. It returns one message for
// each that could not be replaced, and whether all were: of a variable that is not known, variable itself has said why.
// What a variable holds is not expanded again.
func expand(text string, variable func(name string) (value string, known bool)) (_ string, problems []string, all bool) {
	all = true
	expanded := reference.ReplaceAllStringFunc(text, func(found string) string {
		if found == "$${" {
			return "${"
		}
		name := reference.FindStringSubmatch(found)[1]
		if !variableName.MatchString(name) {
			problems = append(problems, "has a ${ that begins no ${NAME}: write $${ for the characters themselves")
			return ""
		}
		value, known := variable(name)
		all = all && known
		if value == "" && known {
			problems = append(problems, fmt.Sprintf("needs the environment variable %s, which is not set or is empty", name))
		}
		return value
	})
	return expanded, problems, all && problems == nil
}
