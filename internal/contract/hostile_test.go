package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// maker makes a body of about so many bytes.
type maker func(size int) []byte

// stretch repeats a text between two others.
func stretch(head, text, tail string) maker {
	return func(size int) []byte {
		b := make([]byte, 0, len(head)+size+len(tail))
		b = append(b, head...)
		for range size / len(text) {
			b = append(b, text...)
		}
		return append(b, tail...)
	}
}

// items is stretch with commas between.
func items(head, item, tail string) maker {
	return stretch(head+item, ","+item, tail)
}

// numbered is items with a different one each time.
func numbered(head string, item func(b []byte, i int) []byte, tail string) maker {
	return func(size int) []byte {
		b := append(make([]byte, 0, size+4<<10), head...)
		for i := 0; len(b) < size; i++ {
			b = append(item(b, i), ',')
		}
		return append(bytes.TrimSuffix(b, []byte(",")), tail...)
	}
}

// field makes an item for numbered of what stands around its number, which is of base 10 or 36.
func field(before string, base int, after string) func(b []byte, i int) []byte {
	return func(b []byte, i int) []byte {
		return append(strconv.AppendInt(append(b, before...), int64(i), base), after...)
	}
}

// hostile is a body that is made to be dear, beside a valid one of its size and shape.
type hostile struct {
	name  string
	body  maker
	valid maker
	typ   string // of the first violation; "" where the body is valid itself
	loc   []any  // its place, less the body; nil where it depends on the size
}

// begun is the beginning of a request that is valid so far.
const begun = `{"model":"m","prompt":"p",`

// prompted is that of one with a list for its prompt.
const prompted = `{"model":"m","prompt":[`

func hostiles() []hostile {
	return slices.Concat(hostileKeys(), hostileLists(), hostileValues())
}

func hostileKeys() []hostile {
	distinct := numbered(begun, field(`"_`, 36, `":0`), `}`)
	long := strings.Repeat("0", 70)
	inner, end := strings.Repeat(`{"a":`, 60), strings.Repeat("}", 61)
	biases := begun + `"logit_bias":{`
	deep := append([]any{"x"}, slices.Repeat([]any{"a"}, 61)...)
	return []hostile{
		{"keys", distinct, distinct, "", nil},
		{"keys/bad value", numbered(begun+`"n":0,`, field(`"_`, 36, `":0`), `}`), distinct, "greater_than_equal", []any{"n"}},
		{"keys/escaped", numbered(begun+`"n":0,`, escapedKey, `}`), numbered(begun, escapedKey, `}`), "greater_than_equal", []any{"n"}},
		{"keys/same", items(begun, `"a":0`, `}`), distinct, "duplicate_key", []any{"a"}},
		{"keys/same declared", items(begun, `"n":1`, `}`), distinct, "duplicate_key", []any{"n"}},
		{"keys/lookalikes", items(begun, `"N":0`, `}`), distinct, "duplicate_key", []any{"N"}},
		{"keys/same, deep", items(begun+`"x":`+inner+`{`, `"a":0`, `}`+end), numbered(begun+`"x":`+inner+`{`, field(`"_`, 36, `":0`), `}`+end), "duplicate_key", deep},
		{"keys/one long", stretch(begun+`"`, `\n`, `":{"a":1,"a":1}}`), stretch(begun+`"`, `\n`, `":{"a":1,"b":1}}`), "duplicate_key", []any{strings.Repeat("\n", 64), "a"}},
		{"token ids", numbered(biases, field(`"x`, 10, `":[]`), `}}`), numbered(biases, field(`"`, 10, `":99`), `}}`), "string_pattern_mismatch", []any{"logit_bias", "x0"}},
		{"token ids/long", numbered(biases, field(`"x`+long, 10, `":0`), `}}`), numbered(biases, field(`"1`+long, 10, `":0`), `}}`), "string_pattern_mismatch", []any{"logit_bias", "x" + long[:63]}},
	}
}

func escapedKey(b []byte, i int) []byte { return fmt.Appendf(b, `"\u%04x%d":0`, i%0xd000, i/0xd000) }

func hostileLists() []hostile {
	x := begun + `"x":[`
	return []hostile{
		{"brackets", stretch(begun+`"x":`, `[`, ``), items(x, `[[]]`, `]}`), "json_invalid", nil},
		{"brackets/late", items(x, `[[]]`, `,`+strings.Repeat(`[`, 63)), items(x, `[[]]`, `]}`), "json_invalid", nil},
		{"brackets/braces", stretch(begun+`"x":`, `{"":`, ``), items(x, `{"":{}}`, `]}`), "json_invalid", nil},
		{"ids/last bad", items(prompted, `1`, `,"a"]}`), items(prompted, `1`, `]}`), "int_type", nil},
		{"ids/last bad, exponents", items(prompted, `1e1`, `,-1]}`), items(prompted, `1e1`, `]}`), "greater_than_equal", nil},
		{"prompts/empty", items(prompted, `""`, `]}`), items(x, `""`, `]}`), "too_long", []any{"prompt"}},
		{"prompts/ids", items(prompted, `[1]`, `,[]]}`), items(x, `[1]`, `]}`), "too_long", []any{"prompt"}},
		{"prompts/objects", items(prompted, `{"a":0,"a":0}`, `]}`), items(x, `{"a":0,"b":0}`, `]}`), "union_error", []any{"prompt"}},
		{"stops/last bad", items(begun+`"stop":[`, `""`, `,1]}`), items(x, `""`, `]}`), "too_long", []any{"stop"}},
		{"blanks", stretch(begun+`"n":[`, ` `, `]}`), stretch(begun+`"x":[`, ` `, `]}`), "int_type", []any{"n"}},
	}
}

func hostileValues() []hostile {
	user := func(text string) maker { return stretch(begun+`"user":"`, text, `"}`) }
	model := func(text string) maker { return stretch(`{"prompt":"p","model":"`, text, `"}`) }
	digits := stretch(begun+`"x":1`, `0`, `}`)
	return []hostile{
		{"digits", stretch(begun+`"n":1`, `0`, `}`), digits, "less_than_equal", []any{"n"}},
		{"digits/exponent", stretch(begun+`"n":1e`, `9`, `}`), digits, "less_than_equal", []any{"n"}},
		{"digits/fraction", stretch(begun+`"seed":0.`, `0`, `1}`), digits, "int_from_float", []any{"seed"}},
		{"digits/id", stretch(prompted+`-`, `1`, `]}`), digits, "int_parsing_size", []any{"prompt", 0}},
		{"digits/beside a text", stretch(begun+`"n":1`, `0`, `}`), user(`1`), "less_than_equal", []any{"n"}},
		{"text/escapes", model(`\u0000`), user(`\u0000`), "string_too_long", []any{"model"}},
		{"text/wide", model(`é`), user(`é`), "string_too_long", []any{"model"}},
		{"text/beside a bad value", stretch(begun+`"n":0,"user":"`, `a`, `"}`), user(`a`), "greater_than_equal", []any{"n"}},
		{"text/unended", stretch(begun+`"user":"`, `a`, ``), user(`a`), "json_invalid", nil},
	}
}

// allocated is how many bytes a function takes from the heap, those it gives back counted.
func allocated(work func()) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	work()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestHostile holds the answers to the largest bodies to what they have to say, and to few words; the
// work to a generous deadline, and to four times their size in memory.
func TestHostile(t *testing.T) {
	if testing.Short() {
		t.Skip("large bodies")
	}
	p := program(t, "CompletionRequest")
	for _, h := range hostiles() {
		t.Run(h.name, func(t *testing.T) {
			document := h.body(much)
			var err error
			start := time.Now()
			used := allocated(func() { err = p.Check(document, nil) })
			if took := time.Since(start); took > 3*time.Minute {
				t.Errorf("took %s", took)
			}
			if used > 4*uint64(len(document)) {
				t.Errorf("%d bytes allocated for a body of %d", used, len(document))
			}
			if h.typ != "" {
				h.holds(t, asInvalid(t, err).Violations)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// holds looks at the list of what is wrong with a hostile body.
func (h *hostile) holds(t *testing.T, all []Violation) {
	t.Helper()
	loc := append([]any{"body"}, h.loc...)
	if h.loc == nil {
		loc = all[0].Loc
	}
	if all[0].Type != h.typ || !cmp.Equal(all[0].Loc, loc) {
		t.Errorf("the first is %s at %v", all[0].Type, all[0].Loc)
	}
	if size := len(spoken(t, all)); size > 48<<10 || len(all) > 65 {
		t.Errorf("%d items, %d bytes", len(all), size)
	}
}

// spoken is a list of violations as an answer holds it.
func spoken(t *testing.T, all []Violation) []byte {
	t.Helper()
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestDeepPlaces asks for a long answer to a short document: at the end of a way of the longest keys,
// each character of which JSON may write in six, stand more duplicates than are reported.
func TestDeepPlaces(t *testing.T) {
	long := strings.Repeat("<", 62)
	const most = 70
	var twice []string
	for i := range most {
		twice = append(twice, fmt.Sprintf(`"%s%02d":0,"%[1]s%02[2]d":0`, long, i))
	}
	deep := strings.Repeat(`{"`+long+`":`, 60) + `{` + strings.Join(twice, ",") + strings.Repeat("}", 61)
	p := program(t, "CompletionRequest")
	all := violations(t, p, begun+`"x":`+deep+`}`)
	if size := len(spoken(t, all)); size > 48<<10 {
		t.Errorf("%d items, %d bytes for a body of %d", len(all), size, len(deep))
	}
	if last := all[len(all)-1]; last.Type != "too_many_violations" || !strings.HasSuffix(last.Msg, fmt.Sprintf(" %d more", most+1-len(all))) {
		t.Errorf("the last is %s %s", last.Type, last.Msg)
	}
	// Each field comes before those that were reported so far, and has as many violations again.
	var upwards []string
	for _, name := range []string{"user", "top_p", "temperature", "suffix", "stream", "stop", "seed", "n", "max_tokens", "echo", "best_of", "prompt", "model"} {
		upwards = append(upwards, `"`+name+`":`+deep)
	}
	document := []byte("{" + strings.Join(upwards, ",") + "}")
	if used := allocated(func() { _ = p.Check(document, nil) }); used > 4*uint64(len(document)) {
		t.Errorf("%d bytes allocated for a body of %d", used, len(document))
	}
}

// TestMemoryOfKeys takes the shortest keys, as many as have just made the table grow, alone and with
// another table inside.
func TestMemoryOfKeys(t *testing.T) {
	const letters = " !#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~"
	shortest := func(i int) []byte {
		n := len(letters)
		return []byte{'"', letters[i/n/n%n], letters[i/n%n], letters[i%n], '"', ':', '0', ','}
	}
	for size := 1 << 14; size <= much/16; size *= 2 {
		document := []byte("{")
		for i := range size*full/fullest + 1 {
			document = append(document, shortest(i)...)
		}
		for _, end := range []string{`"_":0}`, `"_":{"_":{"_":0}}}`} {
			document := append(document, end...)
			p := program(t, "CompletionRequest")
			if used := allocated(func() { _ = p.Check(document, nil) }); used > 4*uint64(len(document)) {
				t.Errorf("%d bytes allocated for a body of %d", used, len(document))
			}
		}
	}
}

// TestLongNumbers compares the reading of numbers that are longer than a decimal with exact arithmetic.
func TestLongNumbers(t *testing.T) {
	whole, err := compileYAML(t, "{type: integer, minimum: 1000000000000000}")
	if err != nil {
		t.Fatal(err)
	}
	low, _ := new(big.Rat).SetString("1e15")
	random := rand.New(rand.NewPCG(1, 2))
	digits := func(n int) string {
		b := bytes.Repeat([]byte("0"), n)
		for range random.IntN(4) {
			b[random.IntN(n)] = byte('0' + random.IntN(10))
		}
		return string(b)
	}
	for range 50_000 {
		number := fmt.Sprintf("1%s.%se%d", digits(1+random.IntN(40)), digits(1+random.IntN(40)), random.IntN(60)-30)
		exact, ok := new(big.Rat).SetString(number)
		if !ok {
			t.Fatal(number)
		}
		want := exact.IsInt() && exact.Cmp(low) >= 0
		if whole.Accept([]byte(number), nil) != want {
			t.Fatalf("%s: accepted is not %t", number, want)
		}
	}
}

// TestScratchReturned keeps what one huge document needed from staying with the next.
func TestScratchReturned(t *testing.T) {
	p := program(t, "CompletionRequest")
	s := p.scanner()
	s.accept(numbered(`{`, field(`"`, 10, `":0`), `}`)(much), nil)
	p.release(s)
	if s.doc != nil || cap(s.keys.slots)*4 > keep || cap(s.scratch) > keep {
		t.Errorf("kept %d slots, %d bytes", cap(s.keys.slots), cap(s.scratch))
	}
}

// TestKeys takes tables of all sizes, with a table inside each.
func TestKeys(t *testing.T) {
	p, err := compileYAML(t, "{}")
	if err != nil {
		t.Fatal(err)
	}
	for n := range 300 {
		var fields []string
		for i := range n {
			key := fmt.Sprintf("%d", i)
			if i%3 == 0 {
				key = fmt.Sprintf(`\u00%x`, key[0]) + key[1:]
			}
			fields = append(fields, `"`+key+`":{"0":0,"1":1}`)
		}
		if got := violations(t, p, "{"+strings.Join(fields, ",")+"}"); got != nil {
			t.Fatalf("%d keys: %v", n, got)
		}
		for i := range min(n, 1+n%7) {
			again := append(fields, fmt.Sprintf(`"%d":0,"%d":0`, n-1-i, n-1-i))
			if got := violations(t, p, "{"+strings.Join(again, ",")+"}"); len(got) != 1 || got[0].Type != "duplicate_key" {
				t.Fatalf("%d keys, the last but %d again: %v", n, i, got)
			}
		}
	}
}

func TestConcurrent(t *testing.T) {
	p := program(t, "CompletionRequest", "model")
	done := make(chan error)
	for i := range 8 {
		go func() {
			document := []byte(fmt.Sprintf(`{"model":"m%d","prompt":[%s1],"x%d":{"y":1}}`, i, strings.Repeat("2,", i), i))
			spans := make([]Span, 1)
			for range 2_000 {
				if err := p.Check(document, spans); err != nil {
					done <- err
					return
				}
				if got := string(document[spans[0].Start:spans[0].End]); got != fmt.Sprintf(`"m%d"`, i) {
					done <- fmt.Errorf("model %s", got)
					return
				}
			}
			done <- nil
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestHostileDepth holds the memory for the objects that are open to what they need, however many.
func TestHostileDepth(t *testing.T) {
	const levels = 9_000
	document := []byte(strings.Repeat(`{"a":`, levels) + "1" + strings.Repeat("}", levels))
	p, err := compileYAML(t, "{}")
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	accepted := p.Accept(document, nil)
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; !accepted || allocated > 8<<20 {
		t.Errorf("accepted %t, %d bytes allocated for a body of %d", accepted, allocated, len(document))
	}
}
