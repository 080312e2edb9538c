package upstream

import "bytes"

// member is one key of a JSON object and its value, as they were written.
type member struct {
	name  []byte // the key, unescaped
	key   []byte // the key, quoted
	value []byte
}

// object is the members of a JSON object in their order. Numbers keep their digits in it, and strings
// their escapes, which a decoded one would lose.
type object []member

// maxUnique is up to how many members an object is searched for a key that comes twice. No object
// that a backend writes has as many.
const maxUnique = 256

// usualSize is how many members most objects have at most.
const usualSize = 8

// members splits a value, which must be a part of valid JSON with no space around it. Of a key that
// comes twice the last value counts, as for most parsers. It reports whether the value is an object.
func members(raw []byte) (object, bool) {
	if !isObject(raw) {
		return nil, false
	}
	o := make(object, 0, usualSize)
	for i := skip(raw, 1); raw[i] != '}'; {
		keyEnd := valueEnd(raw, i)
		start := skip(raw, skip(raw, keyEnd)+1)
		end := valueEnd(raw, start)
		o = o.add(member{nameOf(raw[i:keyEnd]), raw[i:keyEnd], raw[start:end]})
		if i = skip(raw, end); raw[i] == ',' {
			i = skip(raw, i+1)
		}
	}
	return o, true
}

func (o object) add(m member) object {
	if len(o) < maxUnique {
		if i := o.index(string(m.name)); i >= 0 {
			o[i].value = m.value
			return o
		}
	}
	return append(o, m)
}

// elements splits a value as members does; it reports whether the value is an array.
func elements(raw []byte) ([][]byte, bool) {
	if !isArray(raw) {
		return nil, false
	}
	var list [][]byte
	for i := skip(raw, 1); raw[i] != ']'; {
		end := valueEnd(raw, i)
		list = append(list, raw[i:end])
		if i = skip(raw, end); raw[i] == ',' {
			i = skip(raw, i+1)
		}
	}
	return list, true
}

// nameOf unquotes a key, without a copy where it holds no escape.
func nameOf(key []byte) []byte {
	if bytes.IndexByte(key, '\\') >= 0 {
		return []byte(text(key))
	}
	return key[1 : len(key)-1]
}

func (o object) index(name string) int {
	for i := range o {
		if string(o[i].name) == name {
			return i
		}
	}
	return -1
}

// find returns the value of a key, and whether there is one.
func (o object) find(name string) ([]byte, bool) {
	if i := o.index(name); i >= 0 {
		return o[i].value, true
	}
	return nil, false
}

// get returns the value of a key, nil where there is none.
func (o object) get(name string) []byte {
	value, _ := o.find(name)
	return value
}

// set changes the value of a key in its place, or adds it at the end.
func (o object) set(name string, value []byte) object {
	if i := o.index(name); i >= 0 {
		o[i].value = value
		return o
	}
	return append(o, member{[]byte(name), quote(name), value})
}

// bytes writes the object.
func (o object) bytes() []byte {
	size := 2
	for _, m := range o {
		size += len(m.key) + len(m.value) + 2
	}
	b := append(make([]byte, 0, size), '{')
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(b, m.key...), ':'), m.value...)
	}
	return append(b, '}')
}

// array writes values as a JSON array.
func array(values [][]byte) []byte {
	b := []byte{'['}
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, v...)
	}
	return append(b, ']')
}
