package contract

import (
	"errors"
	"fmt"
	"slices"
)

// addRules compiles x-rules: a list of {id, loc, when, require, msg}. when is an object of operators
// that have to hold together, require one such object or a list of which one has to hold.
func (n *node) addRules(extension any) error {
	if extension == nil {
		return nil
	}
	list, ok := extension.([]any)
	if !ok {
		return errors.New("x-rules is not a list")
	}
	if n.main != objectKind {
		return errors.New("x-rules beside a type other than object")
	}
	for i, entry := range list {
		if err := n.addRule(entry); err != nil {
			return fmt.Errorf("x-rules[%d]: %w", i, err)
		}
	}
	return nil
}

func (n *node) addRule(entry any) error {
	fields, err := fieldsOf(entry, "id", "loc", "when", "require", "msg")
	if err != nil {
		return err
	}
	r := rule{}
	for _, name := range []string{"id", "msg"} {
		if text, ok := fields[name].(string); !ok || text == "" {
			return fmt.Errorf("%s is not a text", name)
		}
	}
	r.msg = fields["msg"].(string)
	if r.member, err = n.ruleLoc(fields["loc"]); err != nil {
		return err
	}
	if isKeyRule(fields["require"]) {
		return n.addKeyRule(fields, r)
	}
	if when, ok := fields["when"]; ok {
		if r.when, err = n.newTests(when, &r); err != nil {
			return fmt.Errorf("when: %w", err)
		}
	}
	alternatives, ok := fields["require"].([]any)
	if !ok {
		alternatives = []any{fields["require"]}
	}
	if len(alternatives) == 0 {
		return errors.New("require is empty")
	}
	for _, alternative := range alternatives {
		list, err := n.newTests(alternative, &r)
		if err != nil {
			return fmt.Errorf("require: %w", err)
		}
		r.require = append(r.require, list)
	}
	n.rules = append(n.rules, r)
	return nil
}

// fieldsOf takes value as an object with no other keys than these; it has at least one.
func fieldsOf(value any, known ...string) (map[string]any, error) {
	fields, ok := value.(map[string]any)
	if !ok || len(fields) == 0 {
		return nil, errors.New("not an object with something in it")
	}
	for name := range fields {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("unknown key %s", name)
		}
	}
	return fields, nil
}

// ruleLoc returns the index of the member that a rule's loc names, -1 for the document.
func (n *node) ruleLoc(value any) (int, error) {
	loc, ok := value.([]any)
	if !ok || len(loc) == 0 || len(loc) > 2 || loc[0] != "body" {
		return 0, errors.New("loc is neither [body] nor [body, field]")
	}
	if len(loc) == 1 {
		return -1, nil
	}
	return n.member(loc[1])
}

func (n *node) member(value any) (int, error) {
	name, ok := value.(string)
	if !ok {
		return 0, fmt.Errorf("%v is not the name of a field", value)
	}
	i := n.find([]byte(name))
	if i < 0 {
		return 0, fmt.Errorf("field %s is not declared", name)
	}
	return i, nil
}

func isKeyRule(require any) bool {
	operators, ok := require.(map[string]any)
	_, has := operators["keyPattern"]
	return ok && has
}

// addKeyRule hands a rule on keys to the object that it speaks of, whose keys are held to it as they
// are read. It therefore can depend on nothing else.
func (n *node) addKeyRule(fields map[string]any, r rule) error {
	require, err := fieldsOf(fields["require"], "keyPattern")
	if err != nil || fields["when"] != nil {
		return errors.New("keyPattern does not go together with other operators")
	}
	patterns, ok := require["keyPattern"].(map[string]any)
	if !ok || len(patterns) != 1 {
		return errors.New("keyPattern is not an object with one field")
	}
	for name, expression := range patterns {
		text, ok := expression.(string)
		if !ok {
			return errors.New("keyPattern is not a regular expression")
		}
		p, err := newPattern(text)
		if err != nil {
			return fmt.Errorf("keyPattern: %w", err)
		}
		i, err := n.member(name)
		if err != nil {
			return err
		}
		return n.holdKeys(i, &keyRule{p, r.msg})
	}
	return nil
}

func (n *node) holdKeys(i int, keys *keyRule) error {
	p := &n.properties[i]
	if p.node.main != objectKind || p.node.properties != nil || p.node.keys != nil {
		return fmt.Errorf("keyPattern: %s is not an object with free keys", p.name)
	}
	p.node = p.node.clone()
	p.node.keys = keys
	return nil
}
