package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	liberrors "github.com/pb33f/libopenapi-validator/errors"
	"github.com/pb33f/libopenapi-validator/paths"
	"github.com/pb33f/libopenapi-validator/schema_validation"
	"github.com/pb33f/libopenapi/datamodel/high/base"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
)

// judge is the other tool, for one contract.
type judge struct {
	whole   validator.Validator
	single  schema_validation.SchemaValidator
	model   *v3.Document
	schemas map[string]*base.Schema
	reasons reasons
}

func newJudge(file string) (*judge, error) {
	text, err := os.ReadFile(file) //nolint:gosec // beside the records
	if err != nil {
		return nil, err
	}
	doc, err := libopenapi.NewDocument(text)
	if err != nil {
		return nil, err
	}
	model, err := doc.BuildV3Model()
	if err != nil {
		return nil, err
	}
	options := []config.Option{config.WithFormatAssertions(), config.WithCustomFormat("int64", int64Format)}
	j := &judge{
		whole:   validator.NewValidatorFromV3Model(&model.Model, options...),
		single:  schema_validation.NewSchemaValidator(options...),
		model:   &model.Model,
		schemas: map[string]*base.Schema{},
	}
	for name, proxy := range model.Model.Components.Schemas.FromOldest() {
		j.schemas[name] = proxy.Schema()
	}
	j.reasons, err = newReasons(j.schemas)
	return j, err
}

// int64Format is what the format says; JSON Schema leaves it to whoever asks. Of the two limits float64 has
// one, and takes 2^63 for the other.
func int64Format(v any) error {
	const limit = 1 << 63
	if n, ok := v.(float64); ok && (n > limit || n < -limit) {
		return fmt.Errorf("%g is not an int64", n)
	}
	return nil
}

// judge looks at one exchange, and counts it.
func (j *judge) judge(e *exchange, c *counts) error {
	c.exchanges++
	r, err := e.request()
	if err != nil {
		return err
	}
	if !strings.HasPrefix(r.URL.Path, "/v1/") {
		c.elsewhere++
		return nil
	}
	for _, d := range differences {
		if d.mend != nil && d.mend(r) {
			c.differences[d.name]++
		}
	}
	if j.operation(r) == nil {
		j.noOperation(e, c)
		return nil
	}
	if err := j.judgeRequest(e, r, c); err != nil {
		return err
	}
	j.judgeAnswer(e, r, c)
	return nil
}

// noOperation is the answer to what the contract does not have: an error, or for OPTIONS the methods.
func (j *judge) noOperation(e *exchange, c *counts) {
	switch {
	case e.Method == http.MethodOptions && e.Status == http.StatusNoContent, e.Status == http.StatusMethodNotAllowed:
		if e.Answer.Header.Get("Allow") == "" {
			c.disagree(e, "no Allow")
		}
	case e.Status < http.StatusBadRequest:
		c.disagree(e, "the contract has no such operation")
	}
	if e.Status >= http.StatusBadRequest && e.Method != http.MethodHead && e.Broken == "" {
		c.answers++
		j.hold(e, "Error", e.Answer.Body, c)
	}
}

// largest is the size of a request that is judged; of a larger one that is refused only the form of the
// refusal is. Of one that fits no branch of a union the other tool writes down each item that does not, which
// for 16 MiB of token ids takes it minutes, and the machine's memory.
const largest = 1 << 20

// judgeRequest: what went on is valid to the other tool too, and each violation that a 422 names is one that
// the other tool finds, or one of what OpenAPI has no words for, which the body then has.
func (j *judge) judgeRequest(e *exchange, r *http.Request, c *counts) error {
	if e.Unsent || e.Status >= http.StatusMultipleChoices && e.Status != http.StatusUnprocessableEntity {
		return nil
	}
	var refused *refusal
	if e.Status == http.StatusUnprocessableEntity {
		var err error
		if refused, err = readRefusal(e.Answer.Body); err != nil {
			c.disagree(e, "%v", err)
			return nil
		}
		if refused.isBackends(j.reasons.types) {
			refused = nil
		} else if wrong := refused.form(); wrong != "" {
			c.disagree(e, "%s", wrong)
			return nil
		}
	}
	if len(e.plain()) > largest {
		c.larger++
		return nil
	}
	c.requests++
	t, err := j.try(e, r)
	if err != nil {
		return err
	}
	if refused == nil {
		t.judgeAccepted(c)
	} else {
		t.judgeRefused(refused, c)
	}
	return nil
}

// judgeAnswer holds an answer to what the contract has for its status, and events to their schemas.
func (j *judge) judgeAnswer(e *exchange, r *http.Request, c *counts) {
	if e.StandIn && e.Status < http.StatusMultipleChoices {
		return
	}
	if e.streamed() {
		j.judgeEvents(e, c)
	}
	if e.Broken != "" {
		return
	}
	c.answers++
	response := e.response()
	defer func() { _ = response.Body.Close() }()
	if valid, found := j.whole.ValidateHttpResponse(r, response); !valid {
		c.disagree(e, "the answer: %s", said(found))
	}
}

func (j *judge) judgeEvents(e *exchange, c *counts) {
	events, others := e.events()
	for _, block := range others {
		c.disagree(e, "no event: %q", block)
	}
	for _, data := range events {
		c.events++
		if data == "[DONE]" {
			continue
		}
		schema := "CompletionChunk"
		var keys map[string]json.RawMessage
		if json.Unmarshal([]byte(data), &keys) == nil && len(keys) == 1 && keys["error"] != nil {
			schema = "Error"
		}
		j.hold(e, schema, []byte(data), c)
	}
}

func (j *judge) hold(e *exchange, schema string, text []byte, c *counts) {
	if valid, found := j.single.ValidateSchemaBytesWithVersion(j.schemas[schema], text, 3.0); !valid {
		c.disagree(e, "%s is no %s: %s", abridged(text), schema, said(found))
	}
}

// operation is what a request asks of the contract; nil for nothing that it has.
func (j *judge) operation(r *http.Request) *v3.Operation {
	item, _, _ := paths.FindPath(r, j.model, nil)
	if item == nil {
		return nil
	}
	return item.GetOperations().GetOrZero(strings.ToLower(r.Method))
}

func said(found []*liberrors.ValidationError) string {
	var all []string
	for _, f := range found {
		all = append(all, f.Message+": "+f.Reason)
		for _, s := range f.SchemaValidationErrors {
			all = append(all, fmt.Sprintf("%v %s", s.FieldPath, s.Reason))
		}
	}
	return strings.Join(all, "; ")
}
