package contract

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
)

// Each property is a bit of a word.
const mostProperties = 64

func (c *compiler) object(n *node, schema *openapi3.Schema, path string) error {
	if err := c.properties(n, schema.Properties, path); err != nil {
		return err
	}
	for _, name := range schema.Required {
		i := n.find([]byte(name))
		if i < 0 {
			return fmt.Errorf("%s: keyword required names %s, which is not declared", path, name)
		}
		n.required |= 1 << i
	}
	n.extra = anything
	switch more := schema.AdditionalProperties; {
	case more.Has != nil && !*more.Has:
		n.extra = nil
	case more.Schema != nil:
		var err error
		n.extra, err = c.node(more.Schema, path+".additionalProperties")
		return err
	}
	return nil
}

func (c *compiler) properties(n *node, declared openapi3.Schemas, path string) error {
	names, err := inOrder(declared)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if len(names) > mostProperties {
		return fmt.Errorf("%s: keyword properties declares more than %d", path, mostProperties)
	}
	for i, name := range names {
		if alike := n.lookalike([]byte(name)); alike >= 0 {
			return fmt.Errorf("%s: properties %s and %s differ in letter case alone", path, n.properties[alike].name, name)
		}
		child, err := c.node(declared[name], path+".properties."+name)
		if err != nil {
			return err
		}
		n.properties = append(n.properties, property{name: name, key: []byte(name), runes: utf8.RuneCountInString(name), node: child})
		for len(n.bySize) <= len(name) {
			n.bySize = append(n.bySize, nil)
		}
		n.bySize[len(name)] = append(n.bySize[len(name)], i)
	}
	return nil
}

// inOrder returns the names of properties in the order in which the spec declares them.
func inOrder(declared openapi3.Schemas) ([]string, error) {
	names := make([]string, 0, len(declared))
	for name, ref := range declared {
		if ref == nil || ref.Origin == nil || ref.Origin.Key == nil {
			return nil, fmt.Errorf("property %s has no origin: load the spec, as YAML, with Loader.IncludeOrigin", name)
		}
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		p, q := declared[a].Origin.Key, declared[b].Origin.Key
		if p.Line != q.Line {
			return p.Line - q.Line
		}
		if p.Column != q.Column {
			return p.Column - q.Column
		}
		return strings.Compare(a, b)
	})
	return names, nil
}
