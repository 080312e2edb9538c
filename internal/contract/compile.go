package contract

import (
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"
)

const (
	defaultMaxDepth      = greatestMaxDepth
	defaultMaxViolations = 64

	// The scanner recurses once a level. encoding/json reads as many.
	greatestMaxDepth = 10_000
)

// compiler turns schemas into nodes, each once: schemas may refer to themselves.
type compiler struct {
	nodes   map[*openapi3.Schema]*node
	unions  []place
	aliases []alias
	plain   bool // whether integers have to be written without a point or an exponent
}

// place is a node with the words for where it stands.
type place struct {
	node *node
	path string
}

func (c *compiler) program(ref *openapi3.SchemaRef) (*Program, error) {
	if ref == nil || ref.Value == nil {
		return nil, errors.New("no schema")
	}
	p := &Program{seed: maphash.MakeSeed()}
	var err error
	if p.maxDepth, err = bound(ref.Value, "x-max-depth", defaultMaxDepth, greatestMaxDepth); err != nil {
		return nil, err
	}
	if p.maxViolations, err = bound(ref.Value, "x-max-violations", defaultMaxViolations, 1<<20); err != nil {
		return nil, err
	}
	if p.exactKeys, err = flag(ref.Value, "x-exact-keys"); err != nil {
		return nil, err
	}
	if c.plain, err = flag(ref.Value, "x-plain-integers"); err != nil {
		return nil, err
	}
	shared, err := c.node(ref, top)
	if err != nil {
		return nil, err
	}
	if err := c.link(); err != nil {
		return nil, err
	}
	// The document's own node has rules and facts that the same schema does not have elsewhere.
	p.root = shared.clone()
	return p, p.root.addRules(ref.Value.Extensions["x-rules"])
}

// bound reads an extension that holds a positive integer.
func bound(schema *openapi3.Schema, name string, absent, greatest int) (int, error) {
	value, ok := schema.Extensions[name]
	if !ok {
		return absent, nil
	}
	n, err := strconv.Atoi(fmt.Sprint(value))
	if err != nil || n < 1 || n > greatest {
		return 0, fmt.Errorf("schema: %s is no integer from 1 to %d", name, greatest)
	}
	return n, nil
}

// flag reads an extension that is true or false, or absent, which is false.
func flag(schema *openapi3.Schema, name string) (bool, error) {
	value, ok := schema.Extensions[name]
	if !ok {
		return false, nil
	}
	set, ok := value.(bool)
	if !ok {
		return false, fmt.Errorf("schema: %s is neither true nor false", name)
	}
	return set, nil
}

func (c *compiler) node(ref *openapi3.SchemaRef, path string) (*node, error) {
	if ref == nil || ref.Value == nil {
		return nil, fmt.Errorf("%s: reference that leads nowhere", path)
	}
	if err := checkSiblings(ref, path); err != nil {
		return nil, err
	}
	schema := ref.Value
	if n, ok := c.nodes[schema]; ok {
		return n, checkExtensions(schema.Extensions, path)
	}
	if err := checkKeywords(schema, path); err != nil {
		return nil, err
	}
	n := newNode(0)
	c.nodes[schema] = n
	if schema.OneOf != nil {
		return n, c.oneOf(n, schema.OneOf, path)
	}
	if schema.AllOf != nil {
		return n, c.allOf(n, schema, path)
	}
	if schema.Type == nil {
		*n = *anything
		return n, nil
	}
	return n, c.typed(n, schema, path)
}

// typed compiles a schema with a type.
func (c *compiler) typed(n *node, schema *openapi3.Schema, path string) error {
	typ := (*schema.Type)[0]
	n.main = kindOfType[typ]
	n.kinds = n.main
	if schema.Nullable {
		n.kinds |= nullKind
	}
	if err := n.addEnum(schema.Enum); err != nil {
		return fmt.Errorf("%s: keyword enum: %w", path, err)
	}
	switch typ {
	case openapi3.TypeString:
		return n.addText(schema, path)
	case openapi3.TypeInteger, openapi3.TypeNumber:
		n.whole = typ == openapi3.TypeInteger
		n.plain = n.whole && c.plain
		return n.addNumbers(schema, path)
	case openapi3.TypeArray:
		return c.array(n, schema, path)
	case openapi3.TypeObject:
		return c.object(n, schema, path)
	}
	return nil
}

var kindOfType = map[string]kind{
	openapi3.TypeString:  textKind,
	openapi3.TypeInteger: numberKind,
	openapi3.TypeNumber:  numberKind,
	openapi3.TypeBoolean: boolKind,
	openapi3.TypeArray:   arrayKind,
	openapi3.TypeObject:  objectKind,
}

// addEnum narrows a scalar. Null is accepted where it is listed too.
func (n *node) addEnum(values []any) error {
	if values == nil {
		return nil
	}
	if len(values) == 0 {
		return errors.New("lists nothing")
	}
	listed := kind(0)
	for _, value := range values {
		l, err := newLiteral(value)
		if err != nil {
			return err
		}
		if l.kind&n.kinds == 0 {
			return fmt.Errorf("%v is not of the schema's type", value)
		}
		listed |= l.kind
		n.enum = append(n.enum, l)
	}
	n.kinds &= n.main | listed
	n.limited = true
	n.least, n.most = 1, 0
	return nil
}

func (n *node) addText(schema *openapi3.Schema, path string) error {
	n.minLength = size64(schema.MinLength)
	if schema.MaxLength != nil {
		n.maxLength = size64(*schema.MaxLength)
	}
	if schema.Pattern != "" {
		p, err := newPattern(schema.Pattern)
		if err != nil {
			return fmt.Errorf("%s: keyword pattern: %w", path, err)
		}
		n.pattern = p
	}
	n.limited = n.limited || n.pattern != nil || n.minLength > 0 || schema.MaxLength != nil
	return nil
}

// size64 keeps sizes that no document reaches from turning negative.
func size64(n uint64) int { return int(min(n, math.MaxInt)) }

func (c *compiler) array(n *node, schema *openapi3.Schema, path string) error {
	n.minItems = size64(schema.MinItems)
	if schema.MaxItems != nil {
		n.maxItems = size64(*schema.MaxItems)
	}
	n.items = anything
	if schema.Items == nil {
		return nil
	}
	var err error
	n.items, err = c.node(schema.Items, path+".items")
	return err
}
