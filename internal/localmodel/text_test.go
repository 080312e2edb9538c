package localmodel

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// assembled is the text of some pieces, the texts of the clusters that came on the way, and where the
// tokens begin.
func assembled(pieces []string) (text string, clusters []string, offsets []int) {
	var a assembler
	take := func(c cluster, ok bool) {
		if !ok {
			return
		}
		text += c.text
		clusters = append(clusters, c.text)
		for _, s := range c.tokens {
			offsets = append(offsets, s.offset)
		}
	}
	for i, p := range pieces {
		take(a.push(scored{token: token(i)}, p))
	}
	take(a.flush())
	return text, clusters, offsets
}

func TestTextComesInWholeCharacters(t *testing.T) {
	for _, test := range []struct {
		pieces, clusters []string
		offsets          []int
	}{
		{[]string{"a", " b", "é"}, []string{"a", " b", "é"}, []int{0, 1, 3}},
		{[]string{"\xf0\x9f", "\x98", "\x80", "!"}, []string{"😀", "!"}, []int{0, 0, 0, 1}},
		{[]string{"x \xf0\x9f", "\x98\x80"}, []string{"x 😀"}, []int{0, 2}},
		{[]string{"\xe2", "x"}, []string{"\uFFFDx"}, []int{0, 1}},
		{[]string{"\xe2\x82", "\xe2\x82", "\xac"}, []string{"\uFFFD€"}, []int{0, 1, 1}},
		{[]string{"a\xf0\x9f\x98"}, []string{"a\uFFFD"}, []int{0}},
		{[]string{"a", "\xf0\x9f", "\x98"}, []string{"a", "\uFFFD"}, []int{0, 1, 1}},
		{[]string{"\x80", "\x80\x80", "b"}, []string{"\uFFFD", "\uFFFD\uFFFD", "b"}, []int{0, 1, 3}},
		{[]string{"\xc0\x80\xff"}, []string{"\uFFFD\uFFFD\uFFFD"}, []int{0}},
		{[]string{"\uFFFD"}, []string{"\uFFFD"}, []int{0}},
		{nil, nil, nil},
	} {
		_, clusters, offsets := assembled(test.pieces)
		if !slices.Equal(clusters, test.clusters) || !slices.Equal(offsets, test.offsets) {
			t.Errorf("%q comes as %q at %v, want %q at %v", test.pieces, clusters, offsets, test.clusters, test.offsets)
		}
	}
}

// However bytes are cut into tokens, the text is the same.
func FuzzTextIsThatOfItsBytes(f *testing.F) {
	f.Add([]byte("a é € 😀 \xe2\x82 \xff\xf0\x9f"), uint64(1))
	f.Fuzz(func(t *testing.T, raw []byte, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 0))
		var pieces []string
		for rest := string(raw); rest != ""; {
			n := 1 + random.IntN(min(4, len(rest)))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		cut, _, offsets := assembled(pieces)
		whole, _, _ := assembled([]string{string(raw)})
		if cut != whole && len(raw) > 0 {
			t.Errorf("%q gives %q, and in pieces %q", raw, whole, cut)
		}
		if !utf8.ValidString(cut) || utf8.Valid(raw) && cut != string(raw) {
			t.Errorf("%q gives %q", raw, cut)
		}
		if !slices.IsSorted(offsets) {
			t.Errorf("%q: offsets %v", pieces, offsets)
		}
	})
}

// gated is what a gate lets through, piece by piece, and whether it met a stop.
func gated(stops, pieces []string) (out []string, stopped bool) {
	g := gate{stops: stops}
	at := 0
	for _, p := range pieces {
		free, stopped := g.push(cluster{text: p, tokens: []scored{{offset: at}}})
		at += utf8.RuneCountInString(p)
		for _, c := range free {
			out = append(out, c.text)
		}
		if stopped {
			return out, true
		}
	}
	for _, c := range g.flush() {
		out = append(out, c.text)
	}
	return out, false
}

func TestStopEndsTheTextBeforeIt(t *testing.T) {
	for _, test := range []struct {
		stops, pieces, want []string
		stopped             bool
	}{
		{nil, []string{"a", "b"}, []string{"a", "b"}, false},
		{[]string{"x"}, []string{"a", "b"}, []string{"a", "b"}, false},
		{[]string{"b"}, []string{"a", "b", "c"}, []string{"a"}, true},
		{[]string{"bc"}, []string{"a", "b", "c"}, []string{"a"}, true},
		{[]string{"bc"}, []string{"ab", "cd"}, []string{"a"}, true},
		{[]string{"bc"}, []string{"a", "b", "d"}, []string{"a", "b", "d"}, false},
		{[]string{"bc"}, []string{"a", "b"}, []string{"a", "b"}, false},
		{[]string{"abcd", "bc"}, []string{"a", "b", "c", "d"}, []string{"a"}, true},
		{[]string{"d", "b"}, []string{"abcd"}, []string{"a"}, true},
		{[]string{"aab"}, []string{"a", "a", "a", "b"}, []string{"a"}, true},
		{[]string{"€"}, []string{"1", " €", "!"}, []string{"1", " "}, true},
		{[]string{"a"}, []string{"a"}, nil, true},
	} {
		got, stopped := gated(test.stops, test.pieces)
		if !slices.Equal(got, test.want) || stopped != test.stopped {
			t.Errorf("%q with %q gives %q, %t; want %q, %t", test.pieces, test.stops, got, stopped, test.want, test.stopped)
		}
	}
}

// What may still be the beginning of a stop is not shown.
func TestStopIsHeldBack(t *testing.T) {
	g := gate{stops: []string{"\n\nEnd", "stop"}}
	push := func(text, want string) {
		t.Helper()
		free, _ := g.push(cluster{text: text, tokens: []scored{{}}})
		var got strings.Builder
		for _, c := range free {
			got.WriteString(c.text)
		}
		if got.String() != want {
			t.Errorf("%q lets %q through, want %q", text, got.String(), want)
		}
	}
	push("a", "a")
	push("\n", "")
	push("\n", "")
	push("\nEn", "\n") // the first newline can be no part of a stop any more
	push("s", "\n\nEn")
	push("it", "sit")
}
