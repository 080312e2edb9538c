package contract

import (
	"errors"
	"fmt"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

func (c *compiler) oneOf(n *node, refs openapi3.SchemaRefs, path string) error {
	n.union = &union{}
	for i, ref := range refs {
		b, err := c.node(ref, fmt.Sprintf("%s.oneOf[%d]", path, i))
		if err != nil {
			return err
		}
		n.union.branches = append(n.union.branches, b)
	}
	c.unions = append(c.unions, place{n, path})
	return nil
}

// link completes the aliases and the unions, once all nodes are there.
func (c *compiler) link() error {
	for _, a := range c.aliases {
		a.resolve()
	}
	for _, u := range c.unions {
		if err := u.node.unite(map[*node]bool{}); err != nil {
			return fmt.Errorf("%s: keyword oneOf: %w", u.path, err)
		}
	}
	for _, u := range c.unions {
		if err := u.node.union.dispatch(); err != nil {
			return fmt.Errorf("%s: keyword oneOf: %w", u.path, err)
		}
		u.node.union.msg = "Input should be a valid " + alternatives(u.node.forms(single, 0))
	}
	return nil
}

// unite gives a union the kinds of its branches.
func (n *node) unite(above map[*node]bool) error {
	if n.union == nil {
		return nil
	}
	if above[n] {
		return errors.New("a branch leads back to the union")
	}
	above[n] = true
	defer delete(above, n)
	for _, b := range n.union.branches {
		if err := b.unite(above); err != nil {
			return err
		}
		n.kinds |= b.kinds
	}
	return nil
}

// dispatch finds the branch for each kind, and fails where that is not a single one.
func (u *union) dispatch() error {
	for i, b := range u.branches {
		if b.kinds&arrayKind != 0 {
			u.lists++
		}
		for k := range b.kinds.each {
			if other := u.byKind[k.index()]; other != nil && k != arrayKind {
				return fmt.Errorf("branch %d accepts %s, as one before it does", i, kindNames[k.index()])
			}
			u.byKind[k.index()] = b
		}
	}
	if u.lists < 2 {
		return nil
	}
	return u.dispatchLists()
}

func (u *union) dispatchLists() error {
	for i, b := range u.branches {
		if b.kinds&arrayKind == 0 {
			continue
		}
		if b.union != nil {
			return fmt.Errorf("branch %d is a union with lists, beside other lists", i)
		}
		for k := range b.possible().each {
			if u.byFirst[k.index()] != nil {
				return fmt.Errorf("branch %d accepts a list that begins with %s, as one before it does", i, kindNames[k.index()])
			}
			u.byFirst[k.index()] = b
		}
		if b.minItems > 0 {
			continue
		}
		if u.empty != nil {
			return fmt.Errorf("branch %d accepts an empty list, as one before it does", i)
		}
		u.empty = b
	}
	return nil
}

var kindNames = [kindNumber]string{"null", "a boolean", "a number", "a string", "a list", "an object"}

// deepestForm is how many lists within lists a message names.
const deepestForm = 3

// forms names what n accepts, null apart, in the number that inflect gives.
func (n *node) forms(inflect func(noun string) string, depth int) []string {
	if n.union != nil {
		var all []string
		for _, b := range n.union.branches {
			all = append(all, b.forms(inflect, depth)...)
		}
		return all
	}
	noun := n.noun()
	if n.main != arrayKind || depth == deepestForm || n.items.noun() == "value" {
		return []string{inflect(noun)}
	}
	return []string{inflect(noun) + " of " + alternatives(n.items.forms(many, depth+1))}
}

func (n *node) noun() string {
	switch {
	case n.union != nil:
		return "choice"
	case n.main == textKind:
		return "string"
	case n.main == numberKind && n.whole:
		return "integer"
	case n.main == numberKind:
		return "number"
	case n.main == boolKind:
		return "boolean"
	case n.main == objectKind:
		return "dictionary"
	case n.main == arrayKind:
		return "list"
	default:
		return "value"
	}
}

func single(noun string) string { return noun }

func many(noun string) string {
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		return stem + "ies"
	}
	return noun + "s"
}
