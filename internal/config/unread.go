package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

const ownPrefix = "SPECGATE_"

// ofServices is what Kubernetes puts into the environment of every pod of a namespace in which a service is called
// specgate, or begins so: where that is, and nothing that anybody meant.
var ofServices = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)=|_PORT=(tcp|udp|sctp)://`)

// Unread gives notice of each variable among NAME=VALUE that begins as those of the settings do, and that neither a
// setting nor the file reads: it was mistyped, and what it was to change is as it was.
func (c *Config) Unread(environ []string) (notices []string) {
	known := ownVariables()
	for _, assigned := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(assigned, "=")
		if !strings.HasPrefix(name, ownPrefix) || value == "" || slices.Contains(known, name) || c.Variables[strings.TrimSuffix(name, secretFile)] ||
			c.Variables[name] || ofServices.MatchString(assigned) {
			continue
		}
		notice := fmt.Sprintf("%s is set, and no setting is called so", name)
		if near := Nearest(strings.TrimPrefix(name, ownPrefix), bare(known)); near != "" {
			notice += fmt.Sprintf("; did you mean %s?", ownPrefix+near)
		}
		notices = append(notices, notice)
	}
	return notices
}

// ownVariables are all that settings are read from, but for those of others.
func ownVariables() []string {
	known := []string{"SPECGATE_CONFIG", "SPECGATE_API_KEY", "SPECGATE_API_KEY" + secretFile}
	walk(reflect.ValueOf(Config{}), "", func(_ string, f field, _ reflect.Value) {
		if f.env == "" {
			return
		}
		known = append(known, f.env)
		if f.form == formSecret {
			known = append(known, f.env+secretFile)
		}
	})
	return known
}

func bare(names []string) (all []string) {
	for _, name := range names {
		if rest, ok := strings.CutPrefix(name, ownPrefix); ok {
			all = append(all, rest)
		}
	}
	return all
}
