package config

import (
	"fmt"
	"strings"
)

// secretFile is what follows the name of a variable in that of the one which names a file for it.
const secretFile = "_FILE"

// secret is a variable that may hold a secret, for a setting: where NAME is not set, it is what the file
// holds that NAME_FILE names, without the end of its last line. Orchestrators hand secrets over as files,
// and more than one of their commands shows what is in the environment. origin is the one that is set.
func (l *loader) secret(name, setting string) (origin, value string) {
	value, origin = l.getenv(name), name+secretFile
	file := l.getenv(origin)
	if file == "" {
		return name, value
	}
	if value != "" {
		l.report(origin, setting, "is given by "+name+" too: unset one of them")
		return name, value
	}
	text, err := l.config.Files.keep(file, l.secrets)
	if err != nil {
		l.report(origin, setting, fmt.Sprintf("cannot be read from its file: %v", err))
		return origin, ""
	}
	if value = strings.TrimRight(string(text), "\r\n"); value == "" {
		l.report(origin, setting, "has a file that is empty: "+file)
	}
	return origin, value
}
