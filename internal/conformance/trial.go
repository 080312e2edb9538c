package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/specgate/specgate/gen"
)

// trial is one run of a case. What it returns as an error is a deviation, but for notApplicable.
type trial struct {
	*endpoint
	suite     *Suite
	ctx       context.Context
	exchanges []*Exchange
	rehearsal bool // nothing is sent
}

// errForeign is a case that is not of this contract, which was adapted.
var errForeign = errors.New("the contract has it otherwise")

// errRehearsal ends a case where it would send.
var errRehearsal = errors.New("a rehearsal")

// notApplicable is an endpoint that says, in the way that the contract has for it, that it has not what a
// case needs.
type notApplicable struct{ field string }

// Error names the field that the endpoint refused.
func (e *notApplicable) Error() string {
	return "the endpoint says that it does not support " + e.field
}

// send makes an exchange, and holds what came to the schema that the contract has for its status.
func (t *trial) send(r request) (*Exchange, error) {
	if t.rehearsal {
		return &Exchange{Err: errRehearsal}, errRehearsal
	}
	x := t.do(t.ctx, r)
	t.exchanges = append(t.exchanges, x)
	if x.Err != nil {
		return x, x.Err
	}
	return x, t.suite.keepsSchema(x)
}

// completions asks for a completion with a body as it is.
func (t *trial) completions(body string, header ...string) (*Exchange, error) {
	return t.send(request{method: http.MethodPost, path: "/completions", body: body, header: header})
}

// body is a request with some fields beside the model.
func (t *trial) body(fields string) (string, error) {
	if t.model == "" {
		return "", fmt.Errorf("there is no model to ask: %w (--model names one)", t.noModel)
	}
	return `{"model":` + quoted(t.model) + `,` + fields + `}`, nil
}

// ask sends fields, and expects 200.
func (t *trial) ask(fields string, header ...string) (*Exchange, error) {
	body, err := t.body(fields)
	if err != nil {
		return nil, err
	}
	if !t.suite.request.Accept([]byte(body), nil) {
		return nil, errForeign
	}
	x, err := t.completions(body, header...)
	return x, orElse(err, x.mustBe(http.StatusOK))
}

// complete asks for a completion that is not streamed.
func (t *trial) complete(fields string) (*gen.Completion, error) {
	x, err := t.ask(fields)
	if err != nil {
		return nil, err
	}
	var c gen.Completion
	if err := json.Unmarshal(x.Got, &c); err != nil {
		return nil, fmt.Errorf("the answer cannot be read: %w", err)
	}
	return &c, nil
}

// texts asks for a completion and takes what its choices say.
func (t *trial) texts(fields string) ([]string, error) {
	c, err := t.complete(fields)
	if err != nil {
		return nil, err
	}
	return textsOf(c), nil
}

// stream asks for a stream.
func (t *trial) stream(fields string, header ...string) (*transcript, error) {
	x, err := t.ask(fields+`,"stream":true`, header...)
	if err != nil {
		return nil, err
	}
	return t.suite.read(x.Got)
}

// mustBe is nil where the status is the one that the contract promises, and a completion that was refused
// was not refused as one that this endpoint cannot make.
func (x *Exchange) mustBe(status int) error {
	if x.Err != nil || x.Status == status {
		return nil
	}
	if field := x.unsupported(); field != "" && status == http.StatusOK {
		return &notApplicable{field}
	}
	return fmt.Errorf("%d came instead of %d%s", x.Status, status, x.complaint())
}

// unsupported is the field for which the request was refused as one that the endpoint cannot do.
func (x *Exchange) unsupported() string {
	if x.Status != http.StatusUnprocessableEntity && x.Status != http.StatusBadRequest {
		return ""
	}
	var refusal struct {
		Detail []gen.Violation
		Error  struct{ Code, Param string }
	}
	var sent map[string]json.RawMessage
	if json.Unmarshal(x.Got, &refusal) != nil || json.Unmarshal(x.Body, &sent) != nil {
		return ""
	}
	field := ""
	if refusal.Error.Code == unsupportedType {
		field = refusal.Error.Param
	}
	for _, v := range refusal.Detail {
		if v.Type != unsupportedType {
			return "" // something else is wrong with it too
		}
		if len(v.Loc) > 1 {
			field = fmt.Sprint(v.Loc[1])
		}
	}
	if sent[field] == nil || field == "model" || field == "prompt" && sent[field][0] == '"' { // without which there is no completion
		return ""
	}
	return field
}

// unsupportedType is the type of a violation by which an endpoint says what it cannot do.
const unsupportedType = "unsupported_parameter"

// complaint is what an error says.
func (x *Exchange) complaint() string {
	var e struct{ Error struct{ Message string } }
	if json.Unmarshal(x.Got, &e) != nil || e.Error.Message == "" {
		return ""
	}
	return ": " + e.Error.Message
}

func quoted(text string) string {
	raw, _ := json.Marshal(text) // a string has no error
	return string(raw)
}
