// Command publish writes what is published of the settings: config.md and config.schema.json, into the folder that
// is its first argument, and into the chart that is its second what the schema of its values says of config, and which
// of the settings are secrets.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/specgate/specgate/internal/config"
)

func main() {
	if err := publish(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "publish:", err)
		os.Exit(1)
	}
}

func publish(folder, chart string) error {
	schema, err := config.Schema()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // public documentation
		return err
	}
	valuesSchema := filepath.Join(chart, "values.schema.json")
	values, err := within(valuesSchema, schema)
	if err != nil {
		return err
	}
	secrets, err := config.SecretList()
	if err != nil {
		return err
	}
	for path, content := range map[string][]byte{
		filepath.Join(folder, "config.md"):            config.Docs(),
		filepath.Join(folder, "config.schema.json"):   schema,
		filepath.Join(chart, "files", "secrets.json"): secrets,
		valuesSchema: values,
	} {
		if err := os.WriteFile(path, content, 0o644); err != nil { //nolint:gosec // the same
			return err
		}
	}
	return nil
}

// within is the schema of a chart's values with that of the settings as what config has to be. It is a copy, as Helm
// follows no reference to another file. Of a chart the settings are an object, whereas a file may be empty.
func within(chart string, schema []byte) ([]byte, error) {
	text, err := os.ReadFile(chart) //nolint:gosec // the argument that it is for
	if err != nil {
		return nil, err
	}
	var values struct {
		Schema     string                     `json:"$schema"`
		More       bool                       `json:"additionalProperties"`
		Properties map[string]json.RawMessage `json:"properties"`
		Type       string                     `json:"type"`
	}
	if err := json.Unmarshal(text, &values); err != nil {
		return nil, fmt.Errorf("%s: %w", chart, err)
	}
	var settings map[string]any
	if err := json.Unmarshal(schema, &settings); err != nil {
		return nil, err
	}
	delete(settings, "$schema")
	delete(settings, "title")
	settings["type"] = "object"
	if values.Properties["config"], err = json.Marshal(settings); err != nil {
		return nil, err
	}
	out, err := json.MarshalIndent(values, "", "  ")
	return append(out, '\n'), err
}
