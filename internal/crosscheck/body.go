package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"unicode/utf8"
)

// document is a body as encoding/json reads it, and what of it the contract does not take for JSON.
type document struct {
	text   []byte
	empty  bool
	broken bool // no JSON, no UTF-8, or half of a surrogate pair
	deep   bool // deeper than x-max-depth
	value  any  // object, []any, json.Number, string, bool or nil
}

// object keeps its members in their order, each as often as it stands there.
type object []member

type member struct {
	key   string
	value any
}

func read(text []byte, maxDepth int) *document {
	d := &document{text: text, empty: len(bytes.Trim(text, " \t\r\n")) == 0}
	d.broken = !d.empty && (!json.Valid(text) || !utf8.Valid(text) || halfPair(text))
	d.deep = deepest(text) > maxDepth
	if d.empty || d.broken || d.deep {
		return d
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	d.value = next(decoder)
	return d
}

// next is the value that comes, of a text that is known to be JSON.
func next(decoder *json.Decoder) any {
	token, _ := decoder.Token()
	switch token {
	case json.Delim('['):
		list := []any{}
		for decoder.More() {
			list = append(list, next(decoder))
		}
		_, _ = decoder.Token()
		return list
	case json.Delim('{'):
		all := object{}
		for decoder.More() {
			key, _ := decoder.Token()
			all = append(all, member{key.(string), next(decoder)})
		}
		_, _ = decoder.Token()
		return all
	}
	return token
}

// deepest is how many containers are open at most. What stands in texts is none.
func deepest(text []byte) (most int) {
	open, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case quoted:
		case c == '[' || c == '{':
			open++
			most = max(most, open)
		case c == ']' || c == '}':
			open--
		}
	}
	return most
}

// halfPair finds an escaped surrogate without its other half, which encoding/json takes.
func halfPair(text []byte) bool {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		switch half := surrogate(text[i:]); {
		case half == 0:
			i++
		case half < 0xdc00 && surrogate(text[min(i+6, len(text)):]) >= 0xdc00:
			i += 11
		default:
			return true
		}
	}
	return false
}

// surrogate is the one that text begins with, as \ud800; 0 for none.
func surrogate(text []byte) uint64 {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0
	}
	unit, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	if err != nil || unit < 0xd800 || unit > 0xdfff {
		return 0
	}
	return unit
}

// begins reports whether text can be the beginning of JSON.
func begins(text []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(text))
	for {
		if _, err := decoder.Token(); err != nil {
			return !isSyntax(err)
		}
	}
}

// at is the value at a place; nil where there is none. Keys are cut as they are in a 422.
func (d *document) at(loc []any) any {
	value := d.value
	for _, step := range loc {
		value = inner(value, step)
	}
	return value
}

func inner(value, step any) any {
	switch of := value.(type) {
	case object:
		i := slices.IndexFunc(of, func(m member) bool { return cut(m.key) == step })
		if i >= 0 {
			return of[i].value
		}
	case []any:
		if i, ok := step.(float64); ok && i >= 0 && int(i) < len(of) {
			return of[int(i)]
		}
	}
	return nil
}

// MarshalJSON writes the members as they are.
func (o object) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			out = append(out, ',')
		}
		key, err := json.Marshal(m.key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, key...), ':'), value...)
	}
	return append(out, '}'), nil
}
