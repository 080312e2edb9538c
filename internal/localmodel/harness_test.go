package localmodel

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/contract"
)

// answered is a completion, or a chunk of one, as a client reads it.
type answered struct {
	ID          string         `json:"id"`
	Created     int64          `json:"created"`
	Model       string         `json:"model"`
	Fingerprint string         `json:"system_fingerprint"`
	Choices     []choiceRead   `json:"choices"`
	Usage       map[string]int `json:"usage"`
}

type choiceRead struct {
	Index    int           `json:"index"`
	Text     string        `json:"text"`
	Finish   string        `json:"finish_reason"`
	Logprobs *logprobsRead `json:"logprobs"`
}

type logprobsRead struct {
	Tokens  []string             `json:"tokens"`
	Logprob []*float64           `json:"token_logprobs"`
	Top     []map[string]float64 `json:"top_logprobs"`
	Offset  []int                `json:"text_offset"`
}

func (a answered) texts() []string {
	return each(a.Choices, func(c choiceRead) string { return c.Text })
}

// request has the model's id and some fields.
func request(fields string) *completion.Request {
	return &completion.Request{Body: []byte(`{"model":"specgate-1",` + fields + `}`), Model: ID}
}

// complete is the answer to a request, which keeps the contract.
func complete(t *testing.T, fields string) answered {
	t.Helper()
	got, err := model(t).Complete(t.Context(), request(fields))
	if err != nil {
		t.Fatalf("%s: %v", fields, err)
	}
	return read(t, "Completion", got.Body)
}

// streamed is the chunks of an answer, which keep the contract.
func streamed(t *testing.T, fields string) []answered {
	t.Helper()
	req := request(fields)
	req.Stream, req.IncludeUsage = true, strings.Contains(fields, "include_usage")
	got, err := model(t).Complete(t.Context(), req)
	if err != nil {
		t.Fatalf("%s: %v", fields, err)
	}
	var all []answered
	for {
		chunk, err := got.Stream.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, read(t, "CompletionChunk", chunk))
	}
	if err := got.Stream.Close(); err != nil {
		t.Error(err)
	}
	return all
}

// refused is how a request is refused.
func refused(t *testing.T, fields string) *apierror.Error {
	t.Helper()
	_, err := model(t).Complete(t.Context(), request(fields))
	var e *apierror.Error
	if !errors.As(err, &e) {
		t.Fatalf("%s: error %v", fields, err)
	}
	return e
}

var published = sync.OnceValues(func() (*openapi3.T, error) { return contract.Load(gen.Spec) })

// read reads a document that keeps a schema, which two validators look at.
func read(t *testing.T, schema string, document []byte) answered {
	t.Helper()
	doc, err := published()
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(document, &value); err != nil {
		t.Fatal(err)
	}
	ref := doc.Components.Schemas[schema]
	if err := ref.Value.VisitJSON(value); err != nil {
		t.Errorf("%v\n%s breaks %s", err, document, schema)
	}
	program, err := contract.Compile(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Check(document, nil); err != nil {
		t.Errorf("%v\n%s breaks %s", err, document, schema)
	}
	var a answered
	if err := json.Unmarshal(document, &a); err != nil {
		t.Fatal(err)
	}
	return a
}
