package conformance

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/specgate/specgate/internal/contract"
)

// keepsSchema holds an answer to the schema and the content type that the contract has for its status.
func (s *Suite) keepsSchema(ctx context.Context, x *Exchange) error {
	response := s.response(x)
	if response == nil {
		return fmt.Errorf("status %d is none that the contract has", x.Status)
	}
	media, _, err := mime.ParseMediaType(x.Answer.Get("Content-Type"))
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		media = x.Answer.Get("Content-Type")
	}
	want := jsonMedia
	if x.Status == http.StatusOK && asksForStream(x.Body) {
		want = streamMedia
	}
	if media != want {
		return fmt.Errorf("%d comes as %q instead of %s", x.Status, media, want)
	}
	if want == streamMedia {
		x.stream, err = s.read(ctx, x.Got)
		return err
	}
	content := response.Content.Get(jsonMedia)
	if content == nil {
		return fmt.Errorf("the contract has no body for status %d", x.Status)
	}
	return keeps(s.answers[content.Schema.Value], x.Got, fmt.Sprintf("the answer of %d", x.Status))
}

// keeps holds a document to a program, and says what the first fault is.
func keeps(program *contract.Program, document []byte, what string) error {
	var invalid *contract.Invalid
	switch err := program.Check(document, nil); {
	case err == nil:
		return nil
	case errors.As(err, &invalid):
		first := invalid.Violations[0]
		return fmt.Errorf("%s breaks its schema at %s: %s", what, dotted(first.Loc), first.Msg)
	default:
		return err
	}
}

// response is what the contract says of an exchange's status.
func (s *Suite) response(x *Exchange) *openapi3.Response {
	path := "/v1/completions"
	switch {
	case x.Path == "/models":
		path = "/v1/models"
	case strings.HasPrefix(x.Path, "/models/"):
		path = "/v1/models/{model}"
	}
	all := s.operation(path).Responses
	found := all.Status(x.Status)
	if found == nil && x.Status >= http.StatusBadRequest {
		found = all.Default()
	}
	if found == nil {
		return nil
	}
	return found.Value
}

func dotted(loc []any) string {
	parts := make([]string, len(loc))
	for i, step := range loc {
		parts[i] = fmt.Sprint(step)
	}
	return strings.Join(parts, ".")
}

// abridged is the beginning of a long text.
func abridged(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + fmt.Sprintf("… (%d bytes)", len(text))
}
