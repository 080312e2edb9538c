package contract

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json/jsontext"
)

// generator builds documents that come close to a schema: each byte of the choices decides one thing.
// Random bytes alone would hardly ever get beyond the syntax. Once the choices are used up it takes
// the plainest way, and so comes to an end.
type generator struct {
	choices []byte
	out     []byte
	room    int // bytes up to which it goes on adding
	blank   string
	sound   bool // whether all of it is well-formed
	tidy    bool // whether little is wrong, and no key stands twice in an object
}

// generate returns the document that choices stand for.
func generate(schema *openapi3.Schema, choices []byte) []byte {
	g := &generator{choices: choices, room: 8 << 10}
	g.blank = pick(g, "", "", "", " ", "\n", " \t\r\n ")
	g.sound, g.tidy = g.below(8) != 1, g.below(2) == 1
	g.value(schema, 0)
	if !g.sound && g.below(2) == 1 {
		g.damage()
	}
	return g.out
}

// below makes a choice among n; 0 when there are no more.
func (g *generator) below(n int) int {
	if len(g.choices) == 0 {
		return 0
	}
	c := int(g.choices[0])
	g.choices = g.choices[1:]
	return c % n
}

func pick[T any](g *generator, options ...T) T { return options[g.below(len(options))] }

// pickBad is pick, of malformed options too unless the document is to be sound.
func (g *generator) pickBad(good, bad []string) string {
	if g.sound {
		return pick(g, good...)
	}
	return pick(g, slices.Concat(good, bad)...)
}

func (g *generator) rarely() bool {
	if g.tidy {
		return g.below(128) == 1
	}
	return g.below(16) == 1
}

func (g *generator) write(text string) { g.out = append(g.out, text...) }

func (g *generator) value(schema *openapi3.Schema, depth int) {
	g.write(g.blank)
	switch {
	case len(g.out) > g.room:
		g.write("0")
	case schema == nil || g.rarely():
		g.anything(depth)
	case schema.Nullable && g.rarely():
		g.write("null")
	case schema.OneOf != nil:
		g.union(schema, depth)
	default:
		g.typed(aliased(schema), depth)
	}
	g.write(g.blank)
}

func (g *generator) typed(schema *openapi3.Schema, depth int) {
	switch (*schema.Type)[0] {
	case "object":
		g.object(schema, depth)
	case "array":
		g.array(schema, schema.Items.Value, depth)
	case "string":
		g.text(schema)
	case "boolean":
		g.write(g.pickBad([]string{"true", "false", "true", "0", `"true"`}, []string{"False"}))
	default:
		g.number(schema)
	}
}

// union writes a value of one branch, now and then with an item of another.
func (g *generator) union(schema *openapi3.Schema, depth int) {
	branch := pick(g, schema.OneOf...).Value
	if !branch.Type.Is("array") || !g.rarely() {
		g.typed(branch, depth)
		return
	}
	other := pick(g, schema.OneOf...).Value
	if other.Items != nil {
		other = other.Items.Value
	}
	g.array(branch, other, depth)
}

// array writes items, the last of another schema. Sizes lie around the limits.
func (g *generator) array(schema, last *openapi3.Schema, depth int) {
	size := g.below(6)
	if most := schema.MaxItems; most != nil && g.rarely() {
		size = int(*most) + g.below(3) - 1
	}
	if schema.MaxItems == nil && g.rarely() {
		size = 15 + g.below(70)
	}
	if size > 14 {
		g.write("[" + strings.Repeat(pick(g, "1,", `"a",`, "[1],", "1 ,", "{},", "null,"), size-1))
	} else {
		g.write("[" + g.blank)
		for range size - 1 {
			g.value(schema.Items.Value, depth+1)
			g.write(",")
			g.gap()
		}
	}
	if size > 0 {
		g.value(last, depth+1)
	}
	g.write("]")
}

// gap writes what may look like a blank.
func (g *generator) gap() {
	if !g.sound {
		g.write(pick(g, "", "", "", "", " ", "  ", "\x00", "\x0b", "\f", "\x1f", "\u00a0", "\u2028", "/**/"))
	}
}

// object writes the required members, most of the time, and some others.
func (g *generator) object(schema *openapi3.Schema, depth int) {
	names := declared(schema)
	g.write("{" + g.blank)
	separator := ""
	have := map[string]bool{}
	add := func(key string, value *openapi3.Schema) {
		if g.tidy && have[key] {
			return
		}
		have[key] = true
		g.write(separator + key + g.blank + ":")
		g.value(value, depth+1)
		separator = ","
	}
	for _, name := range schema.Required {
		if !g.rarely() {
			add(g.quoted(name), under(schema, name))
		}
	}
	if len(names) == 0 && g.rarely() {
		value := pick(g, "0", "101", "null", `{"a":1,"a":2}`)
		for i := range 30 + g.below(40) {
			g.write(separator + fmt.Sprintf(`"k%d":%s`, i, value))
			separator = ","
		}
	}
	for range g.below(8) {
		if len(g.out) > g.room {
			break
		}
		if len(names) == 0 || g.below(4) == 1 {
			add(g.freeKey(schema), under(schema, "\x00 none"))
			g.gap()
			continue
		}
		name := pick(g, names...)
		value := under(schema, name)
		if g.rarely() {
			name = foldedDifferently(name, g.below(len(name)))
		}
		add(g.quoted(name), value)
	}
	g.write("}")
}

// declared returns the names of the properties in the order of the spec.
func declared(schema *openapi3.Schema) []string {
	var names []string
	for name := range schema.Properties {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return line(schema, a) - line(schema, b) })
	return names
}

// line is where a property stands in the spec.
func line(schema *openapi3.Schema, name string) int { return schema.Properties[name].Origin.Key.Line }

// quoted is a key, now and then with an escape.
func (g *generator) quoted(key string) string {
	if key != "" && key[0] < 0x80 && g.rarely() {
		return fmt.Sprintf(`"\u%04x%s"`, key[0], key[1:])
	}
	quoted, _ := jsontext.AppendQuote(nil, key)
	return string(quoted)
}

// foldedDifferently replaces the letter at i by the next that simple folding holds for the same.
func foldedDifferently(name string, i int) string {
	return name[:i] + string(unicode.SimpleFold(rune(name[i]))) + name[i+1:]
}

func (g *generator) freeKey(schema *openapi3.Schema) string {
	if len(schema.Properties) == 0 && !g.rarely() {
		return `"` + strconv.Itoa(g.below(12)) + `"`
	}
	return g.pickBad([]string{
		`"x"`, `"x"`, `"top_k"`, `""`, `"1"`, `"\u0031"`, `"é"`, `"\u00e9"`, `"\ud83d\ude00"`, `"😀"`, `"1 "`, `"１"`, `"\u0000"`, `"model "`,
		`"a\"b\\c"`, `"\""`, `"\\"`, `"\u0022"`, `"\\\""`, `"a"`, `"a\":"`, `"a\\"`, `"a\"b"`, `"error"`, `"` + strings.Repeat("1", 64) + strconv.Itoa(g.below(3)) + `"`, `"` + strings.Repeat("ключ", 16) + strconv.Itoa(g.below(3)) + `"`,
	}, []string{`"\ud800"`, "\"\xff\"", "1", "'x'"})
}

func (g *generator) text(schema *openapi3.Schema) {
	if len(schema.Enum) > 0 && !g.rarely() {
		g.write(pick(g, literals(schema)...))
		return
	}
	if schema.MaxLength != nil && g.rarely() {
		g.write(`"` + strings.Repeat(pick(g, "a", "é", "😀", `\u00e9`, `\ud83d\ude00`, `\n`), int(*schema.MaxLength)+g.below(3)-1) + `"`)
		return
	}
	g.write(g.pickBad(
		[]string{
			`"m"`, `"p"`, `""`, `"é"`, `"\u00e9\u0000"`, `"\"\\\/\b\f\n\r\t"`, `"\ud83d\ude00"`, "\"\u2028\"", `"stop "`, `"STOP"`, `" "`,
			"\"\x7f\"", `"1"`,
		},
		[]string{`"\ud800"`, `"\udc00\ud800"`, `"\ud800\u0041"`, "\"\xed\xa0\x80\"", "\"\x1f\"", `"\x"`, `"`}))
}

// literals returns what an enum lists, as JSON.
func literals(schema *openapi3.Schema) []string {
	var list []string
	for _, value := range schema.Enum {
		text, isText := value.(string)
		quoted, _ := jsontext.AppendQuote(nil, text)
		if !isText {
			quoted = []byte("null")
		}
		list = append(list, string(quoted))
	}
	return list
}

// number writes one that lies at a limit, right beside it or far beyond, in one of many ways.
func (g *generator) number(schema *openapi3.Schema) {
	limits := []string{"0", "1", "9223372036854775807", "-9223372036854775808"}
	for _, limit := range []*float64{schema.Min, schema.Max} {
		if limit != nil {
			limits = append(limits, strconv.FormatFloat(*limit, 'f', -1, 64))
		}
	}
	limit := pick(g, limits...)
	switch g.below(12) {
	case 1:
		g.write(limit + ".0")
	case 2:
		zeros := pick(g, "0e-1", "00E-2")
		if limit == "0" {
			zeros = "e5"
		}
		g.write(limit + pick(g, "e0", "E+0", "e-0", zeros, "e1", "e-1", "E400", "e-400", "e99999999999999999999", "e-99999999999999999999"))
	case 3:
		g.write(limit + "." + strings.Repeat("0", g.below(40)) + pick(g, "1", "0", "5", "10e1", "1e40"))
	case 4:
		whole, _ := new(big.Int).SetString(limit, 10)
		g.write(whole.Add(whole, big.NewInt(int64(g.below(3)-1))).String())
	case 5:
		g.write("-" + strings.TrimPrefix(limit, "-"))
	case 6:
		g.digits()
	case 7:
		g.write(pick(g, "-0", "-0.0", "0e5", "0.5", "1.5", "-1", "2e0", "1.9999999999999999999999", "2.00000000000000000001", "2.00000000000000000002", "1e-400", "-1e400",
			"17976931348623157e292", "1.7976931348623158e308", "1.7976931348623159e308", "-1.7976931348623158e308", "-1.7976931348623159e308", "4503599627370496.5", "9007199254740993"))
	case 8:
		g.write(g.pickBad([]string{"0"}, []string{"01", "-01", "1.", ".5", "+1", "1e", "1e+", "-", "NaN", "Infinity", "0x1", "00", "1_0", "1e5e", "1.5.5"}))
	default:
		g.write(limit)
	}
}

// digits writes a number that looks like none in particular.
func (g *generator) digits() {
	g.write(pick(g, "", "-") + g.pickBad([]string{"1", "9", "20", "128"}, []string{"0"}))
	for range g.below(24) {
		g.write(pick(g, "0", "9", "1", "5"))
	}
	if g.below(2) == 1 {
		g.write(".")
		for range 1 + g.below(24) {
			g.write(pick(g, "0", "9", "1", "5"))
		}
	}
	g.write(pick(g, "", "", "", "e", "E+", "e-"))
	if last := g.out[len(g.out)-1]; last < '0' || last > '9' {
		g.write(strconv.Itoa(g.below(64)))
	}
}

// anything writes a value that no schema asks for.
func (g *generator) anything(depth int) {
	switch g.below(8) {
	case 1:
		g.write(g.pickBad(
			[]string{"0", "null", "true", "false", `"x"`, "[]", "{}", "1e400", "-0.5", `["a",1]`, "[1,null]", `[[1],["a"]]`, "[[]]", "5"},
			[]string{"nul", "tru", "]", ""}))
	case 2:
		g.text(&openapi3.Schema{})
	case 3:
		g.number(&openapi3.Schema{})
	case 4:
		g.write(`{"a":1,"b":{"a":1},"a":2,"\u0061":3}`)
	case 5:
		g.nested(depth)
	case 6:
		g.object(&openapi3.Schema{}, depth)
	default:
		g.write("null")
	}
}

// nested writes containers around the limit of depth.
func (g *generator) nested(depth int) {
	levels := pick(g, 1, 63, 64, 65, 66, 62) - g.below(2)*depth
	if pick(g, true, false) {
		g.write(strings.Repeat("[", max(levels, 0)) + strings.Repeat("]", max(levels, 0)))
		return
	}
	g.write(strings.Repeat(`{"a":`, max(levels, 0)) + "0" + strings.Repeat("}", max(levels, 0)))
}

// damage breaks a document at one place.
func (g *generator) damage() {
	at := (g.below(256)<<8 | g.below(256)) % (len(g.out) + 1)
	switch g.below(6) {
	case 1:
		g.out = g.out[:at]
	case 2:
		g.out = slices.Insert(g.out, at, byte(g.below(256)))
	case 3:
		g.out = slices.Insert(g.out, at, []byte(pick(g, "\ufeff", "\x00", "[", "}", ",", ":", `"`, "\\", "//", "\u00a0", "0", "1", "-", "e", "."))...)
	case 4:
		if at < len(g.out) {
			g.out[at] = byte(g.below(256))
		}
	case 5:
		if at < len(g.out) {
			g.out = slices.Delete(g.out, at, at+1)
		}
	default:
		g.write(pick(g, "{}", "\x00", " ", "x", ","))
	}
}
