package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/specgate/specgate/gen"
)

// published is the contract as an independent validator reads it.
var published = sync.OnceValues(func() (*openapi3.T, error) { return openapi3.NewLoader().LoadFromData(gen.Spec) })

func spec(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := published()
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// mustKeepSchema fails the test where a document breaks a schema of the contract.
func mustKeepSchema(t *testing.T, schema, document string) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(document))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Errorf("no JSON: %v\n%s", err, abridged(document))
		return
	}
	if err := spec(t).Components.Schemas[schema].Value.VisitJSON(value); err != nil {
		t.Errorf("%v\n%s breaks the schema %s", err, abridged(document), schema)
	}
}

// mustKeepContract holds an answer to what openapi.yaml says of it.
func mustKeepContract(t *testing.T, path string, got answer) {
	t.Helper()
	if got.header.Get("X-Request-Id") == "" {
		t.Error("the answer has no x-request-id")
	}
	media := got.header.Get("Content-Type")
	switch {
	case got.status == 200 && media == "text/event-stream; charset=utf-8":
		mustBeStream(t, got.body)
		return
	case media != "application/json":
		t.Errorf("status %d comes as %q", got.status, media)
	case got.status == 422:
		mustKeepSchema(t, "ValidationError", got.body)
		mustMirror(t, got)
	case got.status != 200:
		mustKeepSchema(t, "Error", got.body)
	case path == completions:
		mustKeepSchema(t, "Completion", got.body)
	case path == "/v1/models":
		mustKeepSchema(t, "ModelList", got.body)
	default:
		mustKeepSchema(t, "Model", got.body)
	}
	if got.status != 200 {
		mustHaveFourKeys(t, got.body)
	}
}

// mustHaveFourKeys looks at the error object, whose keys no client should have to look for.
func mustHaveFourKeys(t *testing.T, body string) {
	t.Helper()
	var doc struct {
		Error map[string]json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil {
		t.Errorf("%v\n%s", err, abridged(body))
	}
	for _, key := range []string{"message", "type", "param", "code"} {
		if _, ok := doc.Error[key]; !ok {
			t.Errorf("no %s in %s", key, abridged(body))
		}
	}
}

// mustMirror compares the error of a 422 with the first of its violations.
func mustMirror(t *testing.T, got answer) {
	t.Helper()
	all, e := got.violations(t), got.error(t)
	if len(all) == 0 {
		t.Errorf("no violation in %s", abridged(got.body))
		return
	}
	if !strings.Contains(e.Message, all[0].Msg) {
		t.Errorf("error %+v is not that of %+v", e, all[0])
	}
}

// mustBeStream holds the bytes of a stream to the contract: nothing but chunks and comments, then
// [DONE] or an error event, and then nothing.
func mustBeStream(t *testing.T, body string) {
	t.Helper()
	rest, over := body, false
	for rest != "" {
		if after, ok := strings.CutPrefix(rest, ": ping\n"); ok && !over {
			rest = after
			continue
		}
		line, after, whole := strings.Cut(rest, "\n\n")
		data, ok := strings.CutPrefix(line, "data: ")
		if !whole || !ok || over || strings.ContainsAny(data, "\r\n") {
			t.Errorf("no event of a stream: %q", abridged(rest))
			return
		}
		rest, over = after, mustBeEvent(t, data)
	}
	if !over {
		t.Errorf("the stream ends with neither [DONE] nor an error:\n%s", abridged(body))
	}
}

// mustBeEvent looks at the data of one event, and reports whether it has to be the last.
func mustBeEvent(t *testing.T, data string) (last bool) {
	t.Helper()
	if data == "[DONE]" {
		return true
	}
	var doc map[string]json.RawMessage
	if err := json.Unmarshal([]byte(data), &doc); err != nil {
		t.Errorf("%v in %s", err, abridged(data))
		return false
	}
	if _, ok := doc["error"]; ok {
		mustKeepSchema(t, "Error", data)
		mustHaveFourKeys(t, data)
		if len(doc) != 1 {
			t.Errorf("an error event with more than the error: %s", abridged(data))
		}
		return true
	}
	mustKeepSchema(t, "CompletionChunk", data)
	var usage struct {
		Total int `json:"total_tokens"`
	}
	if raw := doc["usage"]; raw != nil && !bytes.Equal(raw, []byte("null")) {
		if err := json.Unmarshal(raw, &usage); err != nil || usage.Total == 0 {
			t.Errorf("usage %s, %v", raw, err)
		}
	}
	return false
}

// abridged is the beginning of what may be very long.
func abridged(s string) string {
	const most = 500
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// errorObject is the error object of an answer.
type errorObject struct {
	Message, Type string
	Param, Code   *string
}

func (a answer) error(t *testing.T) errorObject {
	t.Helper()
	var doc struct{ Error errorObject }
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil {
		t.Fatalf("%v\n%s", err, abridged(a.body))
	}
	return doc.Error
}

// code is that of the error object; "null" where it is null, "" where there is no error.
func (a answer) code(t *testing.T) string {
	t.Helper()
	if a.status == 200 {
		return ""
	}
	return orNull(a.error(t).Code)
}

func orNull(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

// violation is one item of a 422. Loc is as it was sent: body, prompt, 3 as `["body","prompt",3]`.
type violation struct {
	Loc  string
	Msg  string
	Type string
}

func (a answer) violations(t *testing.T) []violation {
	t.Helper()
	var doc struct {
		Detail []struct {
			Loc       json.RawMessage
			Msg, Type string
		}
	}
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil {
		t.Fatalf("%v\n%s", err, abridged(a.body))
	}
	var all []violation
	for _, item := range doc.Detail {
		all = append(all, violation{string(item.Loc), item.Msg, item.Type})
	}
	return all
}
