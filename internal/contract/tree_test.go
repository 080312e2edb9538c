package contract

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// tree is a document as jsontext reads it, with what the oracles need of it: members in order, those
// that stand twice included, numbers as they were written, and where everything stands.
type tree struct {
	kind       jsontext.Kind // of '{', '[', '"', '0', 't', 'f' and 'n'
	raw        string        // of a scalar
	text       string        // of a string what it reads
	members    []member
	items      []*tree
	start, end int
}

type member struct {
	key   string
	value *tree
}

// readTree reads a document, more than once the same key in an object allowed.
func readTree(document []byte) (*tree, error) {
	d := jsontext.NewDecoder(bytes.NewReader(document), jsontext.AllowDuplicateNames(true))
	t, err := readValue(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errors.Join(errors.New("more follows"), err)
	}
	return t, nil
}

func readValue(d *jsontext.Decoder) (*tree, error) {
	t := &tree{kind: d.PeekKind()}
	if t.kind == '{' || t.kind == '[' {
		return t, readContainer(d, t)
	}
	raw, err := d.ReadValue()
	if err != nil {
		return nil, err
	}
	t.raw, t.end = string(raw), int(d.InputOffset())
	t.start = t.end - len(raw)
	if t.kind == '"' {
		text, err := jsontext.AppendUnquote(nil, raw)
		t.text = string(text)
		return t, err
	}
	return t, nil
}

func readContainer(d *jsontext.Decoder, t *tree) error {
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	t.start = int(d.InputOffset()) - 1
	for {
		switch d.PeekKind() {
		case '}', ']':
			_, err := d.ReadToken()
			t.end = int(d.InputOffset())
			return err
		}
		m := member{}
		if t.kind == '{' {
			key, err := readValue(d)
			if err != nil {
				return err
			}
			m.key = key.text
		}
		var err error
		if m.value, err = readValue(d); err != nil {
			return err
		}
		if t.kind == '{' {
			t.members = append(t.members, m)
		} else {
			t.items = append(t.items, m.value)
		}
	}
}

// write appends the document anew, without blanks and with keys escaped no more than they have to be.
func (t *tree) write(dst []byte) []byte {
	switch t.kind {
	case '{':
		dst = append(dst, '{')
		for i, m := range t.members {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst, _ = jsontext.AppendQuote(dst, m.key)
			dst = m.value.write(append(dst, ':'))
		}
		return append(dst, '}')
	case '[':
		dst = append(dst, '[')
		for i, item := range t.items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = item.write(dst)
		}
		return append(dst, ']')
	default:
		return append(dst, t.raw...)
	}
}

// children calls yield for each value directly in t, with its part of a loc.
func (t *tree) children(yield func(part any, child *tree) bool) {
	for _, m := range t.members {
		if !yield(cut(m.key), m.value) {
			return
		}
	}
	for i, item := range t.items {
		if !yield(i, item) {
			return
		}
	}
}

// levels is how many containers are open at the deepest place.
func (t *tree) levels() int {
	if t.kind != '{' && t.kind != '[' {
		return 0
	}
	deepest := 0
	for _, child := range t.children {
		deepest = max(deepest, child.levels())
	}
	return deepest + 1
}

// size is how many values the document holds.
func (t *tree) size() int {
	n := 1
	for _, child := range t.children {
		n += child.size()
	}
	return n
}

// first returns the member that comes first under key, and how many there are.
func (t *tree) first(key string) (value *tree, count int) {
	for _, m := range t.members {
		if m.key == key {
			if count++; count == 1 {
				value = m.value
			}
		}
	}
	return value, count
}

// cut is a key as a loc shows it.
func cut(key string) string {
	if utf8.RuneCountInString(key) <= 64 {
		return key
	}
	return string([]rune(key)[:64])
}
