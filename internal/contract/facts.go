package contract

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// clone copies a node, so that it may be told apart from the same schema at another place.
func (n *node) clone() *node {
	c := *n
	c.properties = slices.Clone(n.properties)
	c.extraFacts = slices.Clone(n.extraFacts)
	return &c
}

// observe makes the scanner note where the value at path stands, as the span with this index. n is
// already a clone.
func (n *node) observe(path string, index int) error {
	name, rest, nested := strings.Cut(path, ".")
	if name == "" {
		return errors.New("empty name")
	}
	if n.main != objectKind {
		return errors.New("leads into what is no object")
	}
	i := n.find([]byte(name))
	if i < 0 {
		return n.observeExtra(name, nested, index)
	}
	p := &n.properties[i]
	if nested {
		p.node = p.node.clone()
		return p.node.observe(rest, index)
	}
	if p.fact > 0 {
		return errors.New("listed twice")
	}
	p.fact = index + 1
	return nil
}

func (n *node) observeExtra(name string, nested bool, index int) error {
	switch {
	case nested:
		return fmt.Errorf("%s is not declared", name)
	case n.extra == nil:
		return fmt.Errorf("%s is never accepted", name)
	case n.lookalike([]byte(name)) >= 0:
		return fmt.Errorf("%s differs from a declared one in letter case alone", name)
	}
	for _, f := range n.extraFacts {
		if f.name == name {
			return errors.New("listed twice")
		}
	}
	n.extraFacts = append(n.extraFacts, extraFact{name, index})
	return nil
}
