package main

import (
	"strings"

	"github.com/pb33f/libopenapi/datamodel/high/base"
)

// onlyKeys reads the objects of a body as the contract does: of a key that stands twice, or that looks like
// a declared one (x-exact-keys), only the first has a meaning.
type onlyKeys struct {
	exact bool
	found []violation // such keys, each once
}

// value returns the value with that first alone.
func (k *onlyKeys) value(v any, schema *base.Schema, loc []any) any {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = k.value(v[i], itemsOf(schema), join(loc, float64(i)))
		}
		return list
	case object:
		return k.object(v, schema, loc)
	}
	return v
}

func (k *onlyKeys) object(all object, schema *base.Schema, loc []any) object {
	first := object{}
	times := map[string]int{}
	for _, m := range all {
		times[m.key]++
		at := join(loc, m.key)
		alike := k.exact && looksDeclared(schema, m.key)
		if alike && times[m.key] == 1 || !alike && times[m.key] == 2 {
			k.found = append(k.found, violation{Loc: at, Type: duplicateKey})
		}
		if alike || times[m.key] > 1 {
			k.value(m.value, nil, at)
			continue
		}
		first = append(first, member{m.key, k.value(m.value, memberOf(schema, m.key), at)})
	}
	return first
}

func join(loc []any, step any) []any {
	return append(loc[:len(loc):len(loc)], step)
}

// looksDeclared reports whether a key is that of a declared property but for letter case.
func looksDeclared(schema *base.Schema, key string) bool {
	if schema == nil || schema.Properties == nil {
		return false
	}
	if _, ok := schema.Properties.Get(key); ok {
		return false
	}
	for name := range schema.Properties.KeysFromOldest() {
		if strings.EqualFold(name, key) {
			return true
		}
	}
	return false
}

// memberOf is the schema of a member; nil where none says anything of objects in it.
func memberOf(schema *base.Schema, key string) *base.Schema {
	switch {
	case schema == nil:
		return nil
	case schema.Properties != nil && schema.Properties.GetOrZero(key) != nil:
		return schema.Properties.GetOrZero(key).Schema()
	case schema.AdditionalProperties != nil && schema.AdditionalProperties.IsA():
		return schema.AdditionalProperties.A.Schema()
	}
	return nil
}

func itemsOf(schema *base.Schema) *base.Schema {
	if schema == nil || schema.Items == nil || !schema.Items.IsA() {
		return nil
	}
	return schema.Items.A.Schema()
}
