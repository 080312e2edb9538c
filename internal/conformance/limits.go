package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/specgate/specgate/gen"
)

// edge is a limit of the contract: a value of a field at it, and one just past it, as JSON.
type edge struct {
	id, pointer string
	field       string
	at, past    string
}

// limitCases hold an endpoint to each limit of the contract, at it and past it.
func (s *Suite) limitCases() []Case {
	var all []Case
	for _, e := range s.edges() {
		at, past := e.fields(e.at), e.fields(e.past)
		if e.field == "model" {
			all = append(all, s.modelEdge(e)...)
			continue
		}
		if s.keeps(past) || !s.keeps(at) { // another branch takes it
			continue
		}
		c := required("limits/"+e.id+"-at", e.says(e.at)+" is within its limit.", e.pointer, accepted(at))
		if c.late = len(at) > manyBytes; c.late || e.id == "n-maximum" {
			c.try = orFewer(c.try)
		}
		over := required("limits/"+e.id+"-past", e.says(e.past)+" is past its limit.", e.pointer, refused(past))
		over.late = c.late || e.field == "max_tokens"
		all = append(all, c, over)
	}
	return all
}

// manyBytes tells a request for a great many prompts from others.
const manyBytes = 4 << 10

// fields are a request with the field at a value.
func (e edge) fields(value string) string {
	return strings.ReplaceAll(with(e.field, value), "In the fields", "At the limit")
}

func (e edge) says(value string) string {
	if len(value) > 40 {
		return fmt.Sprintf("a %s of %d items", e.field, strings.Count(value, ",")+1)
	}
	return e.field + " " + value
}

// orFewer is for requests of so many choices that a backend may admit fewer, as the contract says of the
// prompt.
func orFewer(try func(*trial) error) func(*trial) error {
	return func(t *trial) error {
		err := try(t)
		if err != nil && len(t.exchanges) > 0 && t.exchanges[0].admitsFewer() {
			return unsupported("so many choices at one time")
		}
		return err
	}
}

// admitsFewer reports whether a request was refused as the contract has it for how many choices it asks for,
// and for nothing else.
func (x *Exchange) admitsFewer() bool {
	var refusal gen.ValidationError
	if !x.sound || x.Status != http.StatusUnprocessableEntity || json.Unmarshal(x.Got, &refusal) != nil || len(refusal.Detail) != 1 {
		return false
	}
	v := refusal.Detail[0]
	return v.Type == "value_error" && slices.Contains([]string{"body.prompt", "body.n"}, dotted(v.Loc))
}

// modelEdge is told by the answer: a name of the right length is of a model that is not there.
func (s *Suite) modelEdge(e edge) []Case {
	body := func(value string) string { return `{"model":` + value + `,"prompt":"At the limit","max_tokens":1}` }
	length := fmt.Sprintf("A model's name of %d characters", len(e.at)-2)
	tooFar := fmt.Sprintf("A model's name of %d characters", len(e.past)-2)
	return []Case{
		required("limits/"+e.id+"-at", length+" is within its limit.", e.pointer, func(t *trial) error {
			x, err := t.completions(body(e.at))
			if x.Status == http.StatusNotFound {
				return err
			}
			return orElse(err, x.mustBe(http.StatusOK))
		}),
		required("limits/"+e.id+"-past", tooFar+" is past its limit.", e.pointer, malformed(body(e.past))),
	}
}

// edges walks through the fields of a request.
func (s *Suite) edges() []edge {
	var all []edge
	for _, name := range slices.Sorted(maps.Keys(s.fields())) {
		w := walk{field: name, id: name, wrap: func(value string) string { return value }}
		all = append(all, w.edges(s.fields()[name], askedField+name)...)
	}
	return all
}

// walk is at a schema within a field; wrap makes a value of the field of one that the schema is for.
type walk struct {
	field, id string
	wrap      func(value string) string
}

func (w walk) edges(ref *openapi3.SchemaRef, pointer string) []edge {
	schema, pointer := ref.Value, pointerOf(ref, pointer)
	var all []edge
	add := func(keyword, name, at, past string) {
		all = append(all, edge{w.id + "-" + name, pointer + "/" + keyword, w.field, w.wrap(at), w.wrap(past)})
	}
	for i, branch := range schema.OneOf {
		in := walk{w.field, w.id + "-" + strings.ToLower(branch.Value.Title), w.wrap}
		all = append(all, in.edges(branch, fmt.Sprintf("%s/oneOf/%d", pointer, i))...)
	}
	switch {
	case schema.Type.Is(openapi3.TypeInteger), schema.Type.Is(openapi3.TypeNumber):
		numberEdges(schema, add)
	case schema.Type.Is(openapi3.TypeString):
		text := func(n int) string { return `"` + strings.Repeat("m", n) + `"` }
		sized{"Length", "length", schema.MinLength, schema.MaxLength, text}.edges(add)
	case schema.Type.Is(openapi3.TypeArray):
		list := func(n int) string {
			return "[" + strings.TrimSuffix(strings.Repeat(sample(schema.Items)+",", n), ",") + "]"
		}
		sized{"Items", "items", schema.MinItems, schema.MaxItems, list}.edges(add)
		in := walk{w.field, w.id + "-item", func(value string) string { return w.wrap("[" + value + "]") }}
		all = append(all, in.edges(schema.Items, pointer+"/items")...)
	case schema.AdditionalProperties.Schema != nil:
		in := walk{w.field, w.id + "-value", func(value string) string { return w.wrap(`{"65":` + value + `}`) }}
		all = append(all, in.edges(schema.AdditionalProperties.Schema, pointer+"/additionalProperties")...)
	}
	return all
}

func numberEdges(schema *openapi3.Schema, add func(keyword, name, at, past string)) {
	step := 1.0
	if schema.Type.Is(openapi3.TypeNumber) {
		step = 0.01
	}
	if schema.Min != nil {
		add("minimum", "minimum", number(*schema.Min), number(*schema.Min-step))
	}
	if schema.Max != nil {
		add("maximum", "maximum", number(*schema.Max), number(*schema.Max+step))
	}
	if schema.Min == nil && schema.Max == nil && schema.Format == "int64" {
		add("format", "least", strconv.Itoa(math.MinInt64), "-9223372036854775809")
		add("format", "greatest", strconv.Itoa(math.MaxInt64), "9223372036854775808")
	}
}

func number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// sized is what the contract bounds the length of.
type sized struct {
	keyword, name string
	least         uint64
	most          *uint64
	value         func(int) string
}

func (z sized) edges(add func(keyword, name, at, past string)) {
	if z.least > 0 {
		add("min"+z.keyword, "least-"+z.name, z.value(int(z.least)), z.value(int(z.least)-1))
	}
	if z.most != nil {
		add("max"+z.keyword, "most-"+z.name, z.value(int(*z.most)), z.value(int(*z.most)+1))
	}
}

// sample is a value that an item may have.
func sample(items *openapi3.SchemaRef) string {
	switch {
	case items.Value.Type.Is(openapi3.TypeArray):
		return "[" + sample(items.Value.Items) + "]"
	case items.Value.Type.Is(openapi3.TypeString):
		return `"a"`
	default:
		return "65"
	}
}
