package contract

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// explained holds all that is said of a refused document to the truth.
func (o *oracle) explained(t *testing.T, document []byte) {
	t.Helper()
	all := o.all(t, document)
	o.capped(t, document, all)
	switch {
	case all == nil:
		return
	case all[0].Type == "json_invalid":
		o.malformed(t, document, all)
		return
	case strings.Trim(string(document), " \t\r\n") == "":
		if len(all) != 1 || all[0].Type != "missing" || len(all[0].Loc) != 1 {
			t.Errorf("nothing was sent, and the program says %v", all)
		}
		return
	}
	root, err := readTree(document)
	if err != nil || root.levels() > o.depth {
		t.Fatalf("malformed (%v) or too deep, and the program says %v", err, all)
	}
	if diff := cmp.Diff(all, o.all(t, root.write(nil))); diff != "" {
		t.Errorf("written anew, another explanation (-before +after)\n%s", diff)
	}
	for _, v := range all {
		if !o.isTrue(root, v) {
			t.Errorf("not true: %v", v)
		}
	}
	o.complete(t, root, all)
	o.inOrder(t, root, all)
	for i := 0; i < len(all); i += 1 + len(all)/8 {
		o.mended(t, document, all, i)
	}
	if len(all) <= 12 && len(document) <= 2<<10 {
		o.mendedAll(t, root, all)
	}
}

// capped holds the answer to the first of all violations, 64 if their keys are not all too long, and to
// the number of the others.
func (o *oracle) capped(t *testing.T, document []byte, all []Violation) {
	t.Helper()
	said := violations(t, o.program, string(document))
	n := len(said)
	if n > 0 && said[n-1].Type == "too_many_violations" {
		n--
		rest := Violation{Loc: []any{"body"}, Type: "too_many_violations", Msg: fmt.Sprintf("… and %d more", len(all)-n)}
		all = append(slices.Clone(all[:n]), rest)
		long := 0
		for i := range said[:n] {
			long += said[i].keys()
		}
		if n > 64 || n < 64 && long <= mostKeys-64*o.depth {
			t.Errorf("%d items, and %s", n, rest.Msg)
		}
	}
	if diff := cmp.Diff(all, said); diff != "" {
		t.Errorf("the first of all, and what is said (-want +got)\n%s", diff)
	}
}

// farthest is how many bytes behind the offset of a syntax error its end lies at most: a pair of escapes.
const farthest = 12

// malformed holds a syntax error to jsontext: what comes before the offset can be gone on with, what
// comes right behind it cannot.
func (o *oracle) malformed(t *testing.T, document []byte, all []Violation) {
	t.Helper()
	offset, ok := all[0].Loc[1].(int)
	if len(all) != 1 || !ok || offset < 0 || offset > len(document) {
		t.Fatalf("malformed: %v", all)
	}
	depth, err := prefix(document[:offset])
	if err != nil {
		t.Errorf("%v, and already the bytes before it are wrong: %v", all, err)
	}
	if strings.Contains(all[0].Msg, "nesting deeper") {
		if depth != o.depth || !strings.ContainsRune("[{", rune(document[offset])) {
			t.Errorf("%v at level %d", all, depth)
		}
		return
	}
	if _, err := readTree(document); err == nil {
		t.Errorf("jsontext reads it, and the program says %v", all)
	}
	if end := offset + farthest; end < len(document) {
		if _, err := prefix(document[:end]); err == nil {
			t.Errorf("%v, and nothing is wrong up to %d", all, end)
		}
	}
	if strings.HasSuffix(all[0].Msg, "unexpected end of the document") != (offset == len(document)) {
		t.Errorf("%v in %d bytes", all, len(document))
	}
}

// prefix fails where a document cannot begin with b, and returns how many containers are open after it.
func prefix(b []byte) (depth int, err error) {
	d := jsontext.NewDecoder(bytes.NewReader(b), jsontext.AllowDuplicateNames(true))
	for {
		_, err := d.ReadToken()
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return d.StackDepth(), nil
		case err != nil:
			return 0, err
		case d.StackDepth() == 0 && len(bytes.Trim(b[d.InputOffset():], " \t\r\n")) > 0:
			return 0, errors.New("more follows")
		}
	}
}

// complete holds the keys that stand twice and the broken rules to the same found by other means.
func (o *oracle) complete(t *testing.T, root *tree, all []Violation) {
	t.Helper()
	var twice, rules []Violation
	for _, v := range all {
		switch {
		case v.Msg == msgTwice:
			twice = append(twice, v)
		case v.Type == "value_error":
			rules = append(rules, v)
		}
	}
	var wantRules []Violation
	if o.request {
		wantRules = brokenRules(root)
	}
	if diff := cmp.Diff(sorted(wantRules), sorted(rules)); diff != "" {
		t.Errorf("rules (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(sorted(o.repeated(root, o.schema, []any{"body"})), sorted(twice)); diff != "" {
		t.Errorf("keys that stand twice (-want +got)\n%s", diff)
	}
}

// repeated returns the keys that stand twice, at any depth. Of a look-alike something else is said.
func (o *oracle) repeated(t *tree, schema *openapi3.Schema, loc []any) []Violation {
	var list []Violation
	count := map[string]int{}
	within := func(part any, child *tree, schema *openapi3.Schema) {
		list = append(list, o.repeated(child, schema, append(slices.Clone(loc), part))...)
	}
	for _, m := range t.members {
		alike := o.exact && schema != nil && lookalike(schema, m.key)
		count[m.key]++
		if count[m.key] == 2 && !alike {
			list = append(list, Violation{Loc: append(slices.Clone(loc), cut(m.key)), Msg: msgTwice, Type: "duplicate_key"})
		}
		if count[m.key] > 1 || alike {
			within(cut(m.key), m.value, nil)
		} else {
			within(cut(m.key), m.value, under(schema, m.key))
		}
	}
	for i, item := range t.items {
		within(i, item, under(schema, i))
	}
	return list
}

// inOrder holds the explanation to the order in which the spec declares the fields.
func (o *oracle) inOrder(t *testing.T, root *tree, all []Violation) {
	t.Helper()
	var before []int
	for _, v := range all {
		rank := o.rank(root, v)
		if rank == nil {
			continue
		}
		if slices.Compare(before, rank) > 0 {
			t.Errorf("out of order: %v", all)
			return
		}
		before = rank
	}
}

// undeclared is the rank of the first member that the schema does not declare.
const undeclared = 1 << 30

// rank returns the place of a violation among others; nil where its loc may mean more than one.
func (o *oracle) rank(root *tree, v Violation) []int {
	rank := []int{}
	at, schema := root, o.schema
	for i, part := range v.Loc[1:] {
		key, isKey := part.(string)
		if !isKey {
			at, schema = at.items[part.(int)], under(schema, part)
			rank = append(rank, part.(int))
			continue
		}
		place, count := at.place(key)
		if schema != nil {
			for name := range schema.Properties {
				if name == key || o.exact && fold(name) == fold(key) {
					place = line(schema, name)
				}
			}
		}
		rank = append(rank, place)
		if last := i == len(v.Loc)-2; count > 1 || count == 0 && !last {
			return nil
		}
		if count == 1 {
			at, schema = at.memberAt(key), under(schema, key)
		}
	}
	if v.Type == "value_error" {
		rank = append(rank, math.MaxInt)
	}
	return rank
}

// place is the rank of an undeclared member, and how many there are that key may mean.
func (t *tree) place(key string) (place, count int) {
	for i, m := range t.members {
		if cut(m.key) == key {
			place = undeclared + i
			count++
		}
	}
	return place, count
}

func (t *tree) memberAt(key string) *tree {
	for _, m := range t.members {
		if cut(m.key) == key {
			return m.value
		}
	}
	return nil
}

// mended changes the place of one violation: that one has to go, and what stands elsewhere to stay.
func (o *oracle) mended(t *testing.T, document []byte, all []Violation, i int) {
	t.Helper()
	root, err := readTree(document)
	if err != nil {
		t.Fatal(err)
	}
	v := all[i]
	if !o.mend(root, v) {
		t.Errorf("no place to mend: %v", v)
		return
	}
	if root.levels() > o.depth {
		return // what belongs there has no room, at the last level
	}
	mended := root.write(nil)
	after := o.all(t, mended)
	if len(after) > 0 && after[0].Type == "json_invalid" {
		t.Fatalf("mended %v to %s: %v", v, mended, after)
	}
	o.complete(t, root, after)
	gone, come := difference(all, after), difference(after, all)
	if slices.Contains(texts(after), text(v)) {
		t.Errorf("mended %v to %.2000s, and it is still there", v, mended)
	}
	for _, w := range gone {
		if !within(w.Loc, v.Loc) && !sameUnion(o.schema, v, w) && w.Type != "value_error" {
			t.Errorf("mended %v to %.2000s, and %v is gone too", v, mended, w)
		}
	}
	for _, w := range come {
		renamed := ofKey(v) && v.Type == "string_pattern_mismatch" && within(w.Loc, v.Loc[:len(v.Loc)-1])
		if !renamed && !sameUnion(o.schema, v, w) && w.Type != "value_error" {
			t.Errorf("mended %v to %.2000s, and %v has come", v, mended, w)
		}
	}
}

// mendedAll mends one violation after the other, until the document is accepted.
func (o *oracle) mendedAll(t *testing.T, root *tree, all []Violation) {
	t.Helper()
	for range 64 + 2*root.size() {
		if !o.mend(root, all[0]) {
			t.Errorf("no place to mend: %v", all[0])
			return
		}
		if root.levels() > o.depth {
			return
		}
		document := root.write(nil)
		if all = o.all(t, document); all == nil {
			if !o.accepts(document) {
				t.Errorf("mended to %s, which should still be refused", document)
			}
			return
		}
	}
	t.Errorf("mended to %s, and not accepted: %v", root.write(nil), all)
}

// within reports whether a place is another or lies in it.
func within(loc, outer []any) bool {
	return len(loc) >= len(outer) && slices.Equal(loc[:len(outer)], outer)
}

// sameUnion reports whether two violations are of one value of a union, of which only the first is said.
func sameUnion(schema *openapi3.Schema, v, w Violation) bool {
	for i, part := range v.Loc {
		if i >= len(w.Loc) || part != w.Loc[i] {
			return false
		}
		if i > 0 {
			schema = under(schema, part)
		}
		if schema != nil && schema.OneOf != nil {
			return true
		}
	}
	return false
}

func text(v Violation) string { return fmt.Sprintf("%q %s %s", v.Loc, v.Type, v.Msg) }

func texts(list []Violation) []string {
	all := make([]string, len(list))
	for i, v := range list {
		all[i] = text(v)
	}
	return all
}

func sorted(list []Violation) []string {
	all := texts(list)
	slices.Sort(all)
	return all
}

// difference returns what list has more than other.
func difference(list, other []Violation) []Violation {
	count := map[string]int{}
	for _, v := range other {
		count[text(v)]++
	}
	var more []Violation
	for _, v := range list {
		if count[text(v)]--; count[text(v)] < 0 {
			more = append(more, v)
		}
	}
	return more
}
