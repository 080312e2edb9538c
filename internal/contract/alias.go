package contract

import (
	"fmt"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// alias is a schema that says no more of another than that null is accepted as well: a lone $ref below
// allOf, which leaves room for `nullable` beside it.
type alias struct {
	node, target *node
	nullable     bool
}

// allOf takes one $ref to a schema with a type; anything else would have to be merged.
func (c *compiler) allOf(n *node, schema *openapi3.Schema, path string) error {
	if len(schema.AllOf) != 1 || schema.AllOf[0].Ref == "" {
		return fmt.Errorf("%s: keyword allOf is enforced with a single $ref alone", path)
	}
	target, err := c.node(schema.AllOf[0], path+".allOf[0]")
	if err != nil {
		return err
	}
	if schema.AllOf[0].Value.Type == nil {
		return fmt.Errorf("%s: keyword allOf refers to a schema without a type", path)
	}
	c.aliases = append(c.aliases, alias{n, target, schema.Nullable})
	return nil
}

// resolve makes the node what its target has become, which may be a schema that it stands in itself.
func (a alias) resolve() {
	*a.node = *a.target
	if !a.nullable {
		return
	}
	a.node.kinds |= nullKind
	if a.node.enum != nil {
		a.node.enum = append(slices.Clone(a.node.enum), literal{kind: nullKind})
	}
}
