package contract

import (
	"math"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/specgate/specgate/gen"
)

// oracle says by other means than the program's what a schema of openapi.yaml accepts.
type oracle struct {
	name    string
	schema  *openapi3.Schema
	depth   int
	exact   bool // whether look-alikes of declared keys are refused
	plain   bool // whether integers have neither a point nor an exponent
	request bool // whether the rules of a request hold
	program *Program
}

// facts are those that the server asks for, and two that a document may hold anywhere.
var facts = map[string][]string{
	"CompletionRequest": {"model", "stream", "stream_options.include_usage", "top_k", "logit_bias"},
	"Completion":        {"model", "choices", "usage.total_tokens", "error"},
	"CompletionChunk":   {"model", "choices", "usage", "error"},
}

// strictRequest is no schema of openapi.yaml: a request where undeclared fields are refused, as an overlay
// may have it.
const strictRequest = "strict request"

// everything is no schema of openapi.yaml either: it has what that does without.
const everything = "Everything"

const everythingSpec = `
openapi: 3.0.3
info: {title: everything, version: '1'}
paths: {}
components:
  schemas:
    Everything:
      type: object
      x-exact-keys: true
      x-max-depth: 64
      required: [a, b]
      additionalProperties: false
      properties:
        a: {type: integer, format: int32, minimum: -5, exclusiveMinimum: true}
        b:
          oneOf:
            - {type: string, maxLength: 3, pattern: '^[amp1]+$'}
            - type: object
              required: [x]
              properties:
                x: {type: number, maximum: 1, exclusiveMaximum: true}
              additionalProperties: {type: boolean}
            - {type: array, maxItems: 2, items: {$ref: '#/components/schemas/Inner'}}
            - {type: array, minItems: 1, items: {type: array, items: {type: number, minimum: 1}}}
            - {type: boolean, nullable: true}
        c: {type: string, nullable: true, enum: [x, m, null]}
        d: {type: array, minItems: 1, items: {$ref: '#/components/schemas/Inner'}}
        e: {nullable: true, allOf: [{$ref: '#/components/schemas/Inner'}]}
    Inner:
      type: object
      properties:
        y: {type: boolean}
        z: {$ref: '#/components/schemas/Inner'}
`

func newOracle(tb testing.TB, name string) *oracle {
	tb.Helper()
	spec := gen.Spec
	o := &oracle{name: name, depth: defaultMaxDepth}
	switch name {
	case everything:
		spec, o.depth = []byte(everythingSpec), 64
	case strictRequest, "CompletionRequest":
		o.request, o.depth = true, 64
	}
	ref := loadSpec(tb, spec).Components.Schemas[strings.Replace(name, strictRequest, "CompletionRequest", 1)]
	o.schema = ref.Value
	if name == strictRequest {
		no := false
		ref.Value.AdditionalProperties = openapi3.AdditionalProperties{Has: &no}
	}
	o.exact = ref.Value.Extensions["x-exact-keys"] == true
	o.plain = ref.Value.Extensions["x-plain-integers"] == true
	var err error
	if o.program, err = Compile(ref, facts[name]...); err != nil {
		tb.Fatalf("compile %s: %v", name, err)
	}
	return o
}

// all returns all violations of a document, of which Check gives the first.
func (o *oracle) all(tb testing.TB, document []byte) []Violation {
	tb.Helper()
	said := violations(tb, o.program, string(document))
	if said == nil || said[0].Type == "json_invalid" {
		return said
	}
	s := o.program.scanner()
	defer o.program.release(s)
	s.report = &report{limit: math.MaxInt}
	s.run(document)
	var list []Violation
	for i := range s.report.items {
		it := &s.report.items[i]
		list = append(list, it.failure.violation(s, it.frames))
	}
	return list
}

// accepts reports whether a document should be accepted.
func (o *oracle) accepts(document []byte) bool {
	if !jsontext.Value(document).IsValid() {
		return false
	}
	t, err := readTree(document)
	if err != nil || t.levels() > o.depth || !kinAccepts(o.schema, t) || !o.holds(o.schema, t) {
		return false
	}
	return !o.request || decimalKeys(t) && len(brokenRules(t)) == 0
}

func kinAccepts(schema *openapi3.Schema, t *tree) bool {
	return schema.VisitJSON(t.value(), openapi3.FailFast()) == nil
}

// holds reports whether the values keep what kin-openapi does not know of a schema that it accepts
// them under: exact limits of formats, how integers are written, and look-alike keys.
func (o *oracle) holds(schema *openapi3.Schema, t *tree) bool {
	switch {
	case schema == nil:
		return true
	case schema.OneOf != nil:
		for _, branch := range schema.OneOf {
			if kinAccepts(branch.Value, t) && !o.holds(branch.Value, t) {
				return false
			}
		}
		return true
	case t.kind == '0':
		return o.numberHolds(schema, t.raw)
	case o.exact && t.kind == '{' && slices.ContainsFunc(t.members, func(m member) bool { return lookalike(schema, m.key) }):
		return false
	}
	for part, child := range t.children {
		if !o.holds(under(schema, part), child) {
			return false
		}
	}
	return true
}

func (o *oracle) numberHolds(schema *openapi3.Schema, raw string) bool {
	if schema.Type.Is("number") {
		return schema.Format != "double" || inFloat64(raw)
	}
	return (!o.plain || !strings.ContainsAny(raw, ".eE") || !schema.Type.Is("integer")) &&
		(schema.Format != "int64" || exactly(raw).inInt64()) && (schema.Format != "int32" || exactly(raw).within("-2147483648", "2147483647"))
}

// under returns the schema of a member or an item, nil where nothing is said of it. Keys that are cut
// are no declared ones.
func under(schema *openapi3.Schema, part any) *openapi3.Schema {
	var ref *openapi3.SchemaRef
	key, isKey := part.(string)
	switch {
	case schema == nil:
		return nil
	case !isKey:
		ref = schema.Items
	case schema.Properties[key] != nil:
		ref = schema.Properties[key]
	default:
		ref = schema.AdditionalProperties.Schema
	}
	if ref == nil {
		return nil
	}
	return aliased(ref.Value)
}

// aliased returns the schema that a lone $ref below allOf stands for.
func aliased(schema *openapi3.Schema) *openapi3.Schema {
	if schema.AllOf == nil {
		return schema
	}
	same := *schema.AllOf[0].Value
	same.Nullable = same.Nullable || schema.Nullable
	return &same
}

// lookalike reports whether key is none that the schema declares, but equal to one under simple folding.
func lookalike(schema *openapi3.Schema, key string) bool {
	if schema.Properties[key] != nil {
		return false
	}
	for name := range schema.Properties {
		if fold(name) == fold(key) {
			return true
		}
	}
	return false
}

// fold maps every code point to the least of those that simple folding holds for the same.
func fold(text string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			least = min(least, other)
		}
		return least
	}, text)
}

// decimalKeys reports whether logit_bias has token ids alone for keys.
func decimalKeys(t *tree) bool {
	bias, _ := t.first("logit_bias")
	return bias == nil || !slices.ContainsFunc(bias.members, func(m member) bool { return !decimalKey(m.key) })
}

func decimalKey(key string) bool { return key != "" && strings.Trim(key, "0123456789") == "" }

// brokenRules returns the violations of the rules across fields. A rule says nothing where one of its
// fields stands twice or is of a kind that the field never has.
func brokenRules(t *tree) []Violation {
	var list []Violation
	broken := func(field, msg string) {
		list = append(list, Violation{Loc: []any{"body", field}, Type: "value_error", Msg: "Value error, " + msg})
	}
	bestOf, bestOfOK := ruleField(t, "best_of", "0")
	n, nOK := ruleField(t, "n", "0")
	stream, streamOK := ruleField(t, "stream", "tf")
	options, optionsOK := ruleField(t, "stream_options", "{")
	streamed := stream != nil && stream.kind == 't'
	one := exactly("1")
	if bestOfOK && nOK && bestOf != nil && n != nil {
		b, n := exactly(bestOf.raw), exactly(n.raw)
		if b.compare(n) <= 0 && (b.compare(one) != 0 || n.compare(one) != 0) {
			broken("best_of", "best_of must be greater than n")
		}
	}
	if bestOfOK && streamOK && bestOf != nil && streamed && exactly(bestOf.raw).compare(one) != 0 {
		broken("best_of", "best_of above 1 cannot be used with stream")
	}
	if optionsOK && streamOK && options != nil && !streamed {
		broken("stream_options", "stream_options is allowed only with stream set to true")
	}
	return list
}

// ruleField returns a field that is set, nil where it is absent or null; false where it cannot be
// understood.
func ruleField(t *tree, name, kinds string) (*tree, bool) {
	value, count := t.first(name)
	switch {
	case count == 0 || count == 1 && value.kind == 'n':
		return nil, true
	case count > 1 || !strings.Contains(kinds, string(rune(value.kind))):
		return nil, false
	}
	return value, true
}

// span is where the value of a fact stands; the zero Span where it is absent.
func span(t *tree, path string) Span {
	for name := range strings.SplitSeq(path, ".") {
		if t, _ = t.first(name); t == nil {
			return Span{}
		}
	}
	return Span{t.start, t.end}
}
