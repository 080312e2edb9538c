package contract

import (
	"math"
	"math/big"
	"strconv"
	"strings"
)

// exact is a number without any rounding: 0.digits × 10^magnitude.
type exact struct {
	sign      int
	digits    string // neither the first nor the last is 0; "" for zero
	magnitude *big.Int
}

// exactly reads a number of JSON.
func exactly(raw string) exact {
	e := exact{sign: 1, magnitude: new(big.Int)}
	if rest, ok := strings.CutPrefix(raw, "-"); ok {
		e.sign, raw = -1, rest
	}
	if i := strings.IndexAny(raw, "eE"); i >= 0 {
		e.magnitude.SetString(raw[i+1:], 10)
		raw = raw[:i]
	}
	whole, fraction, _ := strings.Cut(raw, ".")
	all := whole + fraction
	e.digits = strings.TrimLeft(all, "0")
	e.magnitude.Add(e.magnitude, big.NewInt(int64(len(whole)-(len(all)-len(e.digits)))))
	if e.digits = strings.TrimRight(e.digits, "0"); e.digits == "" {
		return exact{magnitude: new(big.Int)}
	}
	return e
}

func (e exact) whole() bool { return e.magnitude.Cmp(big.NewInt(int64(len(e.digits)))) >= 0 }

func (e exact) compare(f exact) int {
	if e.sign != f.sign {
		return e.sign - f.sign
	}
	if order := e.magnitude.Cmp(f.magnitude); order != 0 {
		return e.sign * order
	}
	return e.sign * strings.Compare(e.digits, f.digits)
}

func (e exact) within(low, high string) bool {
	return e.compare(exactly(low)) >= 0 && e.compare(exactly(high)) <= 0
}

func (e exact) inInt64() bool {
	return e.within(strconv.FormatInt(math.MinInt64, 10), strconv.FormatInt(math.MaxInt64, 10))
}

// inFloat64 reports whether a number, rounded, is one of float64.
func inFloat64(raw string) bool {
	_, err := strconv.ParseFloat(raw, 64)
	return err == nil
}

// stand is a float64 that kin-openapi judges as it would judge the number itself: it is integral
// where the number is, and on the same side of every limit, which are all integers below 2^52 or the
// bounds of int64.
func stand(raw string) float64 {
	e := exactly(raw)
	f, err := strconv.ParseFloat(raw, 64)
	if err != nil {
		f = math.Copysign(math.MaxFloat64, f) // kin takes no infinity, not even where nothing is declared
	}
	if e.whole() || f != math.Trunc(f) {
		return f
	}
	if math.Abs(f) >= 1<<52 {
		return math.Copysign(1<<52-0.5, f) // further out float64 has no fractions
	}
	if e.compare(exactly(strconv.FormatFloat(f, 'f', -1, 64))) > 0 {
		return math.Nextafter(f, math.Inf(1))
	}
	return math.Nextafter(f, math.Inf(-1))
}

// value is the document as kin-openapi wants it. Of a key that stands twice it has the last value.
func (t *tree) value() any {
	switch t.kind {
	case '{':
		object := map[string]any{}
		for _, m := range t.members {
			object[m.key] = m.value.value()
		}
		return object
	case '[':
		array := make([]any, 0, len(t.items))
		for _, item := range t.items {
			array = append(array, item.value())
		}
		return array
	case '"':
		return t.text
	case '0':
		return stand(t.raw)
	case 'n':
		return nil
	default:
		return t.kind == 't'
	}
}
