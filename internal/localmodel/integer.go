package localmodel

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// integer is any JSON number of an integral value that fits int64, to its last digit: 16, 2.0, 1e1.
type integer int64

// UnmarshalJSON reads a number without a detour through float64.
func (i *integer) UnmarshalJSON(raw []byte) error {
	value, err := parseInteger(string(bytes.ToLower(raw)))
	*i = integer(value)
	return err
}

func parseInteger(raw string) (int64, error) {
	if value, err := strconv.ParseInt(raw, 10, 64); err == nil {
		return value, nil
	}
	mantissa, exponent, _ := strings.Cut(raw, "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	sign, whole := cutSign(whole)
	digits := strings.TrimLeft(whole+fraction, "0")
	significant := strings.TrimRight(digits, "0")
	if significant == "" {
		return 0, nil
	}
	shift, err := strconv.Atoi(strings.TrimPrefix(exponent, "+"))
	if err != nil && exponent != "" {
		return 0, fmt.Errorf("an exponent beyond reason")
	}
	shift += len(digits) - len(significant) - len(fraction)
	if shift < 0 || len(significant)+shift > len("9223372036854775808") {
		return 0, fmt.Errorf("not an integer of 64 bits")
	}
	return strconv.ParseInt(sign+significant+strings.Repeat("0", shift), 10, 64)
}

func cutSign(number string) (sign, rest string) {
	if strings.HasPrefix(number, "-") {
		return "-", number[1:]
	}
	return "", number
}
