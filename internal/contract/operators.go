package contract

import (
	"errors"
	"fmt"
)

// newTests compiles an object of operators, and notes the members that they speak of.
func (n *node) newTests(value any, r *rule) (tests, error) {
	operators, err := fieldsOf(value, "set", "equals", "greater", "in")
	if err != nil {
		return nil, err
	}
	var list tests
	for _, compile := range []struct {
		name string
		with func(any) (tests, error)
	}{{"set", n.setTests}, {"equals", n.equalsTests}, {"in", n.inTests}, {"greater", n.greaterTests}} {
		operand, ok := operators[compile.name]
		if !ok {
			continue
		}
		more, err := compile.with(operand)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", compile.name, err)
		}
		list = append(list, more...)
	}
	for _, t := range list {
		r.speaks |= 1<<t.member | 1<<t.other
	}
	return list, nil
}

func (n *node) setTests(operand any) (tests, error) {
	names, ok := operand.([]any)
	if !ok || len(names) == 0 {
		return nil, errors.New("not a list of fields")
	}
	var list tests
	for _, name := range names {
		i, err := n.member(name)
		if err != nil {
			return nil, err
		}
		list = append(list, test{op: isSet, member: i, other: i})
	}
	return list, nil
}

func (n *node) greaterTests(operand any) (tests, error) {
	names, ok := operand.([]any)
	if !ok || len(names) != 2 {
		return nil, errors.New("not a list of two fields")
	}
	t := test{op: isGreater}
	for i, at := range []*int{&t.member, &t.other} {
		var err error
		if *at, err = n.member(names[i]); err != nil {
			return nil, err
		}
		if n.properties[*at].node.main != numberKind {
			return nil, fmt.Errorf("field %s is not a number", names[i])
		}
	}
	return tests{t}, nil
}

func (n *node) equalsTests(operand any) (tests, error) {
	fields, ok := operand.(map[string]any)
	if !ok || len(fields) == 0 {
		return nil, errors.New("not an object of fields")
	}
	lists := map[string]any{}
	for name, value := range fields {
		lists[name] = []any{value}
	}
	return n.inTests(lists)
}

func (n *node) inTests(operand any) (tests, error) {
	fields, ok := operand.(map[string]any)
	if !ok || len(fields) == 0 {
		return nil, errors.New("not an object of fields")
	}
	var list tests
	for name, value := range fields {
		i, err := n.member(name)
		if err != nil {
			return nil, err
		}
		values, ok := value.([]any)
		if !ok || len(values) == 0 {
			return nil, fmt.Errorf("field %s: not a list of values", name)
		}
		t := test{op: isOneOf, member: i, other: i}
		for _, v := range values {
			l, err := newLiteral(v)
			if err != nil {
				return nil, fmt.Errorf("field %s: %w", name, err)
			}
			if l.kind&n.properties[i].node.kinds == 0 {
				return nil, fmt.Errorf("field %s never is %v", name, v)
			}
			t.values = append(t.values, l)
		}
		list = append(list, t)
	}
	return list, nil
}
