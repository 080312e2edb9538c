package contract

import (
	"strings"
	"testing"
)

// TestSuite takes the cases of Nicolas Seriot's JSONTestSuite: those called y_ have to be accepted, those
// called n_ refused, and of the i_ ones, which the standards leave open, the contract decides each. A
// case is taken as a whole document where any is accepted, and as an undeclared field of a request.
func TestSuite(t *testing.T) {
	anything, err := compileYAML(t, "{}")
	if err != nil {
		t.Fatal(err)
	}
	request := program(t, "CompletionRequest")
	for _, c := range suite {
		inRequest, alone := c.name[0] == 'y', c.name[0] == 'y'
		if d, ok := decided[c.name]; ok {
			inRequest, alone = d.inRequest, d.alone
		} else if c.name[0] == 'i' {
			t.Errorf("%s: nobody has decided it", c.name)
		}
		for _, taken := range []struct {
			program  *Program
			document string
			accepted bool
		}{
			{anything, c.bytes, alone},
			{request, `{"model":"m","prompt":"p","x":` + c.bytes + `}`, inRequest},
		} {
			got := violations(t, taken.program, taken.document)
			if (got == nil) != taken.accepted {
				t.Errorf("%s: accepted should be %t, and the program says %v of %.80q", c.name, taken.accepted, got, taken.document)
			}
			if got != nil && got[0].Type != suiteType(c.name, taken.document) {
				t.Errorf("%s: %v", c.name, got)
			}
		}
	}
}

// suiteType is the type of what is said of a case that is refused.
func suiteType(name, document string) string {
	switch {
	case strings.HasPrefix(name, "y_object_duplicated_key"):
		return "duplicate_key"
	case strings.Trim(document, " ") == "":
		return "missing"
	default:
		return "json_invalid"
	}
}

// decision says of a case whether it is accepted as a field of a request and alone.
type decision struct{ inRequest, alone bool }

// decided are the cases that the standards leave open, and two in which the contract is stricter: a key
// stands only once. Numbers are passed on as they are, however large; text is UTF-8 without a mark and
// without lone surrogates; 64 levels are enough for a request.
var decided = map[string]decision{
	"y_object_duplicated_key":           {},
	"y_object_duplicated_key_and_value": {},

	"i_number_double_huge_neg_exp":   {true, true},
	"i_number_huge_exp":              {true, true},
	"i_number_neg_int_huge_exp":      {true, true},
	"i_number_pos_double_huge_exp":   {true, true},
	"i_number_real_neg_overflow":     {true, true},
	"i_number_real_pos_overflow":     {true, true},
	"i_number_real_underflow":        {true, true},
	"i_number_too_big_neg_int":       {true, true},
	"i_number_too_big_pos_int":       {true, true},
	"i_number_very_big_negative_int": {true, true},

	"i_object_key_lone_2nd_surrogate":                {},
	"i_string_1st_surrogate_but_2nd_missing":         {},
	"i_string_1st_valid_surrogate_2nd_invalid":       {},
	"i_string_UTF-16LE_with_BOM":                     {},
	"i_string_UTF-8_invalid_sequence":                {},
	"i_string_UTF8_surrogate_U+D800":                 {},
	"i_string_incomplete_surrogate_and_escape_valid": {},
	"i_string_incomplete_surrogate_pair":             {},
	"i_string_incomplete_surrogates_escape_valid":    {},
	"i_string_invalid_lonely_surrogate":              {},
	"i_string_invalid_surrogate":                     {},
	"i_string_invalid_utf-8":                         {},
	"i_string_inverted_surrogates_U+1D11E":           {},
	"i_string_iso_latin_1":                           {},
	"i_string_lone_second_surrogate":                 {},
	"i_string_lone_utf8_continuation_byte":           {},
	"i_string_not_in_unicode_range":                  {},
	"i_string_overlong_sequence_2_bytes":             {},
	"i_string_overlong_sequence_6_bytes":             {},
	"i_string_overlong_sequence_6_bytes_null":        {},
	"i_string_truncated-utf-8":                       {},
	"i_string_utf16BE_no_BOM":                        {},
	"i_string_utf16LE_no_BOM":                        {},
	"i_structure_500_nested_arrays":                  {false, true},
	"i_structure_UTF-8_BOM_empty_object":             {},
}
