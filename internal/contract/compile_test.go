package contract

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/gen"
)

// compileYAML compiles a schema that is written in YAML; it may refer to #/components/schemas/Self,
// Other and Listed.
func compileYAML(tb testing.TB, schema string) (*Program, error) {
	tb.Helper()
	indented := strings.ReplaceAll(strings.TrimSpace(schema), "\n", "\n      ")
	doc := loadSpec(tb, []byte("openapi: 3.0.3\ninfo: {title: t, version: '1'}\npaths: {}\ncomponents:\n  schemas:\n"+
		"    Self:\n      "+indented+"\n    Other:\n      type: string\n    Listed:\n      type: string\n      enum: [a]\n"))
	return Compile(doc.Components.Schemas["Self"])
}

func TestCompileRefuses(t *testing.T) {
	object := func(properties, rest string) string {
		return "type: object\nproperties:\n  " + strings.ReplaceAll(properties, "\n", "\n  ") + "\n" + rest
	}
	rule := func(fields string) string {
		return object("a: {type: integer}\nb: {type: object}\nc: {type: string}", "x-rules: [{"+fields+"}]")
	}
	tests := []struct{ schema, want string }{
		{"type: array\nitems: {}\nuniqueItems: true", "schema: keyword uniqueItems"},
		{object("a: {type: integer, multipleOf: 2}", ""), "schema.properties.a: keyword multipleOf"},
		{object("a: {type: object, minProperties: 2}", ""), "schema.properties.a: keyword minProperties"},
		{object("a: {type: object, maxProperties: 2}", ""), "keyword maxProperties"},
		{object("a: {allOf: [{type: string}]}", ""), "keyword allOf"},
		{object("a: {allOf: [{$ref: '#/components/schemas/Other'}, {$ref: '#/components/schemas/Other'}]}", ""), "schema.properties.a: keyword allOf"},
		{object("a: {allOf: [{$ref: '#/components/schemas/Other'}], maxLength: 3}", ""), "schema.properties.a: keyword maxLength"},
		{object("a: {allOf: [{$ref: '#/components/schemas/Other'}], type: string}", ""), "schema.properties.a: keyword type"},
		{object("a: {allOf: [{$ref: '#/components/schemas/Other', maxLength: 3}]}", ""), "schema.properties.a.allOf[0]: keyword maxLength"},
		{object("a: {allOf: [{$ref: '#/components/schemas/Self'}]}", "x-max-depth: 3"), "schema.properties.a.allOf[0]: x-max-depth"},
		{object("a: {allOf: [{$ref: '#/components/schemas/Other'}], oneOf: [{type: string}]}", ""), "schema.properties.a: keyword allOf"},
		{"oneOf: [{type: string}, {allOf: [{$ref: '#/components/schemas/Self'}]}]", "keyword allOf refers to a schema without a type"},
		{"oneOf: [{type: string}, {allOf: [{$ref: '#/components/schemas/Other'}]}]", "keyword oneOf: branch 1 accepts a string"},
		{object("a: {anyOf: [{type: string}]}", ""), "keyword anyOf"},
		{object("a: {not: {type: string}}", ""), "keyword not"},
		{object("a: {type: string, readOnly: true}", ""), "keyword readOnly"},
		{object("a: {type: string, writeOnly: true}", ""), "keyword writeOnly"},
		{object("a: {type: string, format: date-time}", ""), "keyword format"},
		{object("a: {type: integer, format: double}", ""), "keyword format: double"},
		{object("a: {type: number, format: int64}", ""), "keyword format: int64"},
		{object("a: {type: string, minimum: 3}", ""), "keyword minimum"},
		{object("a: {type: integer, maxLength: 3}", ""), "keyword maxLength"},
		{object("a: {minLength: 3}", ""), "keyword minLength"},
		{object("a: {nullable: true}", ""), "keyword nullable"},
		{object("a: {properties: {b: {type: string}}}", ""), "keyword properties"},
		{object("a: {type: string, pattern: '('}", ""), "keyword pattern"},
		{object("a: {type: string, maxLenght: 3}", ""), "keyword maxLenght"},
		{object("a: {type: string, enum: [1]}", ""), "keyword enum"},
		{object("a: {type: string, enum: [null]}", ""), "keyword enum"},
		{object("a: {type: string, enum: []}", ""), "keyword enum"},
		{object("a: {type: array, items: {}, enum: [[1]]}", ""), "keyword enum"},
		{object("a: {type: integer, exclusiveMinimum: true}", ""), "keyword minimum"},
		{object("a: {type: integer, exclusiveMaximum: 4}", ""), "keyword maximum"},
		{object("a: {type: integer, maximum: 9223372036854775807}", ""), "keyword maximum"},
		{object("a: {type: 'null'}", ""), "keyword type"},
		{object("a: {$ref: '#/components/schemas/Other', maxLength: 3}", ""), "schema.properties.a: keyword maxLength"},
		{object("a: {type: array, items: {type: array, items: {type: string, minLength: 1, format: x}}}", ""), "schema.properties.a.items.items: keyword format"},
		{"type: object\nadditionalProperties: {type: string, format: uri}", "schema.additionalProperties: keyword format"},
		{object("a: {type: string}", "required: [b]"), "keyword required names b"},
		{object("a: {type: string}\nA: {type: string}", ""), "letter case"},
		{object("a: {type: string}\ns: {type: string}\nſ: {type: string}", ""), "letter case"},

		{"oneOf: [{type: string}, {type: string}]", "keyword oneOf: branch 1 accepts a string"},
		{"oneOf: [{type: integer}, {type: number}]", "keyword oneOf: branch 1 accepts a number"},
		{"oneOf: [{type: string, nullable: true}, {type: integer, nullable: true}]", "keyword oneOf: branch 1 accepts null"},
		{"oneOf: [{type: string}, {}]", "keyword oneOf: branch 1 accepts a string"},
		{"oneOf: [{type: array, items: {type: string}}, {type: array, items: {type: integer}}]", "branch 1 accepts an empty list"},
		{"oneOf: [{type: array, items: {type: number}}, {type: array, minItems: 1, items: {type: integer}}]", "branch 1 accepts a list that begins with a number"},
		{"oneOf: [{type: array, items: {}}, {type: array, minItems: 1, items: {type: integer}}]", "branch 1 accepts a list that begins with a number"},
		{"oneOf: [{type: string}, {$ref: '#/components/schemas/Self'}]", "keyword oneOf: a branch leads back"},
		{"type: string\noneOf: [{minLength: 1}]", "keyword type"},
		{"nullable: true\noneOf: [{type: string}]", "keyword nullable"},
		{"oneOf: [{type: string}]\ndiscriminator: {propertyName: a}", "keyword discriminator"},

		{object("a: {type: object, x-rules: []}", ""), "schema.properties.a: x-rules"},
		{object("a: {type: object, x-max-depth: 3}", ""), "schema.properties.a: x-max-depth"},
		{object("a: {$ref: '#/components/schemas/Self'}", "x-max-depth: 3"), "schema.properties.a: x-max-depth"},
		{"type: object\nx-max-depth: many", "x-max-depth"},
		{"type: object\nx-max-depth: 0", "x-max-depth"},
		{"type: object\nx-max-depth: 1000000", "x-max-depth"},
		{"type: object\nx-max-violations: 1.5", "x-max-violations"},
		{object("a: {type: object, x-exact-keys: true}", ""), "schema.properties.a: x-exact-keys"},
		{object("a: {type: object, x-plain-integers: true}", ""), "schema.properties.a: x-plain-integers"},
		{"type: object\nx-exact-keys: 1", "x-exact-keys is neither true nor false"},
		{"type: object\nx-plain-integers: 'true'", "x-plain-integers is neither true nor false"},
		{"type: string\nx-rules: []", "x-rules"},
		{"type: object\nx-rules: {}", "x-rules is not a list"},
		{rule("loc: [body], require: {set: [a]}, msg: m"), "x-rules[0]: id"},
		{rule("id: r, loc: [body], require: {set: [a]}"), "x-rules[0]: msg"},
		{rule("id: r, loc: [body], msg: m"), "require"},
		{rule("id: r, loc: [body], require: {}, msg: m"), "require"},
		{rule("id: r, loc: [body], require: [], msg: m"), "require"},
		{rule("id: r, loc: [a], require: {set: [a]}, msg: m"), "loc"},
		{rule("id: r, loc: [body, z], require: {set: [a]}, msg: m"), "field z is not declared"},
		{rule("id: r, loc: [body], require: {set: [z]}, msg: m"), "field z is not declared"},
		{rule("id: r, loc: [body], when: {equals: {z: 1}}, require: {set: [a]}, msg: m"), "field z is not declared"},
		{rule("id: r, loc: [body], require: {in: {z: [1]}}, msg: m"), "field z is not declared"},
		{rule("id: r, loc: [body], require: {greater: [a, z]}, msg: m"), "field z is not declared"},
		{rule("id: r, loc: [body], require: {greater: [a, c]}, msg: m"), "field c is not a number"},
		{rule("id: r, loc: [body], require: {keyPattern: {z: x}}, msg: m"), "field z is not declared"},
		{rule("id: r, loc: [body], require: {keyPattern: {a: x}}, msg: m"), "a is not an object"},
		{rule("id: r, loc: [body], require: {keyPattern: {b: '('}}, msg: m"), "keyPattern"},
		{rule("id: r, loc: [body], require: {keyPattern: {b: x}, set: [a]}, msg: m"), "keyPattern"},
		{rule("id: r, loc: [body], when: {set: [a]}, require: {keyPattern: {b: x}}, msg: m"), "keyPattern"},
		{rule("id: r, loc: [body], require: {less: [a, a]}, msg: m"), "unknown key less"},
		{rule("id: r, loc: [body], when: {unset: [a]}, require: {set: [a]}, msg: m"), "unknown key unset"},
		{rule("id: r, loc: [body], unless: {set: [a]}, require: {set: [a]}, msg: m"), "unknown key unless"},
		{rule("id: r, loc: [body], require: {equals: {a: x}}, msg: m"), "field a never is x"},
		{rule("id: r, loc: [body], require: {in: {a: [null]}}, msg: m"), "field a never is"},
	}
	for _, test := range tests {
		if _, err := compileYAML(t, test.schema); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s\n\tgot  %v\n\twant %s", test.schema, err, test.want)
		}
	}
}

func TestCompileWithoutOrigins(t *testing.T) {
	ref := loadSpec(t, gen.Spec).Components.Schemas["CompletionRequest"]
	ref.Value.Properties["model"].Origin = nil
	if _, err := Compile(ref); err == nil || !strings.Contains(err.Error(), "IncludeOrigin") {
		t.Errorf("got %v", err)
	}
}

func TestCompileFacts(t *testing.T) {
	schema := loadSpec(t, gen.Spec).Components.Schemas["CompletionRequest"]
	for path, ok := range map[string]bool{
		"model": true, "stream_options": true, "stream_options.include_usage": true, "stream_options.more": true, "top_k": true,
		"": false, "model.x": false, "prompt.0": false, "a.b": false, "stream_options.": false, "Model": false,
	} {
		if _, err := Compile(schema, path); (err == nil) != ok {
			t.Errorf("%q: %v", path, err)
		}
	}
	if _, err := Compile(schema, "model", "model"); err == nil {
		t.Error("a fact was listed twice")
	}
}

// TestDeclaredOrder holds the program's order to that of the lines of openapi.yaml.
func TestDeclaredOrder(t *testing.T) {
	p := program(t, "CompletionRequest")
	text := string(gen.Spec)
	text = text[strings.Index(text, "\n    CompletionRequest:"):]
	last := 0
	for _, property := range p.root.properties {
		at := strings.Index(text, "\n        "+property.name+":")
		if at < last {
			t.Errorf("%s stands before the property ahead of it", property.name)
		}
		last = at
	}
	if len(p.root.properties) < 18 {
		t.Errorf("%d properties", len(p.root.properties))
	}
}

// TestEverySchemaCompiles keeps the whole of openapi.yaml within what the compiler enforces.
func TestEverySchemaCompiles(t *testing.T) {
	for name, schema := range loadSpec(t, gen.Spec).Components.Schemas {
		if _, err := Compile(schema); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestKeywords tries what openapi.yaml does not use itself.
func TestKeywords(t *testing.T) {
	tests := []struct {
		schema            string
		accepted, refused []string // refused: the document, a space, the type
	}{
		{"type: integer\nformat: int32", []string{"2147483647", "-2147483648", "1e3"}, []string{"2147483648 int_parsing_size", "-2147483649 int_parsing_size", "0.5 int_from_float"}},
		{"type: number\nformat: float", []string{"3.4028235e38", "3.4028235677e38", "1e-400"}, []string{"3.4028236e38 less_than_equal", "-3.5e38 greater_than_equal"}},
		{"type: number\nformat: double", []string{"1.7976931348623157e308", "-1.7976931348623158e308", "0.1"}, []string{"1.7976931348623159e308 less_than_equal", "1e400 less_than_equal", "-1e400 greater_than_equal"}},
		{"type: number", []string{"1e400", "-1e400", "0.1"}, []string{`"1" float_type`}},
		{"type: integer", []string{"1e400", "-123456789012345678901234567890"}, []string{"1e-400 int_from_float"}},
		{"type: number\nminimum: 0.5\nexclusiveMinimum: true\nmaximum: 3\nexclusiveMaximum: true", []string{"0.51", "1", "2", "2.99"}, []string{"0.5 greater_than", "0 greater_than", "3 less_than", "3.0 less_than"}},
		{"type: integer\nminimum: -3\nexclusiveMinimum: true\nmaximum: 3\nexclusiveMaximum: true", []string{"-2", "2"}, []string{"-3 greater_than", "3 less_than"}},
		{"type: number\nmaximum: 1e22", []string{"1e22", "9999999999999999999999"}, []string{"10000000000000000000001 less_than_equal"}},
		{"type: string\nminLength: 2\nmaxLength: 3\npattern: 'é.'", []string{`"éa"`, `"\u00e9ab"`, `"xé\n\u0061"`[:0] + `"xéb"`}, []string{`"é" string_too_short`, `"\ud83d\ude00" string_too_short`, `"éabc" string_too_long`, `"abc" string_pattern_mismatch`}},
		{"type: string\nenum: [a, 'b\"']", []string{`"a"`, `"\u0062\""`}, []string{`"b" literal_error`, `1 string_type`}},
		{"type: integer\nenum: [1, 20]", []string{"1", "2e1", "20.0"}, []string{"2 literal_error", "1.5 int_from_float"}},
		{"type: boolean\nenum: [true]", []string{"true"}, []string{"false literal_error"}},
		{"type: string\nnullable: true\nenum: [a, null]", []string{`"a"`, "null"}, []string{`"n" literal_error`}},
		{"type: string\nnullable: true\nenum: [a]", []string{`"a"`}, []string{"null string_type"}},
		{"type: array\nminItems: 2\nmaxItems: 3\nitems: {type: integer, maximum: 9}", []string{"[1,2]", "[1,2,3]"}, []string{"[1] too_short", "[1,2,3,4] too_long", "[1,10] less_than_equal"}},
		{"type: array\nmaxItems: 0\nitems: {type: integer}", []string{"[]", "[ ]"}, []string{"[1] too_long"}},
		{"type: object\nproperties: {a: {type: string}}\nadditionalProperties: false", []string{`{"a":""}`}, []string{`{"b":1} extra_forbidden`, `{"A":1} extra_forbidden`}},
		{"type: object\nproperties: {a: {type: string}}\nadditionalProperties: false\nx-exact-keys: true", nil, []string{`{"b":1} extra_forbidden`, `{"A":1} duplicate_key`}},
		{"type: object\nproperties: {a: {}}", []string{`{"A":1,"a":2}`}, []string{`{"A":1,"A":2} duplicate_key`}},
		{"type: object\nproperties: {a: {}}\nx-exact-keys: false", []string{`{"A":1}`}, nil},
		{"type: object\nproperties: {a: {type: object, properties: {b: {}}}}\nx-exact-keys: true", []string{`{"a":{"c":{"B":1}}}`}, []string{`{"a":{"B":1}} duplicate_key`}},
		{
			"type: array\nitems: {type: integer}\nx-plain-integers: true",
			[]string{"[0,-0,-7,12345678901234567890]"},
			[]string{"[1.0] int_from_float", "[1e0] int_from_float", "[10E-1] int_from_float", "[-0.0] int_from_float", "[1.5] int_from_float"},
		},
		{
			"type: object\nproperties: {a: {type: integer, format: int64}, b: {type: number}}\nx-plain-integers: true",
			[]string{`{"a":9223372036854775807,"b":1.0}`, `{"a":-9223372036854775808,"b":1e3,"c":1.0}`},
			[]string{`{"a":9223372036854775808} int_parsing_size`, `{"a":1e300} int_from_float`, `{"a":1767225600.0} int_from_float`},
		},
		{"type: integer\nx-plain-integers: false", []string{"1.0", "1e1"}, nil},
		{"type: object\nadditionalProperties: {type: integer}", []string{`{"a":1,"A":1}`}, []string{`{"a":"b"} int_type`}},
		{"type: object\nproperties: {a: {$ref: '#/components/schemas/Self'}, b: {}}", []string{`{"a":{"a":{"b":null}}}`}, []string{`{"a":{"a":{"a":1}}} dict_type`}},
		{
			"type: object\nrequired: [b]\nproperties:\n  a: {nullable: true, description: d, allOf: [{$ref: '#/components/schemas/Self'}]}\n  b: {type: integer, maximum: 3}",
			[]string{`{"b":1}`, `{"a":null,"b":1}`, `{"a":{"a":null,"b":2},"b":1}`},
			[]string{`{"a":{},"b":1} missing`, `{"a":{"a":{"b":4},"b":2},"b":1} less_than_equal`, `{"a":1,"b":1} dict_type`, `null model_attributes_type`},
		},
		{"type: array\nitems: {nullable: true, allOf: [{$ref: '#/components/schemas/Listed'}]}", []string{`["a",null]`}, []string{`["b"] literal_error`, "[1] string_type"}},
		{"type: array\nitems: {allOf: [{$ref: '#/components/schemas/Listed'}]}", []string{`["a"]`}, []string{"[null] string_type"}},
		{"oneOf: [{type: integer}, {nullable: true, allOf: [{$ref: '#/components/schemas/Listed'}]}]", []string{"1", `"a"`, "null"}, []string{`"b" literal_error`}},
		{
			"oneOf: [{type: string}, {type: array, items: {$ref: '#/components/schemas/Self'}}]",
			[]string{`"a"`, `[]`, `["a",[["b"],[]]]`},
			[]string{`1 union_error`, `[[[1]]] union_error`, `[[],{"a":1}] union_error`},
		},
		{"oneOf: [{type: integer, minimum: 1}, {type: boolean}, {type: object}]", []string{"1", "true", "{}"}, []string{"0 greater_than_equal", `"a" union_error`}},
		{"{}", []string{"null", "[1]", "1"}, []string{`{"a":1,"a":1} duplicate_key`}},
	}
	for _, test := range tests {
		p, err := compileYAML(t, test.schema)
		if err != nil {
			t.Errorf("%s: %v", test.schema, err)
			continue
		}
		for _, document := range test.accepted {
			if got := violations(t, p, document); got != nil {
				t.Errorf("%s: %s gives %v", test.schema, document, got)
			}
		}
		for _, refused := range test.refused {
			at := strings.LastIndexByte(refused, ' ')
			if got := violations(t, p, refused[:at]); len(got) != 1 || got[0].Type != refused[at+1:] {
				t.Errorf("%s: %s gives %v", test.schema, refused, got)
			}
		}
	}
}

func TestBounds(t *testing.T) {
	p, err := compileYAML(t, "type: array\nx-max-depth: 3\nx-max-violations: 2\nitems: {type: array, items: {type: string}}")
	if err != nil {
		t.Fatal(err)
	}
	got := violations(t, p, "[1,2,3,4]")
	want := append(one("list_type", msgList, 0), one("list_type", msgList, 1)...)
	want = append(want, one("too_many_violations", "… and 2 more")...)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(one("json_invalid", "JSON decode error: nesting deeper than 3", 4), violations(t, p, "[[ [[]]]]")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := violations(t, p, `[["a"],[]]`); got != nil {
		t.Errorf("two levels: %v", got)
	}

	unlimited, err := compileYAML(t, "{}")
	if err != nil {
		t.Fatal(err)
	}
	for depth, ok := range map[int]bool{defaultMaxDepth: true, defaultMaxDepth + 1: false} {
		if got := violations(t, unlimited, strings.Repeat("[", depth)+strings.Repeat("]", depth)); (got == nil) != ok {
			t.Errorf("%d levels: %v", depth, got)
		}
	}
}

func TestManyProperties(t *testing.T) {
	schema := func(n int) string {
		text := "type: object\nproperties:\n"
		for i := range n {
			text += fmt.Sprintf("  p%d: {type: string}\n", i)
		}
		return text + fmt.Sprintf("required: [p%d]", n-1)
	}
	p, err := compileYAML(t, schema(64))
	if err != nil {
		t.Fatal(err)
	}
	if got := violations(t, p, `{"p63":"a"}`); got != nil {
		t.Errorf("the last property: %v", got)
	}
	if diff := cmp.Diff(one("missing", "Field required", "p63"), violations(t, p, `{}`)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, err := compileYAML(t, schema(65)); err == nil {
		t.Error("65 properties compile")
	}
}
