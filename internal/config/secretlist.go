package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// SecretList is, as JSON, the settings that hold secrets, each by its path with an asterisk for any name or place, and the
// variables that do, those of OpenTelemetry too: for what writes a file of settings where more may read it than may know them. A sha256 is not
// among them, which is there for such files.
func SecretList() ([]byte, error) {
	var list struct {
		Settings  []string `json:"settings"`
		Variables []string `json:"variables"`
	}
	list.Variables = []string{otlpAll + otlpHeaders, otlpTraces + otlpHeaders}
	anyEntry := strings.NewReplacer("[0]", ".*", ".NAME.", ".*.")
	walk(sample(), "", func(path string, f field, _ reflect.Value) {
		if f.form == formSecret && f.name != "sha256" {
			list.Settings = append(list.Settings, anyEntry.Replace(path))
		}
		if f.env != "" && (f.form == formSecret || f.form == formItems) { // items in a variable are bare tokens
			list.Variables = append(list.Variables, f.env)
		}
	})
	slices.Sort(list.Variables)
	out, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the list of secrets: %w", err)
	}
	return append(out, '\n'), nil
}
