package contract

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// with is a valid request with more fields.
func with(fields string) string { return `{"model":"m","prompt":"p",` + fields + `}` }

// one is the list of a single violation.
func one(typ, msg string, loc ...any) []Violation {
	return []Violation{{Loc: append([]any{"body"}, loc...), Msg: msg, Type: typ}}
}

func strs(n int) string { return repeat(n, func(int) string { return `"a"` }) }

const (
	msgString = "Input should be a valid string"
	msgInt    = "Input should be a valid integer"
	msgNumber = "Input should be a valid number"
	msgBool   = "Input should be a valid boolean"
	msgDict   = "Input should be a valid dictionary"
	msgList   = "Input should be a valid list"
	msgFloat  = "Input should be a valid integer, got a number with a fractional part"
	msgSize   = "Unable to parse input string as an integer, exceeded maximum size"
	msgPrompt = "Input should be a valid string, list of strings, list of integers or list of lists of integers"
	msgStop   = "Input should be a valid string or list of strings"
	msgTwice  = "Keys should not be repeated"
	msgPlain  = "Input should be a valid integer, written without a point or an exponent"
	msgAlike  = "Keys should not differ from a declared one in letter case alone"
)

func TestRequestAccepted(t *testing.T) {
	p := program(t, "CompletionRequest")
	documents := []string{
		body(`"p"`), body(`""`), body(`[]`), body(`null`), body(` [ ] `), body(`["a","b"]`), body(`[1,2]`), body(`[[1],[2,3]]`),
		body(`[ 1 , 2 ]`), body("[\t1,\n2 ,3\r]"), body(`[[ 1, 2.0 ] , [3]]`), body(`[9223372036854775807, 1e3]`),
		body(strs(2048)),
		" \t\r\n" + body(`"p"`) + " \n",
		with(`"top_k":12345678901234567890,"min_p":1e400,"structured_outputs":{"a":[{},[],null,true,false,-0.0e-0]}`),
		with(`"best_of":3,"n":2`), with(`"best_of":1,"n":1`), with(`"best_of":1,"n":1.0`), with(`"best_of":20`), with(`"best_of":null,"n":2`),
		with(`"best_of":1,"stream":true`), with(`"best_of":3,"stream":false`), with(`"best_of":3,"stream":null`),
		with(`"stream_options":{},"stream":true`), with(`"stream_options":null`),
		with(`"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false,"more":[1]}`),
		with(`"seed":9223372036854775807`), with(`"seed":-9223372036854775808`), with(`"seed":9.223372036854775807e18`),
		with(`"n":2.0`), with(`"n":1e1`), with(`"n":100e-2`), with(`"n":0.5e1`), with(`"n":1280e-1`), with(`"max_tokens":-0`), with(`"max_tokens":0e999999999999`),
		with(`"stop":"s"`), with(`"stop":null`), with(`"stop":["a"]`), with(`"stop":["a","b","c","d"]`), with(`"stop":""`), with(`"stop":[""]`),
		with(`"logit_bias":{}`), with(`"logit_bias":{"0":-100,"50256":100,"\u0031":1}`), with(`"logit_bias":null`),
		with(`"suffix":"","user":null,"echo":true`), with(`"user":"\ud83d\ude00 😀 \u0000 \\ \" \/ \b\f\n\r\t"`),
		`{"mod\u0065l":"m","prompt":"p"}`,
		`{"model":"` + strings.Repeat("é", 256) + `","prompt":"p"}`,
		`{"model":"` + strings.Repeat(`\u00e9`, 256) + `","prompt":"p"}`,
		with(`"a":{"A":1,"a":2},"A":{"Model":1,"model":2}`),
	}
	for _, document := range documents {
		if got := violations(t, p, document); got != nil {
			t.Errorf("%.200s: %v", document, got)
		}
	}
}

// TestRequestFields takes each numeric and boolean field to both of its limits, past them, to null and
// to other kinds.
func TestRequestFields(t *testing.T) {
	p := program(t, "CompletionRequest")
	fields := []struct {
		name                string
		low, high           string
		under, over         string
		least, most         string
		wrongType, wrongMsg string
	}{
		{"best_of", "1", "20", "0", "21", "1", "20", "int_type", msgInt},
		{"frequency_penalty", "-2", "2", "-2.0000000000000000000000001", "2.1", "-2", "2", "float_type", msgNumber},
		{"presence_penalty", "-2.0", "20e-1", "-1e400", "1e400", "-2", "2", "float_type", msgNumber},
		{"logprobs", "0", "5", "-1", "6", "0", "5", "int_type", msgInt},
		{"max_tokens", "0", "9223372036854775807", "-1", "", "0", "", "int_type", msgInt},
		{"n", "1", "128", "0", "1e400", "1", "128", "int_type", msgInt},
		{"temperature", "0", "2", "-1e-400", "2.00000000000000000001", "0", "2", "float_type", msgNumber},
		{"top_p", "-0.0", "1", "-0.1", "1.5", "0", "1", "float_type", msgNumber},
	}
	for _, f := range fields {
		set := func(value string) string { return with(fmt.Sprintf(`"%s":%s`, f.name, value)) }
		for _, value := range []string{f.low, f.high, "null"} {
			if got := violations(t, p, set(value)); got != nil {
				t.Errorf("%s %s: %v", f.name, value, got)
			}
		}
		for _, value := range []string{`"1"`, "true", "[1]", "{}"} {
			if diff := cmp.Diff(one(f.wrongType, f.wrongMsg, f.name), violations(t, p, set(value))); diff != "" {
				t.Errorf("%s %s: %s", f.name, value, diff)
			}
		}
		under := one("greater_than_equal", "Input should be greater than or equal to "+f.least, f.name)
		if diff := cmp.Diff(under, violations(t, p, set(f.under))); diff != "" {
			t.Errorf("%s %s: %s", f.name, f.under, diff)
		}
		if f.over == "" {
			continue
		}
		over := one("less_than_equal", "Input should be less than or equal to "+f.most, f.name)
		if diff := cmp.Diff(over, violations(t, p, set(f.over))); diff != "" {
			t.Errorf("%s %s: %s", f.name, f.over, diff)
		}
	}
}

func TestRequestRefused(t *testing.T) {
	p := program(t, "CompletionRequest")
	long := strings.Repeat("ключ", 32)
	tests := []struct {
		document string
		want     []Violation
	}{
		{`{"prompt":"p"}`, one("missing", "Field required", "model")},
		{`{"model":"m"}`, one("missing", "Field required", "prompt")},
		{`{"model":"","prompt":"p"}`, one("string_too_short", "String should have at least 1 character", "model")},
		{`{"model":"` + strings.Repeat("é", 257) + `","prompt":"p"}`, one("string_too_long", "String should have at most 256 characters", "model")},
		{`{"model":null,"prompt":"p"}`, one("string_type", msgString, "model")},
		{`{"model":["m"],"prompt":"p"}`, one("string_type", msgString, "model")},
		{with(`"echo":"true"`), one("bool_type", msgBool, "echo")},
		{with(`"stream":0`), one("bool_type", msgBool, "stream")},
		{with(`"suffix":1`), one("string_type", msgString, "suffix")},
		{with(`"user":{}`), one("string_type", msgString, "user")},
		{with(`"logit_bias":[]`), one("dict_type", msgDict, "logit_bias")},
		{with(`"logit_bias":{"1":"2"}`), one("float_type", msgNumber, "logit_bias", "1")},
		{with(`"logit_bias":{"1":null}`), one("float_type", msgNumber, "logit_bias", "1")},
		{with(`"logit_bias":{"1":101}`), one("less_than_equal", "Input should be less than or equal to 100", "logit_bias", "1")},
		{with(`"logit_bias":{"1":-100.5}`), one("greater_than_equal", "Input should be greater than or equal to -100", "logit_bias", "1")},
		{with(`"logit_bias":{"1":0,"x":1,"":1,"1٣":1}`), []Violation{
			{[]any{"body", "logit_bias", "x"}, "String should match pattern '^[0-9]+$'", "string_pattern_mismatch"},
			{[]any{"body", "logit_bias", ""}, "String should match pattern '^[0-9]+$'", "string_pattern_mismatch"},
			{[]any{"body", "logit_bias", "1٣"}, "String should match pattern '^[0-9]+$'", "string_pattern_mismatch"},
		}},
		{with(`"logit_bias":{"1":0,"\u0031":1}`), one("duplicate_key", msgTwice, "logit_bias", "1")},
		{with(`"stream":true,"stream_options":5`), one("dict_type", msgDict, "stream_options")},
		{with(`"stream":true,"stream_options":{"include_usage":1}`), one("bool_type", msgBool, "stream_options", "include_usage")},
		{with(`"stream":true,"stream_options":{"include_usage":null}`), one("bool_type", msgBool, "stream_options", "include_usage")},
		{with(`"stream":true,"stream_options":{"Include_Usage":true}`), one("duplicate_key", msgAlike, "stream_options", "Include_Usage")},

		{with(`"n":1.5`), one("int_from_float", msgFloat, "n")},
		{with(`"n":1.00000000000000000000000000001`), one("int_from_float", msgFloat, "n")},
		{with(`"n":1e-400`), one("int_from_float", msgFloat, "n")},
		{with(`"n":12345678901234567890.5`), one("int_from_float", msgFloat, "n")},
		{with(`"seed":9223372036854775808`), one("int_parsing_size", msgSize, "seed")},
		{with(`"seed":-9223372036854775809`), one("int_parsing_size", msgSize, "seed")},
		{with(`"seed":9223372036854775807.0000000000000000001`), one("int_from_float", msgFloat, "seed")},
		{with(`"seed":92233720368547758070e-1`), nil},
		{with(`"seed":1e30`), one("int_parsing_size", msgSize, "seed")},
		{with(`"seed":1e999999999999999999999999`), one("int_parsing_size", msgSize, "seed")},
		{with(`"seed":0.5`), one("int_from_float", msgFloat, "seed")},
		{with(`"max_tokens":9223372036854775808`), one("int_parsing_size", msgSize, "max_tokens")},

		{body(`5`), one("union_error", msgPrompt, "prompt")},
		{body(`{}`), one("union_error", msgPrompt, "prompt")},
		{body(`true`), one("union_error", msgPrompt, "prompt")},
		{body(`["a",1]`), one("string_type", msgString, "prompt", 1)},
		{body(`["a","b",null]`), one("string_type", msgString, "prompt", 2)},
		{body(`[[]]`), one("too_short", "List should have at least 1 item after validation, not 0", "prompt", 0)},
		{body(`[[1],[]]`), one("too_short", "List should have at least 1 item after validation, not 0", "prompt", 1)},
		{body(`[1,"a"]`), one("int_type", msgInt, "prompt", 1)},
		{body(`[[1],"a"]`), one("list_type", msgList, "prompt", 1)},
		{body(`[[1,"a"]]`), one("int_type", msgInt, "prompt", 0, 1)},
		{body(`[["a"]]`), one("int_type", msgInt, "prompt", 0, 0)},
		{body(`[1.5]`), one("int_from_float", msgFloat, "prompt", 0)},
		{body(`[1,2,3,1.5]`), one("int_from_float", msgFloat, "prompt", 3)},
		{body(`[true]`), one("union_error", msgPrompt, "prompt")},
		{body(`[null]`), one("union_error", msgPrompt, "prompt")},
		{body(`[{"a":1}]`), one("union_error", msgPrompt, "prompt")},
		{body(`[-1]`), one("greater_than_equal", "Input should be greater than or equal to 0", "prompt", 0)},
		{body(`[1,-1]`), one("greater_than_equal", "Input should be greater than or equal to 0", "prompt", 1)},
		{body(`[1,9223372036854775808]`), one("int_parsing_size", msgSize, "prompt", 1)},
		{body(strs(2049)), one("too_long", "List should have at most 2048 items after validation, not 2049", "prompt")},
		{body(repeat(2060, func(int) string { return "[1]" })), one("too_long", "List should have at most 2048 items after validation, not 2060", "prompt")},
		{body(`[{"a":1,"a":2}]`), append(one("union_error", msgPrompt, "prompt"), one("duplicate_key", msgTwice, "prompt", 0, "a")...)},
		{with(`"stop":[]`), one("too_short", "List should have at least 1 item after validation, not 0", "stop")},
		{with(`"stop":[1]`), one("string_type", msgString, "stop", 0)},
		{with(`"stop":["a",null]`), one("string_type", msgString, "stop", 1)},
		{with(`"stop":7`), one("union_error", msgStop, "stop")},
		{with(`"stop":["a","b","c","d","e"]`), one("too_long", "List should have at most 4 items after validation, not 5", "stop")},
		{with(`"stop":["a","b","c","d",5,[1,2,3],7]`), one("too_long", "List should have at most 4 items after validation, not 7", "stop")},

		{``, one("missing", "Field required")},
		{" \n\t", one("missing", "Field required")},
		{`[]`, one("model_attributes_type", "Input should be a valid dictionary or object to extract fields from")},
		{` null `, one("model_attributes_type", "Input should be a valid dictionary or object to extract fields from")},
		{`"{}"`, one("model_attributes_type", "Input should be a valid dictionary or object to extract fields from")},
		{`12`, one("model_attributes_type", "Input should be a valid dictionary or object to extract fields from")},

		{`{"model":"m","prompt":"p","model":"n"}`, one("duplicate_key", msgTwice, "model")},
		{`{"model":"m","prompt":"p","mod\u0065l":"n"}`, one("duplicate_key", msgTwice, "model")},
		{with(`"Model":"n"`), one("duplicate_key", msgAlike, "Model")},
		{with(`"Model":1,"Model":2,"MODEL":3`), append(one("duplicate_key", msgAlike, "Model"), one("duplicate_key", msgAlike, "MODEL")...)},
		{with(`"ſtream":true`), one("duplicate_key", msgAlike, "ſtream")},
		{with(`"\u017ftream":true`), one("duplicate_key", msgAlike, "ſtream")},
		{with("\"max_to\u212aens\":1"), one("duplicate_key", msgAlike, "max_to\u212aens")},
		{with(`"max_to\u212Aens":1`), one("duplicate_key", msgAlike, "max_to\u212aens")},
		{with(`"\u0053eed":1`), one("duplicate_key", msgAlike, "Seed")},
		{with(`"x":1,"x":1`), one("duplicate_key", msgTwice, "x")},
		{with(`"x":1,"x":1,"x":2`), one("duplicate_key", msgTwice, "x")},
		{with(`"x":{"y":[{"z":1,"z":2}]}`), one("duplicate_key", msgTwice, "x", "y", 0, "z")},
		{with(`"x":{"é":1,"\u00e9":2}`), one("duplicate_key", msgTwice, "x", "é")},
		{with(`"x":{"😀":1,"\ud83d\ude00":2}`), one("duplicate_key", msgTwice, "x", "😀")},
		{with(`"` + long + `":{"a":1,"a":1}`), one("duplicate_key", msgTwice, string([]rune(long)[:64]), "a")},
		{with(`"` + strings.Repeat(`\ud83d\ude00`, 65) + `":{"a":1,"a":1}`), one("duplicate_key", msgTwice, strings.Repeat("😀", 64), "a")},

		{with(`"best_of":1,"n":2`), one("value_error", "Value error, best_of must be greater than n", "best_of")},
		{with(`"best_of":2,"n":2.0`), one("value_error", "Value error, best_of must be greater than n", "best_of")},
		{with(`"best_of":3,"stream":true`), one("value_error", "Value error, best_of above 1 cannot be used with stream", "best_of")},
		{with(`"stream_options":{}`), one("value_error", "Value error, stream_options is allowed only with stream set to true", "stream_options")},
		{with(`"stream_options":{},"stream":null`), one("value_error", "Value error, stream_options is allowed only with stream set to true", "stream_options")},
		{with(`"stream_options":{},"stream":"true"`), one("bool_type", msgBool, "stream")},
		{with(`"best_of":50,"n":100`), append(one("less_than_equal", "Input should be less than or equal to 20", "best_of"),
			one("value_error", "Value error, best_of must be greater than n", "best_of")...)},
		{with(`"best_of":2,"n":"2"`), one("int_type", msgInt, "n")},
		{with(`"best_of":2,"n":2,"n":2`), one("duplicate_key", msgTwice, "n")},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, violations(t, p, test.document)); diff != "" {
			t.Errorf("%.200s: (-want +got)\n%s", test.document, diff)
		}
	}
}

func TestRequestMalformed(t *testing.T) {
	p := program(t, "CompletionRequest")
	deep := func(levels int) string {
		return with(`"x":` + strings.Repeat(`[`, levels-1) + strings.Repeat(`]`, levels-1))
	}
	tests := []struct {
		document string
		offset   int
		reason   string
	}{
		{`{"model":`, 9, "unexpected end of the document"},
		{`{`, 1, "unexpected end of the document"},
		{`{"model"`, 8, "unexpected end of the document"},
		{`{"a":"b`, 7, "unexpected end of the document"},
		{`{"a":"b"`, 8, "unexpected end of the document"},
		{`{"a":1`, 6, "unexpected end of the document"},
		{`{"a":-`, 6, "unexpected end of the document"},
		{`[1,`, 3, "unexpected end of the document"},
		{`{"a":1,}`, 7, "expected a key in double quotes"},
		{`{,}`, 1, "expected a key in double quotes"},
		{`{a:1}`, 1, "expected a key in double quotes"},
		{`{"a" 1}`, 5, "expected ':' after a key"},
		{`{"a":1 "b":2}`, 7, "expected ',' or '}'"},
		{`{"a":[1,]}`, 8, "expected a value"},
		{`{"a":[1 2]}`, 8, "expected ',' or ']'"},
		{`{"a":[,]}`, 6, "expected a value"},
		{`{"a":NaN}`, 5, "expected a value"},
		{`{"a":Infinity}`, 5, "expected a value"},
		{`{"a":-Infinity}`, 6, "invalid number"},
		{`{"a":nul}`, 5, "expected a value"},
		{`{"a":True}`, 5, "expected a value"},
		{`{"a":truely}`, 9, "expected ',' or '}'"},
		{`{"a":01}`, 6, "invalid number"},
		{`{"a":-01}`, 7, "invalid number"},
		{`{"a":1.}`, 7, "invalid number"},
		{`{"a":.5}`, 5, "expected a value"},
		{`{"a":+5}`, 5, "expected a value"},
		{`{"a":1e}`, 6, "invalid number"},
		{`{"a":1e+}`, 6, "invalid number"},
		{`{"a":1e5x}`, 8, "expected ',' or '}'"},
		{`{"a":0x10}`, 6, "expected ',' or '}'"},
		{body(`[01]`), 34, "invalid number"},
		{`{"a":'b'}`, 5, "expected a value"},
		{`{"a":1} ` + "\x00", 8, "unexpected byte after the document"},
		{`{}{}`, 2, "unexpected byte after the document"},
		{`{} x`, 3, "unexpected byte after the document"},
		{`{"a":1/**/}`, 6, "expected ',' or '}'"},
		{"\ufeff{}", 0, "unexpected byte order mark"},
		{"{\"a\":\"\x01\"}", 6, "control character in a string"},
		{"{\"a\":\"1234567890\n\"}", 16, "control character in a string"},
		{"{\"a\":1\x0b}", 6, "expected ',' or '}'"},
		{"{\"a\":\"\xff\"}", 6, "invalid UTF-8"},
		{"{\"a\":\"\xc0\x80\"}", 6, "invalid UTF-8"},
		{"{\"a\":\"\xe0\x80\x80\"}", 6, "invalid UTF-8"},
		{"{\"a\":\"é\xed\xa0\x80\"}", 8, "invalid UTF-8"},
		{"{\"a\":\"\xf4\x90\x80\x80\"}", 6, "invalid UTF-8"},
		{"{\"a\":\"\xf0\x8f\xbf\xbf\"}", 6, "invalid UTF-8"},
		{"{\"a\":\"\xe2\x82\"}", 6, "invalid UTF-8"},
		{"{\"\xff\":1}", 2, "invalid UTF-8"},
		{"{\"a\":1}\xff", 7, "unexpected byte after the document"},
		{`{"a":"\ud800"}`, 6, "lone surrogate escape"},
		{`{"a":"\ud800\u0041"}`, 6, "lone surrogate escape"},
		{`{"a":"\ud800\ud800"}`, 6, "lone surrogate escape"},
		{`{"a":"\udc00"}`, 6, "lone surrogate escape"},
		{`{"\ud800":1}`, 2, "lone surrogate escape"},
		{`{"a":"\x41"}`, 6, "invalid escape"},
		{`{"a":"\u12g4"}`, 6, "invalid escape"},
		{`{"a":"\u12"}`, 6, "invalid escape"},
		{`{"a":"\U0041"}`, 6, "invalid escape"},
		{with(`"n":0,"x":1e`), 37, "invalid number"},
		{`{"model":5,"prompt":[5,"a",{"a":}]}`, 32, "expected a value"},
		{deep(65), 30 + 63, "nesting deeper than 64"},
		{strings.Repeat(`{"a":`, 100_000), 64 * 5, "nesting deeper than 64"},
		{strings.Repeat(`[`, 100_000), 64, "nesting deeper than 64"},
	}
	for _, test := range tests {
		want := one("json_invalid", "JSON decode error: "+test.reason, test.offset)
		if diff := cmp.Diff(want, violations(t, p, test.document)); diff != "" {
			t.Errorf("%.100q: (-want +got)\n%s", test.document, diff)
		}
	}
	if got := violations(t, p, deep(64)); got != nil {
		t.Errorf("64 levels: %v", got)
	}
}

func TestRequestOrder(t *testing.T) {
	p := program(t, "CompletionRequest")
	document := `{"zz":{"a":1,"a":2},"user":1,"top_p":2,"stop":[1],"stream_options":{"include_obfuscation":2,"include_usage":1},
		"n":200,"best_of":50,"logit_bias":{"b":101,"a":-101},"aa":[{"b":1,"b":1}],"Seed":1,"prompt":[1,"a"],"n":1}`
	want := [][]any{
		{"body", "model"},
		{"body", "prompt", 1},
		{"body", "best_of"},
		{"body", "logit_bias", "b"},
		{"body", "logit_bias", "b"},
		{"body", "logit_bias", "a"},
		{"body", "logit_bias", "a"},
		{"body", "n"},
		{"body", "n"},
		{"body", "Seed"},
		{"body", "stop", 0},
		{"body", "stream_options", "include_usage"},
		{"body", "stream_options", "include_obfuscation"},
		{"body", "stream_options"},
		{"body", "top_p"},
		{"body", "user"},
		{"body", "zz", "a"},
		{"body", "aa", 0, "b"},
	}
	var got [][]any
	for _, v := range violations(t, p, document) {
		got = append(got, v.Loc)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestViolationsCapped(t *testing.T) {
	p := program(t, "CompletionRequest")
	bias := func(n int) string {
		var fields []string
		for i := range n {
			fields = append(fields, fmt.Sprintf(`"k%d":0`, i))
		}
		return `{"logit_bias":{` + strings.Join(fields, ",") + `},"prompt":"p"}`
	}
	if got := violations(t, p, bias(63)); len(got) != 64 || got[63].Type != "string_pattern_mismatch" {
		t.Errorf("64 violations: %d items, the last %v", len(got), got[len(got)-1])
	}
	got := violations(t, p, bias(1000))
	if len(got) != 65 || got[0].Type != "missing" {
		t.Fatalf("1001 violations: %d items, the first %v", len(got), got[0])
	}
	if diff := cmp.Diff(one("too_many_violations", "… and 937 more"), got[64:]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestNoValueEchoed(t *testing.T) {
	p := program(t, "CompletionRequest")
	const secret = "s3cret"
	for _, value := range []string{`"` + secret + `"`, `["` + secret + `",1]`, `{"k":"` + secret + `"}`, `"` + secret + "\x01\"", `"` + secret} {
		for _, field := range []string{"model", "prompt", "best_of", "stop", "stream", "stream_options", "logit_bias", "user", "temperature", "x"} {
			err := p.Check([]byte(`{"`+field+`":`+value+`}`), nil)
			if text := fmt.Sprintf("%v %+v", err, asInvalid(t, err).Violations); strings.Contains(text, secret) {
				t.Errorf("%s %q: %s", field, value, text)
			}
		}
	}
}

func TestInvalidError(t *testing.T) {
	p := program(t, "CompletionRequest")
	for document, want := range map[string]string{
		`{"model":"m"}`:        "1 violation, body.prompt: missing",
		`{"prompt":[[1,"a"]]}`: "2 violations, the first body.model: missing",
		`{`:                    "1 violation, body.1: json_invalid",
	} {
		if got := p.Check([]byte(document), nil).Error(); got != want {
			t.Errorf("%s: got %q, want %q", document, got, want)
		}
	}
}
