package contract

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"
)

// addNumbers compiles the limits of a number. A format of floating point is one as well: what goes
// past it is beyond the greatest number that it has.
func (n *node) addNumbers(schema *openapi3.Schema, path string) error {
	var err error
	if n.low, err = n.newLimit(schema.Min, schema.ExclusiveMin); err != nil {
		return fmt.Errorf("%s: keyword minimum: %w", path, err)
	}
	if n.high, err = n.newLimit(schema.Max, schema.ExclusiveMax); err != nil {
		return fmt.Errorf("%s: keyword maximum: %w", path, err)
	}
	n.tighten()
	switch schema.Format {
	case "int32":
		n.addSize(math.MinInt32, math.MaxInt32)
	case "int64":
		n.addSize(math.MinInt64, math.MaxInt64)
	case "float":
		return n.addRange(math.MaxFloat32, "3.402823567797336616e38")
	case "double":
		return n.addRange(math.MaxFloat64, "1.797693134862315807e308")
	}
	return nil
}

// The integers that float64, in which the loader keeps limits, holds without a gap.
const exactFloat = 1 << 53

func (n *numbers) newLimit(at *float64, exclusive openapi3.ExclusiveBound) (*limit, error) {
	if exclusive.Value != nil {
		return nil, errors.New("exclusive with a number of its own is not OpenAPI 3.0")
	}
	open := exclusive.IsTrue()
	if at == nil {
		if open {
			return nil, errors.New("exclusive without a limit")
		}
		return nil, nil
	}
	if n.whole && math.Abs(*at) > exactFloat {
		return nil, fmt.Errorf("%v is beyond 2^53, where float64 has no exact integers; use format int64", *at)
	}
	l, err := floatLimit(*at)
	if err == nil {
		l.open = open
	}
	return l, err
}

func floatLimit(at float64) (*limit, error) {
	text := strconv.FormatFloat(at, 'f', -1, 64)
	if math.Abs(at) >= 1e21 {
		text = strconv.FormatFloat(at, 'g', -1, 64)
	}
	d, ok := parseDecimal(text)
	if !ok {
		return nil, fmt.Errorf("%v is not a number of JSON", at)
	}
	return &limit{at: d, value: at, text: text}, nil
}

func (n *node) addSize(low, high int64) {
	n.least, n.most = max(n.least, low), min(n.most, high)
	n.size = &size{low: wholeDecimal(low), high: wholeDecimal(high)}
}

func wholeDecimal(n int64) decimal {
	d, _ := parseDecimal(strconv.FormatInt(n, 10))
	return d
}

// addRange limits a number to what its format can hold. Numbers are rounded as they are read: the
// greatest one that still comes out as most is last, half a step beyond it.
func (n *node) addRange(most float64, last string) error {
	for _, side := range []struct {
		limit **limit
		most  float64
		last  string
	}{{&n.low, -most, "-" + last}, {&n.high, most, last}} {
		if *side.limit != nil {
			continue
		}
		l, err := floatLimit(side.most)
		if err != nil {
			return err
		}
		l.at, _ = parseDecimal(side.last)
		*side.limit = l
	}
	return nil
}

// tighten brings least and most within the limits, and within what float64 holds exactly.
func (n *numbers) tighten() {
	if n.low != nil {
		at := math.Ceil(n.low.value)
		if n.low.open {
			at = math.Floor(n.low.value) + 1
		}
		n.least = max(n.least, int64(min(max(at, -exactFloat), exactFloat)))
	}
	if n.high != nil {
		at := math.Floor(n.high.value)
		if n.high.open {
			at = math.Ceil(n.high.value) - 1
		}
		n.most = min(n.most, int64(min(max(at, -exactFloat), exactFloat)))
	}
}
