package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/specgate/specgate/gen"
)

// trial is one run of a case. What it returns as an error is a deviation, but for notApplicable.
type trial struct {
	*endpoint
	suite     *Suite
	of        *Case
	ctx       context.Context
	exchanges []*Exchange
	rehearsal bool // nothing is sent
}

// errForeign is a case that is not of this contract, which was adapted.
var errForeign = errors.New("the contract has it otherwise")

// errRehearsal ends a case where it would send.
var errRehearsal = errors.New("a rehearsal")

// notApplicable is why a case tells nothing of an endpoint that may be as it is: as a rule it says, in the way
// that the contract has for it, that it has not what the case needs.
type notApplicable struct{ why string }

// Error is the reason.
func (e *notApplicable) Error() string { return e.why }

// unsupported is for a field that the endpoint refused.
func unsupported(field string) error {
	return &notApplicable{"the endpoint says that it does not support " + field}
}

// errUncounted is an answer that is not streamed and has no usage, of which the contract says that it may be
// absent or null.
var errUncounted = &notApplicable{"the answer has no usage, which the contract asks of nobody"}

// send makes an exchange, and holds what came to the schema that the contract has for its status.
func (t *trial) send(r request) (*Exchange, error) {
	x, err := t.exchange(r)
	if err != nil {
		return x, err
	}
	return x, t.hold(x)
}

// hold holds what came to its schema. What does not keep that excuses nobody.
func (t *trial) hold(x *Exchange) error {
	err := t.suite.keepsSchema(t.ctx, x)
	if x.sound = err == nil; x.sound && t.of != nil {
		x.excuse = t.of.excuse(x)
	}
	return err
}

// exchange sends a request, whatever comes.
func (t *trial) exchange(r request) (*Exchange, error) {
	x := &Exchange{Err: errRehearsal}
	if !t.rehearsal {
		x = t.do(t.ctx, r)
		t.exchanges = append(t.exchanges, x)
	}
	x.foreign = t.suite.refuses(r)
	return x, x.Err
}

// refuses reports whether a request for a completion is none under this contract. What is encoded is not
// looked into.
func (s *Suite) refuses(r request) bool {
	encoded := slices.ContainsFunc(r.header, func(line string) bool { return strings.HasPrefix(line, "Content-Encoding:") })
	return r.method == http.MethodPost && r.path == "/completions" && !encoded && !s.request.Accept([]byte(r.body), nil)
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
	return `{` + t.suite.opening(t.model, fields) + `,` + fields + `}`, nil
}

// kept is a request with some fields that keeps the contract, and otherwise errForeign.
func (t *trial) kept(fields string) (string, error) {
	body, err := t.body(fields)
	if err == nil && !t.suite.request.Accept([]byte(body), nil) {
		err = errForeign
	}
	return body, err
}

// ask sends fields, and expects 200.
func (t *trial) ask(fields string, header ...string) (*Exchange, error) {
	body, err := t.kept(fields)
	if err != nil {
		return nil, err
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
func (t *trial) stream(fields string) (*transcript, error) {
	x, err := t.ask(fields + `,"stream":true`)
	if err != nil {
		return nil, err
	}
	if x.stream == nil {
		return nil, errors.New("no stream came")
	}
	return x.stream, nil
}

// mustBe is nil where the status is the one that the contract promises, and a completion that was refused
// was not refused as one that this endpoint cannot make.
func (x *Exchange) mustBe(status int) error {
	switch {
	case x.foreign && (status == http.StatusOK || status == http.StatusNotFound):
		return errForeign
	case x.Err != nil || x.Status == status:
		return nil
	case x.excuse != "" && status == http.StatusOK:
		return unsupported(x.excuse)
	}
	return fmt.Errorf("%d came instead of %d%s", x.Status, status, x.complaint())
}

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
