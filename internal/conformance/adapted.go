package conformance

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/contract"
)

// anyModel stands in the bodies that cases write out for the model that is asked, whichever that is: under a
// contract that lists its models, any other would be one more thing that is wrong.
const anyModel = `"model":"any"`

// named is a body with the model that is asked, or with one that the contract takes where there is none.
func (t *trial) named(body string) string {
	if !strings.Contains(body, anyModel) {
		return body
	}
	return strings.Replace(body, anyModel, t.suite.opening(t.asked(), body), 1)
}

// asked is the model that is asked, or one that the contract takes.
func (t *trial) asked() string { return cmp.Or(t.model, t.suite.model) }

// asking is a request with some fields beside a model that the contract takes.
func (s *Suite) asking(fields string) []byte {
	return []byte(`{` + s.opening(s.model, fields) + `,` + fields + `}`)
}

// opening is a model, and what else this contract requires of every request where the rest lacks it.
func (s *Suite) opening(model, rest string) string {
	members := `"model":` + quoted(model)
	for _, name := range s.requestSchema().Required {
		if key := quoted(name) + ":"; name != "model" && name != "prompt" && !strings.Contains(rest, key) {
			members += "," + key + s.exampleOf(name)
		}
	}
	return members
}

// exampleOf is a value that a required field has in the examples of the contract, which keep it.
func (s *Suite) exampleOf(name string) string {
	for _, example := range s.examples() {
		if raw, err := json.Marshal(example[name]); err == nil && example[name] != nil {
			return string(raw)
		}
	}
	return "null"
}

// demanded are the headers that this contract requires of a request, as its examples have them.
func (s *Suite) demanded() []string {
	var all []string
	for _, path := range s.doc.Paths.Map() {
		for _, operation := range path.Operations() {
			for _, ref := range slices.Concat(path.Parameters, operation.Parameters) {
				if p := ref.Value; p.In == openapi3.ParameterInHeader && p.Required && exampleFor(p) != nil {
					all = append(all, fmt.Sprintf("%s: %v", p.Name, exampleFor(p)))
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// exampleFor is a value that a header may have: its own example, or that of its schema.
func exampleFor(p *openapi3.Parameter) any {
	if p.Example == nil && p.Schema != nil {
		return p.Schema.Value.Example
	}
	return p.Example
}

// examples are the requests that the contract shows.
func (s *Suite) examples() []map[string]any {
	var all []map[string]any
	shown := s.operation("/v1/completions").RequestBody.Value.Content.Get(jsonMedia).Examples
	for _, key := range slices.Sorted(maps.Keys(shown)) {
		if example, ok := shown[key].Value.Value.(map[string]any); ok {
			all = append(all, example)
		}
	}
	return all
}

// someModel is a name that the contract takes for a model, where it says one.
func (s *Suite) someModel() string {
	const whatever = "any"
	names := []any{whatever}
	if field := s.fields()["model"]; field != nil {
		names = append(append(names, field.Value.Example), field.Value.Enum...)
	}
	for _, example := range s.examples() {
		names = append(names, example["model"])
	}
	for _, name := range names {
		if name, ok := name.(string); ok && s.takes(name) {
			return name
		}
	}
	return whatever
}

// takes reports whether the contract finds no fault with the name of a model.
func (s *Suite) takes(model string) bool {
	var invalid *contract.Invalid
	if !errors.As(s.request.Check([]byte(`{"model":`+quoted(model)+`,"prompt":"x"}`), nil), &invalid) {
		return true
	}
	return !slices.ContainsFunc(invalid.Violations, func(v contract.Violation) bool { return dotted(v.Loc) == "body.model" })
}

// take has a case among those of the suite, unless it expects something else than this contract does of what
// it sends first.
func (s *Suite) take(c Case) {
	t := &trial{endpoint: &endpoint{model: s.model}, suite: s, of: &c, ctx: context.Background(), rehearsal: true}
	if errors.Is(c.try(t), errForeign) {
		s.leftOut = append(s.leftOut, c.ID)
		return
	}
	s.cases = append(s.cases, c)
}

// miss adds to what was left out the cases of the published contract that this one gave no rise to.
func (s *Suite) miss(spec []byte) error {
	if bytes.Equal(spec, gen.Spec) {
		return nil
	}
	published, err := New(gen.Spec)
	if err != nil {
		return err
	}
	for _, c := range published.cases {
		if s.place(c.ID) < 0 && !slices.Contains(s.leftOut, c.ID) {
			s.leftOut = append(s.leftOut, c.ID)
		}
	}
	slices.SortStableFunc(s.leftOut, func(a, b string) int { return published.place(a) - published.place(b) })
	return nil
}

// LeftOut are the ids of the cases that the published contract has, and that this one, which was adapted, has
// otherwise.
func (s *Suite) LeftOut() []string { return slices.Clone(s.leftOut) }
