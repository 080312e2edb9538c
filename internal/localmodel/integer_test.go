package localmodel

import "testing"

func TestIntegers(t *testing.T) {
	for raw, want := range map[string]int64{
		"0": 0, "-0": 0, "16": 16, "2.0": 2, "1e1": 10, "1E+1": 10, "0.2e+1": 2, "120e-1": 12, "-2.50e1": -25, "0e999999999999": 0, "0.000": 0,
		"9223372036854775807": 9223372036854775807, "-9223372036854775808": -9223372036854775808,
		"9.223372036854775807e18": 9223372036854775807, "9223372036854775807.000": 9223372036854775807, "-9.223372036854775808E18": -9223372036854775808,
	} {
		var got integer
		if err := got.UnmarshalJSON([]byte(raw)); err != nil || int64(got) != want {
			t.Errorf("%s is %d, %v; want %d", raw, got, err, want)
		}
	}
	for _, raw := range []string{"1.5", "1e-1", "9223372036854775808", "1e400", "1e999999999999999999999", `"2"`, "true"} {
		var got integer
		if err := got.UnmarshalJSON([]byte(raw)); err == nil {
			t.Errorf("%s is %d", raw, got)
		}
	}
}
