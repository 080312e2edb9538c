package contract

import (
	"bytes"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// fill repeats items up to much bytes.
func fill(head string, item func(i int) string, tail string) []byte {
	var b bytes.Buffer
	b.WriteString(head)
	for i := 0; b.Len() < much; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(item(i))
	}
	b.WriteString(tail)
	return b.Bytes()
}

// TestHostile holds the largest bodies to a generous deadline and to four times their size in memory,
// with all that is allocated on the way counted.
func TestHostile(t *testing.T) {
	if testing.Short() {
		t.Skip("large bodies")
	}
	same := func(text string) func(int) string { return func(int) string { return text } }
	key := func(i int) string { return `"_` + strconv.FormatInt(int64(i), 36) + `":0` }
	inner := strings.Repeat(`{"a":`, 60)
	tests := []struct {
		name     string
		document []byte
		accepted bool
	}{
		{"keys", fill(`{"model":"m","prompt":"p",`, key, `}`), true},
		{"same key", fill(`{`, same(`"a":0`), `}`), false},
		{"same declared key", fill(`{`, same(`"n":0`), `}`), false},
		{"lookalikes", fill(`{`, same(`"N":0`), `}`), false},
		{"escaped keys", fill(`{`, func(i int) string { return fmt.Sprintf(`"\u%04x%d":0`, i%0xd000, i/0xd000) }, `}`), false},
		{"bad token ids", fill(`{"logit_bias":{`, func(i int) string { return fmt.Sprintf(`"x%d":[]`, i) }, `}}`), false},
		{"nested", []byte(`{"x":` + strings.Repeat(`[`, much)), false},
		{"deep duplicates", append(append([]byte(`{"x":`+inner), fill(`{`, same(`"a":0`), `}`)...), strings.Repeat("}", 61)...), false},
		{"ids, the last bad", fill(`{"prompt":[`, same("1"), `,"a"]}`), false},
		{"strings, the last bad", fill(`{"stop":[`, same(`""`), `,1]}`), false},
		{"empty lists", fill(`{"prompt":[`, same("[1]"), `,[]]}`), false},
		{"objects in prompt", fill(`{"prompt":[`, same(`{"a":0,"a":0}`), `]}`), false},
		{"digits", []byte(`{"n":1` + strings.Repeat("0", much) + `}`), false},
		{"exponent", []byte(`{"n":1e` + strings.Repeat("9", much) + `}`), false},
		{"fraction", []byte(`{"seed":0.` + strings.Repeat("0", much) + `1}`), false},
		{"escapes", []byte(`{"model":"` + strings.Repeat(`\u0000`, much/6) + `"}`), false},
		{"wide", []byte(`{"model":"` + strings.Repeat("é", much/2) + `"}`), false},
		{"long key", []byte(`{"` + strings.Repeat(`\n`, much/2) + `":{"a":1,"a":1}}`), false},
		{"blanks", []byte(`{"prompt":[` + strings.Repeat(" ", much) + `]}`), false},
		{"unended", []byte(`{"prompt":"` + strings.Repeat("a", much)), false},
	}
	p := program(t, "CompletionRequest")
	for _, test := range tests {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		start := time.Now()
		err := p.Check(test.document, nil)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		allocated := after.TotalAlloc - before.TotalAlloc
		t.Logf("%-24s %8s %6d KB", test.name, took.Round(time.Millisecond), allocated>>10)
		if (err == nil) != test.accepted {
			t.Errorf("%s: %v", test.name, err)
		}
		if took > 10*time.Second {
			t.Errorf("%s took %s", test.name, took)
		}
		if allocated > 4*uint64(len(test.document)) {
			t.Errorf("%s: %d bytes allocated for a body of %d", test.name, allocated, len(test.document))
		}
	}
}

// TestScratchReturned keeps what one huge document needed from staying with the next.
func TestScratchReturned(t *testing.T) {
	p := program(t, "CompletionRequest")
	s := p.scanner()
	s.accept(fill(`{`, func(i int) string { return fmt.Sprintf(`"%d":0`, i) }, `}`), nil)
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
