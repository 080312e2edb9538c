package faults

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/specgate/specgate/internal/yamlfile"
)

// Problem is one reason why a script is refused.
type Problem struct {
	File    string
	Line    int // counted from 1; 0 where it is not known
	Message string
}

// Error is one line.
func (p Problem) Error() string {
	if p.Line == 0 {
		return p.File + ": " + p.Message
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Message)
}

var _ error = Problem{}

// Parse reads a script, a YAML document; file is what its problems call it. The error joins every
// Problem there is, in the order of their lines.
func Parse(file string, data []byte) (*Script, error) {
	p := parser{file: file}
	script := &Script{seed: 1}
	root, line, err := yamlfile.Root(data)
	switch {
	case err != nil:
		p.report(line, "%v", err)
	case root == nil:
		p.report(0, "holds no rules")
	default:
		p.script(root, script)
	}
	return script, p.result()
}

// parser gathers problems.
type parser struct {
	file     string
	problems []Problem
}

func (p *parser) report(line int, format string, args ...any) {
	p.problems = append(p.problems, Problem{File: p.file, Line: line, Message: fmt.Sprintf(format, args...)})
}

func (p *parser) result() error {
	slices.SortStableFunc(p.problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	all := make([]error, len(p.problems))
	for i, problem := range p.problems {
		all[i] = problem
	}
	return errors.Join(all...)
}

// script reads the document.
func (p *parser) script(root *yaml.Node, s *Script) {
	var rules *yaml.Node
	p.mapping(root, "a script", func(key, value *yaml.Node) {
		switch key.Value {
		case "seed":
			n, err := strconv.ParseUint(value.Value, 10, 64)
			if err != nil || value.Kind != yaml.ScalarNode {
				p.report(value.Line, "seed must be an integer, 0 or more")
			}
			s.seed = n
		case "rules":
			rules = value
		default:
			p.report(key.Line, "%s means nothing here: a script has seed and rules", key.Value)
		}
	})
	switch {
	case rules == nil:
		p.report(root.Line, "there are no rules")
	case rules.Kind != yaml.SequenceNode || len(rules.Content) == 0:
		p.report(rules.Line, "rules must be a list of at least one rule, with a dash before each")
	default:
		for i, node := range rules.Content {
			s.rules = append(s.rules, p.rule(resolved(node), fmt.Sprintf("rules[%d]", i)))
		}
		p.unreached(rules.Content, s.rules)
	}
}

// unreached reports the rules that no request comes to, because one before them takes every request.
func (p *parser) unreached(nodes []*yaml.Node, rules []rule) {
	for i := range rules[:len(rules)-1] {
		if rules[i].always {
			p.report(nodes[i+1].Line, "rules[%d] is never reached: rules[%d] has no condition and takes every request; put it last", i+1, i)
			return
		}
	}
}

// resolved is what an alias stands for.
func resolved(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// mapping calls each for every key that is there for the first time.
func (p *parser) mapping(node *yaml.Node, what string, each func(key, value *yaml.Node)) {
	if node.Kind != yaml.MappingNode {
		p.report(node.Line, "%s must hold settings, as name: value", what)
		return
	}
	seen := map[string]int{}
	for i := 0; i < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if line, twice := seen[key.Value]; twice {
			p.report(key.Line, "%s is there twice: remove this one or that on line %d", key.Value, line)
			continue
		}
		seen[key.Value] = key.Line
		each(key, resolved(value))
	}
}
