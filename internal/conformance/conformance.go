// Package conformance holds any endpoint to the contract: it sends what openapi.yaml speaks of, and tells
// where what comes back is not what the file says. It owns the cases, their run and the reports on them;
// the limits, rules and shapes that a case goes by are read from the file. It must never know what stands
// behind an endpoint, and shows its key to nobody else.
package conformance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/specgate/specgate/internal/contract"
)

// Level is how much a case weighs.
type Level string

// Required is what the schema and its x-rules demand of everybody. Quality is how well an endpoint
// samples, which the contract describes and does not promise.
const (
	Required Level = "required"
	Quality  Level = "quality"
)

// Case is one thing that the contract says, and a way to see whether an endpoint does it.
type Case struct {
	ID      string // group/name
	Level   Level
	Says    string // what the contract says, in a sentence
	Pointer string // where openapi.yaml says it, as a JSON pointer
	try     func(*trial) error
	late    bool // may keep an endpoint busy for so long that the others should be over before
}

// Group is the part of the id before the slash.
func (c *Case) Group() string {
	group, _, _ := strings.Cut(c.ID, "/")
	return group
}

// Suite is the cases of one contract. It may be run any number of times.
type Suite struct {
	title, version string
	doc            *openapi3.T
	request        *contract.Program
	answers        map[*openapi3.Schema]*contract.Program // by what a response's content refers to
	chunk, broken  *contract.Program                      // what the data of an event is; broken is an Error
	model          string                                 // that the contract takes, for what is said before there is an endpoint
	cases          []Case
	leftOut        []string
}

// New reads the contract, an openapi.yaml, and makes its cases. It fails where the file has not what a
// contract for completions has.
func New(spec []byte) (*Suite, error) {
	doc, err := contract.Load(spec)
	if err != nil {
		return nil, err
	}
	s := &Suite{title: doc.Info.Title, version: doc.Info.Version, doc: doc, answers: map[*openapi3.Schema]*contract.Program{}}
	if err := s.compile(); err != nil {
		return nil, err
	}
	s.model = s.someModel()
	for _, group := range []func() []Case{
		s.modelCases, s.promptCases, s.fieldCases, s.limitCases, s.ruleCases, s.samplingCases, s.logprobsCases,
		s.choiceCases, s.echoCases, s.streamCases, s.answerCases, s.errorCases, s.headerCases, s.robustnessCases,
	} {
		for _, c := range group() {
			s.take(c)
		}
	}
	return s, s.miss(spec)
}

// Cases are the suite's, group by group.
func (s *Suite) Cases() []Case { return slices.Clone(s.cases) }

// Groups are the names of the groups, in the order of the cases.
func (s *Suite) Groups() []string {
	var all []string
	for i := range s.cases {
		if group := s.cases[i].Group(); !slices.Contains(all, group) {
			all = append(all, group)
		}
	}
	return all
}

// compile makes the programs that requests, answers and events are held to.
func (s *Suite) compile() (err error) {
	post := s.operation("/v1/completions")
	if post == nil || post.RequestBody == nil || post.RequestBody.Value.Content.Get(jsonMedia) == nil {
		return fmt.Errorf("the contract has no POST /v1/completions with a body of %s", jsonMedia)
	}
	if s.request, err = contract.Compile(post.RequestBody.Value.Content.Get(jsonMedia).Schema); err != nil {
		return err
	}
	for name, program := range map[string]**contract.Program{"CompletionChunk": &s.chunk, "Error": &s.broken} {
		if *program, err = contract.Compile(s.doc.Components.Schemas[name]); err != nil {
			return fmt.Errorf("schema %s: %w", name, err)
		}
	}
	for _, path := range s.doc.Paths.Map() {
		for _, operation := range path.Operations() {
			if err := s.compileAnswers(operation); err != nil {
				return fmt.Errorf("operation %s: %w", operation.OperationID, err)
			}
		}
	}
	return nil
}

func (s *Suite) compileAnswers(operation *openapi3.Operation) error {
	for _, response := range operation.Responses.Map() {
		content := response.Value.Content.Get(jsonMedia)
		if content == nil || content.Schema == nil || s.answers[content.Schema.Value] != nil {
			continue
		}
		program, err := contract.Compile(content.Schema)
		if err != nil {
			return err
		}
		s.answers[content.Schema.Value] = program
	}
	return nil
}

// operation is the first that the contract has at a path: of those that there are, each has one.
func (s *Suite) operation(path string) *openapi3.Operation {
	item := s.doc.Paths.Value(path)
	if item == nil {
		return nil
	}
	for _, operation := range item.Operations() {
		return operation
	}
	return nil
}

// fields are the properties of a request.
func (s *Suite) fields() openapi3.Schemas { return s.requestSchema().Properties }

func (s *Suite) requestSchema() *openapi3.Schema {
	return s.operation("/v1/completions").RequestBody.Value.Content.Get(jsonMedia).Schema.Value
}

// Where things stand in openapi.yaml.
const (
	schemas     = "/components/schemas"
	asked       = schemas + "/CompletionRequest"
	askedField  = asked + "/properties/"
	post        = "/paths/~1v1~1completions/post"
	errorAnswer = "/components/responses/"

	jsonMedia   = "application/json"
	streamMedia = "text/event-stream"
)

func required(id, says, pointer string, try func(*trial) error) Case {
	return Case{ID: id, Level: Required, Says: says, Pointer: pointer, try: try}
}

func quality(id, says, pointer string, try func(*trial) error) Case {
	return Case{ID: id, Level: Quality, Says: says, Pointer: pointer, try: try}
}

// endless marks a case whose text has no end, where an endpoint does not keep the limit that it is about.
func endless(c Case) Case {
	c.late = true
	return c
}
