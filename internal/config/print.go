package config

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// YAML is the whole configuration as a file would hold it, secrets redacted; a comment beside a value
// that is not the default says where it comes from.
func (c Config) YAML() ([]byte, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(printer(c.Origins).section("", reflect.ValueOf(c))); err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	return out.Bytes(), nil
}

// printer makes nodes of values; it holds the origins.
type printer map[string]string

func (p printer) node(path string, v reflect.Value) *yaml.Node {
	switch f := formOf(v.Type()); f {
	case formSection:
		return p.section(path, v)
	case formEntries:
		return p.entries(path, v)
	case formItems, formStrings:
		return p.items(path, v)
	default:
		return p.scalar(path, f, v)
	}
}

func (p printer) section(path string, v reflect.Value) *yaml.Node {
	node := &yaml.Node{Kind: yaml.MappingNode}
	for _, f := range fieldsOf(v.Type()) {
		node.Content = append(node.Content, text(f.name), p.node(join(path, f.name), v.Field(f.index)))
	}
	return node
}

func (p printer) entries(path string, v reflect.Value) *yaml.Node {
	node := &yaml.Node{Kind: yaml.MappingNode}
	for _, name := range names(v) {
		node.Content = append(node.Content, text(name), p.node(entry(path, name), v.MapIndex(reflect.ValueOf(name))))
	}
	return node
}

func (p printer) items(path string, v reflect.Value) *yaml.Node {
	node := &yaml.Node{Kind: yaml.SequenceNode}
	if v.Len() == 0 {
		node.Style = yaml.FlowStyle
	}
	for i := range v.Len() {
		node.Content = append(node.Content, p.node(place(path, i), v.Index(i)))
	}
	return node
}

func (p printer) scalar(path string, f form, v reflect.Value) *yaml.Node {
	node := text(strings.ReplaceAll(render(v), "${", "$${"))
	switch f {
	case formInteger:
		node.Tag = "!!int"
	case formNumber:
		node.Tag = "!!float"
	case formBoolean:
		node.Tag = "!!bool"
	}
	node.LineComment = p[path]
	return node
}

func text(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
}
