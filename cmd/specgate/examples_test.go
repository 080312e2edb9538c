package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/fakebackend"
)

// asJSON is an example as a client would send or get it.
func asJSON(t *testing.T, value any) string {
	t.Helper()
	b, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Tools make one request of the examples of all fields: together they keep the rules as well.
func TestExamplesOfFieldsGoTogether(t *testing.T) {
	t.Parallel()
	all := map[string]any{}
	for name, field := range requestFields(t) {
		all[name] = field.Value.Example
	}
	g := start(t, fakebackend.Events(whole))
	g.mustForward(asJSON(t, all))
}

func TestExamplesOfRequestsAreAccepted(t *testing.T) {
	t.Parallel()
	g := start(t, func(c *fakebackend.Conn, r *fakebackend.Request) {
		if r.Header.Get("Accept") == "text/event-stream" {
			fakebackend.Events(whole)(c, r)
			return
		}
		perPrompt(c, r)
	})
	body := spec(t).Paths.Value(completions).Post.RequestBody.Value.Content.Get("application/json")
	for name, example := range body.Examples {
		t.Run(name, func(t *testing.T) { g.in(t).mustForward(asJSON(t, example.Value.Value)) })
	}
	if len(body.Examples) == 0 {
		t.Error("there are no examples")
	}
	for name, field := range requestFields(t) {
		if field.Value.Example == nil {
			t.Errorf("%s has no example", name)
			continue
		}
		request := with(name, asJSON(t, field.Value.Example))
		if name == "stream_options" {
			request = strings.TrimSuffix(request, "}") + `,"stream":true}`
		}
		g.mustForward(request)
	}
	for _, name := range []string{"Organization", "Project"} {
		parameter := spec(t).Components.Parameters[name].Value
		if got := g.complete(plainBody, parameter.Name+": "+asJSON(t, parameter.Example)[1:25]); got.status != 200 {
			t.Errorf("%s: got %d %s", name, got.status, got.body)
		}
	}
}

func TestExamplesOfResponsesKeepTheirSchemas(t *testing.T) {
	t.Parallel()
	tested := 0
	check := func(where string, response *openapi3.Response) {
		for media, content := range response.Content {
			examples := map[string]any{}
			for name, example := range content.Examples {
				examples[name] = example.Value.Value
			}
			if content.Example != nil {
				examples["example"] = content.Example
			}
			if len(examples) == 0 {
				t.Errorf("%s %s has no example", where, media)
			}
			for name, value := range examples {
				tested++
				mustKeepResponse(t, content, value)
				if t.Failed() {
					t.Fatalf("%s %s, example %s", where, media, name)
				}
			}
		}
	}
	for path, item := range spec(t).Paths.Map() {
		for method, operation := range item.Operations() {
			for status, response := range operation.Responses.Map() {
				check(method+" "+path+" "+status, response.Value)
			}
		}
	}
	for name, response := range spec(t).Components.Responses {
		check(name, response.Value)
	}
	if tested < 30 {
		t.Errorf("only %d examples were found", tested)
	}
}

// mustKeepResponse holds an example to its schema, and the data of an event to that of a chunk.
func mustKeepResponse(t *testing.T, content *openapi3.MediaType, value any) {
	t.Helper()
	document := asJSON(t, value)
	var plain any
	if err := json.Unmarshal([]byte(document), &plain); err != nil {
		t.Error(err)
	}
	if err := content.Schema.Value.VisitJSON(plain); err != nil {
		t.Error(err)
	}
	switch doc, _ := plain.(map[string]any); {
	case strings.HasSuffix(content.Schema.Ref, "/CompletionEvent"):
		mustBeEvent(t, doc["data"].(string))
	case doc["error"] != nil:
		mustHaveFourKeys(t, document)
	}
}

// The examples of errors are those that the gateway gives.
func TestExamplesOfErrorsAreTrue(t *testing.T) {
	t.Parallel()
	g := startWith(t, `
auth: {tokens: [{token: sg-test-token}, {token: sg-bound, models: [other]}]}
`, fakebackend.JSON(200, `{"object":"list","data":[]}`))
	for name, got := range map[string]answer{
		"BadRequest":           g.complete(plainBody, "Content-Encoding: gzip"),
		"Unauthorized":         g.complete(plainBody, "Authorization:"),
		"Forbidden":            g.complete(plainBody, "Authorization: Bearer sg-bound"),
		"NotFound":             g.send("GET", "/v1/models/none", ""),
		"MethodNotAllowed":     g.send("PUT", completions, plainBody),
		"ContentTooLarge":      g.complete(padded(16<<20 + 1)),
		"UnsupportedMediaType": g.complete(plainBody, "Content-Type: text/plain"),
		"UnprocessableContent": g.complete(`{"model":"m","prompt":"x","temperature":3}`),
	} {
		want := asJSON(t, spec(t).Components.Responses[name].Value.Content.Get("application/json").Example)
		if diff := cmp.Diff(parsed(t, want), parsed(t, got.body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func parsed(t *testing.T, document string) any {
	t.Helper()
	var doc any
	if err := json.Unmarshal([]byte(document), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// The request that the documentation of the API shows, in the words in which it does; a token is added.
const seedCurl = `curl -X POST "https://loading/v1/completions" \
-H "OpenAI-Organization: 5eb7cf5a86d9755df3a6c593" \
-H "OpenAI-Project: 5eb7cf5a86d9755df3a6c593" \
-H "Content-Type: application/json" \
-d '{
"model": "llama3.1:8b",
"prompt": "Hello World",
"stream": false
}'`

func TestSeedRequest(t *testing.T) {
	t.Parallel()
	g := start(t, fakebackend.JSON(200, answered))
	_, rest, _ := strings.Cut(seedCurl, "-d '")
	body := strings.TrimSuffix(rest, "'")
	header := []string{"OpenAI-Organization: 5eb7cf5a86d9755df3a6c593", "OpenAI-Project: 5eb7cf5a86d9755df3a6c593", "X-Request-Id: go"}
	if got := g.complete(body, header...); got.status != 200 || got.body != answered {
		t.Errorf("got %d %s", got.status, got.body)
	}
	if got := string(g.received("go").Body); got != body {
		t.Errorf("the backend got %s", got)
	}
	if _, err := exec.LookPath("curl"); err != nil {
		return
	}
	command := strings.Replace(seedCurl, "https://loading", g.front, 1) +
		` -H "Authorization: Bearer ` + testToken + `" -H "X-Request-Id: curl" --silent --show-error --max-time 20 --noproxy "*"`
	shell := exec.CommandContext(t.Context(), "sh", "-c", command)
	shell.Env = os.Environ()
	out, err := shell.CombinedOutput()
	if err != nil || string(out) != answered {
		t.Errorf("%v: %s", err, out)
	}
	if got := string(g.received("curl").Body); got != body {
		t.Errorf("the backend got %s", got)
	}
}
