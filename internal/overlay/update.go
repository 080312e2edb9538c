package overlay

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pb33f/go-yaml"
)

// checkUpdate fails for what YAML can say and the contract, which is JSON too, cannot.
func checkUpdate(node *yaml.Node) error {
	switch {
	case node.Kind == yaml.AliasNode:
		return fmt.Errorf("*%s is an alias: write out what it stands for", node.Value)
	case node.Kind == yaml.ScalarNode && node.Tag == "!!float" && isNoNumber(node.Value):
		return fmt.Errorf("%s is no number of JSON", node.Value)
	case node.Kind == yaml.MappingNode:
		for i := 0; i < len(node.Content); i += 2 {
			if node.Content[i].Tag == "!!merge" {
				return errors.New("<< merges nothing here: write out the keys")
			}
		}
	}
	for _, child := range node.Content {
		if err := checkUpdate(child); err != nil {
			return err
		}
	}
	return nil
}

func isNoNumber(text string) bool {
	text = strings.ToLower(strings.TrimLeft(text, "+-"))
	return text == ".inf" || text == ".nan"
}

// keywords are those of schemas in OpenAPI 3.0.
var keywords = []string{
	"additionalProperties", "allOf", "anyOf", "default", "deprecated", "description", "discriminator", "enum",
	"example", "exclusiveMaximum", "exclusiveMinimum", "externalDocs", "format", "items", "maxItems", "maxLength",
	"maxProperties", "maximum", "minItems", "minLength", "minProperties", "minimum", "multipleOf", "not",
	"nullable", "oneOf", "pattern", "properties", "readOnly", "required", "title", "type", "uniqueItems",
	"writeOnly", "xml",
}

// meant is the end of a sentence on a key that is none of those known: which of them is but two letters away.
func meant(key string, known []string) string {
	if slices.Contains(known, key) {
		return ""
	}
	best, least := "", 3
	for _, name := range known {
		if d := distance(key, name); d < least && d < len(name)-1 {
			best, least = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", best)
}

// distance is how many letters have to be put in, left out or replaced to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := last
			if a[i] != b[j] {
				replaced++
			}
			last = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
