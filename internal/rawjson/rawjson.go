// Package rawjson finds its way in JSON that was checked before: where members and items stand, so
// that one of them can be changed and every other byte stays. It decodes nothing, looks for no
// faults, and knows nothing of what the JSON means.
package rawjson

import (
	"bytes"
	"encoding/json"
	"iter"
)

// Span is the place of a value: raw[Start:End]. The zero Span is that of a value that is absent.
type Span = struct{ Start, End int }

// Members yields the members of an object: the key, unescaped, and the place of the value. Of
// anything else there are none. raw is valid JSON, and may have blanks around it.
func Members(raw []byte) iter.Seq2[[]byte, Span] {
	return func(yield func([]byte, Span) bool) {
		i := skip(raw, 0)
		if i == len(raw) || raw[i] != '{' {
			return
		}
		for i = skip(raw, i+1); raw[i] != '}'; {
			keyEnd := valueEnd(raw, i)
			start := skip(raw, skip(raw, keyEnd)+1)
			end := valueEnd(raw, start)
			if !yield(name(raw[i:keyEnd]), Span{start, end}) {
				return
			}
			i = next(raw, end)
		}
	}
}

// Items yields the places of the items of an array. Of anything else there are none. raw is as for
// Members.
func Items(raw []byte) iter.Seq[Span] {
	return func(yield func(Span) bool) {
		i := skip(raw, 0)
		if i == len(raw) || raw[i] != '[' {
			return
		}
		for i = skip(raw, i+1); raw[i] != ']'; {
			end := valueEnd(raw, i)
			if !yield(Span{i, end}) {
				return
			}
			i = next(raw, end)
		}
	}
}

// Find returns the place of the value of a key of an object, zero where it has none. raw is as for
// Members.
func Find(raw []byte, key string) Span {
	for name, at := range Members(raw) {
		if string(name) == key {
			return at
		}
	}
	return Span{}
}

// name unquotes a key, without a copy where it holds no escape.
func name(key []byte) []byte {
	if bytes.IndexByte(key, '\\') < 0 {
		return key[1 : len(key)-1]
	}
	var s string
	_ = json.Unmarshal(key, &s) // it is valid
	return []byte(s)
}

// next returns where, after a value that ends at i, the next one begins, or the end of the list.
func next(raw []byte, i int) int {
	if i = skip(raw, i); raw[i] == ',' {
		i = skip(raw, i+1)
	}
	return i
}

// skip returns the first place from i on that holds no blank.
func skip(raw []byte, i int) int {
	for i < len(raw) && (raw[i] == ' ' || raw[i] == '\t' || raw[i] == '\n' || raw[i] == '\r') {
		i++
	}
	return i
}

// valueEnd returns the place after the value, or the key, that begins at i.
func valueEnd(raw []byte, i int) int {
	switch raw[i] {
	case '"':
		return textEnd(raw, i)
	case '{', '[':
		return nestEnd(raw, i)
	}
	for i < len(raw) {
		switch raw[i] {
		case ',', ']', '}', ' ', '\t', '\n', '\r':
			return i
		}
		i++
	}
	return i
}

func textEnd(raw []byte, i int) int {
	for i++; raw[i] != '"'; i++ {
		if raw[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func nestEnd(raw []byte, i int) int {
	for depth := 0; ; i++ {
		switch raw[i] {
		case '"':
			i = textEnd(raw, i) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
}
