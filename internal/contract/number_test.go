package contract

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"
)

// randomNumber is a number of JSON with few different digits, so that many come close to each other.
func randomNumber(r *rand.Rand) string {
	digit := func() string { return string("0019"[r.IntN(4)]) }
	text := []string{"", "-"}[r.IntN(2)]
	if whole := r.IntN(24); whole == 0 {
		text += "0"
	} else {
		text += "1"
		for range whole {
			text += digit()
		}
	}
	if r.IntN(2) == 0 {
		text += "." + digit()
		for range r.IntN(24) {
			text += digit()
		}
	}
	if r.IntN(2) == 0 {
		text += fmt.Sprintf("%s%d", []string{"e", "E+", "e-"}[r.IntN(3)], r.IntN(25))
	}
	return text
}

// TestDecimal holds decimals to math/big.
func TestDecimal(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	exact := func(text string) *big.Rat {
		rat, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("big.Rat does not read %s", text)
		}
		return rat
	}
	low, high := exact("-9223372036854775808"), exact("9223372036854775807")
	integers := numbers{whole: true, size: &size{wholeDecimal(-1 << 63), wholeDecimal(1<<63 - 1)}, least: 1}
	for range 100_000 {
		a, b := randomNumber(r), randomNumber(r)
		d, ok := parseDecimal(a)
		e, ok2 := parseDecimal(b)
		if !ok || !ok2 {
			t.Fatalf("%s and %s: not read", a, b)
		}
		x, y := exact(a), exact(b)
		if d.integral != x.IsInt() {
			t.Fatalf("%s: integral %v", a, d.integral)
		}
		fits := x.IsInt() && x.Cmp(low) >= 0 && x.Cmp(high) <= 0
		if got := integers.fault(&d) == 0; got != fits {
			t.Fatalf("%s: fits int64 %v", a, got)
		}
		s := scanner{doc: []byte(a + "," + b)}
		if got := s.greater(0, len(a)+1); got != (x.Cmp(y) > 0) {
			t.Fatalf("%s > %s: %v", a, b, got)
		}
		if got := d.compare(&e); !d.more && got != x.Cmp(y) {
			t.Fatalf("%s and %s compare as %d", a, b, got)
		}
	}
}

// TestIntegers takes the fast paths over all lengths of digits.
func TestIntegers(t *testing.T) {
	p, err := compileYAML(t, "type: array\nitems: {type: integer, format: int64, minimum: 0, maximum: 4000000000000000}")
	if err != nil {
		t.Fatal(err)
	}
	n := "1"
	for range 25 {
		whole, _ := new(big.Int).SetString(n, 10)
		want := 0
		if whole.Cmp(big.NewInt(4_000_000_000_000_000)) > 0 {
			want = 3
		}
		if got := violations(t, p, "["+n+", "+n+",0 ,"+n+"]"); len(got) != want {
			t.Errorf("%s: %v", n, got)
		}
		n += "7"
	}
	for _, document := range []string{"[00,1]", "[1,,2]", "[1,-,2]", "[1,2", "[1,", "[1, ", "[1,02,3]", "[1,2.,3]"} {
		if got := violations(t, p, document); got[0].Type != "json_invalid" {
			t.Errorf("%s: %v", document, got)
		}
	}
}
