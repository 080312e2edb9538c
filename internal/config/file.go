package config

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/specgate/specgate/internal/yamlfile"
)

// file reads a YAML file into the configuration. It takes the library's nodes and not its decoder:
// the decoder stops at the first fault of a kind, and knows neither the nearest name nor ${NAME}.
func (l *loader) file(path string) {
	data, err := l.config.Files.keep(path, l.text)
	if err != nil {
		l.unreadable = true
		l.report("", "", fmt.Sprintf("the configuration file cannot be read: %v", err))
		return
	}
	l.path = path
	root, line, err := yamlfile.Root(data)
	if err != nil {
		l.unreadable = true
		l.syntax(string(data), line, err)
		return
	}
	if root == nil {
		l.config.Blank = true
		return
	}
	l.section(root, "", reflect.ValueOf(&l.config).Elem())
}

// syntax reports a file that is no YAML.
func (l *loader) syntax(text string, line int, err error) {
	origin, message := l.path, err.Error()
	if line > 0 {
		origin = fmt.Sprintf("%s:%d", l.path, line)
	}
	if unquotedInFlow.MatchString(text) {
		message += ` (between { } or [ ], write "${NAME}" with its quotes)`
	}
	l.report(origin, "", message)
}

// unquotedInFlow is a ${NAME} that YAML takes for the beginning of a mapping.
var unquotedInFlow = regexp.MustCompile(`[{\[][^"'\n]*\$\{`)

func (l *loader) at(n *yaml.Node) string { return fmt.Sprintf("%s:%d", l.path, n.Line) }

// value reads node into v, which has the given form.
func (l *loader) value(node *yaml.Node, path string, f form, v reflect.Value) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	switch f {
	case formSection:
		l.section(node, path, v)
	case formEntries:
		l.entries(node, path, v)
	case formItems, formStrings:
		l.items(node, path, v)
	default:
		l.scalar(node, path, f, v)
	}
}

// section reads a mapping into a struct. One that is empty, as where all in it is commented out,
// sets nothing.
func (l *loader) section(node *yaml.Node, path string, v reflect.Value) {
	fields := fieldsOf(v.Type())
	l.mapping(node, path, func(key, value *yaml.Node) {
		path := join(path, key.Value)
		for _, f := range fields {
			if f.name == key.Value {
				l.origins[path] = l.at(key)
				l.value(value, path, f.form, v.Field(f.index))
				return
			}
		}
		message, meant := unknown(path, key.Value, fields)
		l.report(l.at(key), path, message)
		l.failed = append(l.failed, meant)
	})
}

// entries reads a mapping whose keys are names of the operator's choice.
func (l *loader) entries(node *yaml.Node, path string, v reflect.Value) {
	entries := reflect.MakeMap(v.Type())
	l.mapping(node, path, func(key, value *yaml.Node) {
		path, one := entry(path, key.Value), blank(v.Type().Elem())
		l.origins[path] = l.at(key)
		l.value(value, path, formSection, one)
		entries.SetMapIndex(reflect.ValueOf(key.Value), one)
	})
	v.Set(entries)
}

// mapping calls each for every key that is there for the first time.
func (l *loader) mapping(node *yaml.Node, path string, each func(key, value *yaml.Node)) {
	if empty(node) {
		return
	}
	if node.Kind != yaml.MappingNode {
		l.report(l.at(node), path, "must hold settings, as name: value")
		return
	}
	seen := map[string]int{}
	for i := 0; i < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			l.report(l.at(key), path, "has a key that is not a name")
			continue
		}
		if line, twice := seen[key.Value]; twice {
			l.report(l.at(key), join(path, key.Value), fmt.Sprintf("is there twice: remove this one or that on line %d", line))
			continue
		}
		seen[key.Value] = key.Line
		each(key, value)
	}
}

// items reads a list.
func (l *loader) items(node *yaml.Node, path string, v reflect.Value) {
	if empty(node) {
		return
	}
	if node.Kind != yaml.SequenceNode {
		l.report(l.at(node), path, "must be a list, as [a, b] or with a dash before each item")
		return
	}
	list := reflect.MakeSlice(v.Type(), len(node.Content), len(node.Content))
	for i, item := range node.Content {
		l.origins[place(path, i)] = l.at(item)
		list.Index(i).Set(blank(v.Type().Elem()))
		l.value(item, place(path, i), formOf(v.Type().Elem()), list.Index(i))
	}
	v.Set(list)
}

// scalar reads a value as it stands in the file, whatever YAML takes it for: a token of digits keeps
// its leading zeros, and a project called no is not false.
func (l *loader) scalar(node *yaml.Node, path string, f form, v reflect.Value) {
	switch {
	case node.Kind != yaml.ScalarNode:
		l.report(l.at(node), path, "must be a single value")
	case empty(node):
		l.report(l.at(node), path, "has no value: give it one or remove the line")
	case !strings.HasPrefix(node.Tag, "!!"):
		l.report(l.at(node), path, "has the tag "+node.Tag+", which means nothing here: remove it")
	default:
		text, problems, all := expand(node.Value, func(name string) (string, bool) { return l.variable(name, path) })
		for _, message := range problems {
			l.report(l.at(node), path, message)
		}
		if all {
			l.set(l.at(node), path, f, v, text)
		}
	}
}

func empty(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.Tag == "!!null" }
