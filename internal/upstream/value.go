package upstream

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

var null = []byte("null")

func isNull(raw []byte) bool   { return string(raw) == "null" }
func isText(raw []byte) bool   { return len(raw) > 0 && raw[0] == '"' }
func isObject(raw []byte) bool { return len(raw) > 0 && raw[0] == '{' }
func isArray(raw []byte) bool  { return len(raw) > 0 && raw[0] == '[' }
func isNumber(raw []byte) bool {
	return len(raw) > 0 && (raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9')
}

// isFloat reports whether a value is a number that a float64 holds.
func isFloat(raw []byte) bool {
	_, err := strconv.ParseFloat(string(raw), 64)
	return err == nil && isNumber(raw)
}

// isDecimal reports whether a value is a number of digits alone that fits an int64, which is how typed
// clients read integers.
func isDecimal(raw []byte) bool {
	_, err := strconv.ParseInt(string(raw), 10, 64)
	return err == nil && isNumber(raw)
}

// integer returns a number of integral value that fits an int64, however it is written.
func integer(raw []byte) (int64, bool) {
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return n, isNumber(raw)
	}
	if f, ok := number(raw); ok && f == float64(int64(f)) {
		return int64(f), true
	}
	return 0, false
}

// number returns a number that is small enough to be some int64.
func number(raw []byte) (float64, bool) {
	const limit = 1 << 63
	f, err := strconv.ParseFloat(string(raw), 64)
	return f, err == nil && isNumber(raw) && f >= -limit && f < limit
}

// digits writes an integer as digits alone; what is none becomes null.
func digits(raw []byte) []byte {
	if n, ok := integer(raw); ok {
		return decimal(n)
	}
	return null
}

// decimal writes an integer as digits alone.
func decimal(n int64) []byte { return strconv.AppendInt(nil, n, 10) }

// text unquotes a JSON string; everything else is empty.
func text(raw []byte) string {
	if !isText(raw) {
		return ""
	}
	for _, c := range raw {
		if c == '\\' || c >= utf8.RuneSelf {
			var s string
			_ = json.Unmarshal(raw, &s) // valid by then; were it not, it says nothing
			return s
		}
	}
	return string(raw[1 : len(raw)-1])
}

// quote writes a JSON string.
func quote(s string) []byte {
	b, _ := json.Marshal(s) // a string is always encoded
	return b
}
