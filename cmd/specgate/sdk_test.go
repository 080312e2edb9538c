package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/ssestream"

	"github.com/specgate/specgate/internal/fakebackend"
)

// newSDK gives OpenAI's own client of a gateway in front of a scripted backend.
func newSDK(t *testing.T, replies ...fakebackend.Reply) (openai.Client, *fakebackend.Backend) {
	t.Helper()
	g := start(t, replies...)
	client := openai.NewClient(
		option.WithBaseURL(g.front+"/v1"),
		option.WithAPIKey(testToken),
		option.WithOrganization("5eb7cf5a86d9755df3a6c593"), // named, so that the environment does not
		option.WithProject("5eb7cf5a86d9755df3a6c593"),
		option.WithHTTPClient(g.client),
	)
	return client, g.backend
}

var hello = openai.CompletionNewParams{
	Model:  "llama3.1:8b",
	Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("Hello World")},
}

const (
	sdkAnswer = `{"id":"cmpl-1","object":"text_completion","created":1767225600,"model":"llama3.1:8b",` +
		`"choices":[{"text":"!","index":0,"logprobs":{"tokens":["!"],"token_logprobs":[-0.5],"top_logprobs":[{"!":-0.5}],"text_offset":[11]},"finish_reason":"stop"}],` +
		`"usage":{"prompt_tokens":2,"completion_tokens":1,"total_tokens":3}}`
	sdkChunk = `{"id":"cmpl-1","object":"text_completion","created":1767225600,"model":"llama3.1:8b",` +
		`"choices":[{"text":"one","index":0,"logprobs":null,"finish_reason":null}]}`
	sdkUsage = `{"id":"cmpl-1","object":"text_completion","created":1767225600,"model":"llama3.1:8b",` +
		`"choices":[],"usage":{"prompt_tokens":2,"completion_tokens":3,"total_tokens":5}}`
)

// apiError is what the SDK makes of an answer that is an error.
func apiError(t *testing.T, err error) *openai.Error {
	t.Helper()
	var e *openai.Error
	if !errors.As(err, &e) {
		t.Fatalf("not an API error: %v", err)
	}
	return e
}

func TestSDKCompletes(t *testing.T) {
	client, backend := newSDK(t, fakebackend.JSON(200, sdkAnswer))
	got, err := client.Completions.New(t.Context(), hello)
	if err != nil {
		t.Fatal(err)
	}
	c := got.Choices[0]
	if got.ID != "cmpl-1" || got.Model != "llama3.1:8b" || c.Text != "!" || c.FinishReason != openai.CompletionChoiceFinishReasonStop ||
		c.Logprobs.TextOffset[0] != 11 || c.Logprobs.TopLogprobs[0]["!"] != -0.5 || got.Usage.TotalTokens != 3 {
		t.Errorf("got %s", got.RawJSON())
	}
	if got.RawJSON() != sdkAnswer {
		t.Errorf("the answer was changed: %s", got.RawJSON())
	}
	asked := backend.Requests()[0]
	if diff := cmp.Diff([]string{"Bearer " + testKey}, asked.Header["Authorization"]); diff != "" {
		t.Errorf("Authorization at the backend (-want +got):\n%s", diff)
	}
	for name := range asked.Header {
		if strings.HasPrefix(name, "X-Stainless-") {
			t.Errorf("%s reached the backend", name)
		}
	}
}

func TestSDKSendsEveryPrompt(t *testing.T) {
	prompts := map[string]openai.CompletionNewParamsPromptUnion{
		`"a"`:       {OfString: openai.String("a")},
		`["a","b"]`: {OfArrayOfStrings: []string{"a", "b"}},
		`[1,2]`:     {OfArrayOfTokens: []int64{1, 2}},
		`[[1],[2]]`: {OfArrayOfTokenArrays: [][]int64{{1}, {2}}},
	}
	for raw, prompt := range prompts {
		t.Run(raw, func(t *testing.T) {
			client, backend := newSDK(t, fakebackend.JSON(200, sdkAnswer))
			if _, err := client.Completions.New(t.Context(), openai.CompletionNewParams{Model: "m", Prompt: prompt}); err != nil {
				t.Fatal(err)
			}
			if body := string(backend.Requests()[0].Body); !strings.Contains(body, `"prompt":`+raw) {
				t.Errorf("the backend got %s", body)
			}
		})
	}
}

func TestSDKStreams(t *testing.T) {
	client, _ := newSDK(t, fakebackend.Events(fakebackend.Data(sdkChunk, sdkChunk), fakebackend.Data(sdkChunk, sdkUsage, "[DONE]")))
	params := hello
	params.StreamOptions.IncludeUsage = openai.Bool(true)
	stream := client.Completions.NewStreaming(t.Context(), params)
	defer func() { _ = stream.Close() }()
	var text string
	var last openai.Completion
	for stream.Next() {
		last = stream.Current()
		for _, c := range last.Choices {
			text += c.Text
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if text != "oneoneone" || len(last.Choices) != 0 || last.Usage.TotalTokens != 5 {
		t.Errorf("text %q, and then %s", text, last.RawJSON())
	}
}

// The error of a stream comes out of the SDK with the backend's words, and ends the stream.
func TestSDKRaisesAnErrorWithinAStream(t *testing.T) {
	client, _ := newSDK(t, fakebackend.Events(fakebackend.Data(sdkChunk, `{"error":{"message":"out of memory","type":"server_error","code":500}}`, "[DONE]")))
	stream := client.Completions.NewStreaming(t.Context(), hello)
	defer func() { _ = stream.Close() }()
	chunks := 0
	for stream.Next() {
		chunks++
	}
	var e *ssestream.StreamError
	if !errors.As(stream.Err(), &e) || chunks != 1 {
		t.Fatalf("%d chunks, and then %v", chunks, stream.Err())
	}
	if !strings.Contains(e.Message, "out of memory") || !strings.Contains(string(e.Event.Data), `"code":"500"`) {
		t.Errorf("got %s, of %s", e.Message, e.Event.Data)
	}
}

// The SDK takes a stream that ends without [DONE] for a whole one: the gateway tells it otherwise.
func TestSDKLearnsThatAStreamBrokeOff(t *testing.T) {
	client, _ := newSDK(t, fakebackend.Events(fakebackend.Data(sdkChunk)))
	stream := client.Completions.NewStreaming(t.Context(), hello)
	defer func() { _ = stream.Close() }()
	for stream.Next() {
	}
	var e *ssestream.StreamError
	if !errors.As(stream.Err(), &e) || !strings.Contains(string(e.Event.Data), `"upstream_error"`) {
		t.Errorf("got %v", stream.Err())
	}
}

// A refusal reaches the SDK's own fields: an Error without them prints as a bare status.
func TestSDKReadsViolations(t *testing.T) {
	client, backend := newSDK(t)
	params := hello
	params.Temperature, params.N = openai.Float(2.5), openai.Int(0)
	_, err := client.Completions.New(t.Context(), params)
	e := apiError(t, err)
	if e.StatusCode != 422 || e.Type != "invalid_request_error" {
		t.Errorf("got %d %s", e.StatusCode, e.RawJSON())
	}
	// The first in the order of openapi.yaml.
	if e.Param != "n" || e.Code != "greater_than_equal" || e.Message != "body.n: Input should be greater than or equal to 1" {
		t.Errorf("got param %q, code %q, message %q", e.Param, e.Code, e.Message)
	}
	for _, loc := range []string{`["body","n"]`, `["body","temperature"]`} {
		if answer := string(e.DumpResponse(true)); !strings.Contains(answer, loc) {
			t.Errorf("no %s in %s", loc, answer)
		}
	}
	if n := len(backend.Requests()); n != 0 {
		t.Errorf("the backend was asked %d times", n)
	}
}

// A stream that is refused is a status, which the SDK returns in place of the stream.
func TestSDKReadsViolationsOfAStream(t *testing.T) {
	client, _ := newSDK(t)
	params := hello
	params.BestOf = openai.Int(2)
	stream := client.Completions.NewStreaming(t.Context(), params)
	defer func() { _ = stream.Close() }()
	for stream.Next() {
		t.Errorf("a chunk came: %s", stream.Current().RawJSON())
	}
	if e := apiError(t, stream.Err()); e.StatusCode != 422 || e.Param != "best_of" || e.Code != "value_error" {
		t.Errorf("got %d %s", e.StatusCode, e.RawJSON())
	}
}

func TestSDKIsRefusedWithoutAToken(t *testing.T) {
	client, backend := newSDK(t)
	_, err := client.Completions.New(t.Context(), hello, option.WithAPIKey("sg-wrong"))
	if e := apiError(t, err); e.StatusCode != 401 || e.Code != "invalid_api_key" || e.Message == "" {
		t.Errorf("got %d %s", e.StatusCode, e.RawJSON())
	}
	if n := len(backend.Requests()); n != 0 {
		t.Errorf("the backend was asked %d times", n)
	}
}

const sdkLimited = `{"error":{"message":"slow down","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}`

// The SDK's own first pause is 0.5 s at most, and Retry-After says a minute: what it waits shows that
// retry-after-ms has reached it.
func TestSDKWaitsAsTheBackendSays(t *testing.T) {
	client, backend := newSDK(t,
		fakebackend.JSON(429, sdkLimited, "retry-after-ms: 800", "Retry-After: 60"),
		fakebackend.JSON(200, sdkAnswer))
	start := time.Now()
	got, err := client.Completions.New(t.Context(), hello)
	took := time.Since(start)
	if err != nil {
		t.Fatal(err)
	}
	if got.ID != "cmpl-1" || len(backend.Requests()) != 2 {
		t.Errorf("got %s after %d calls", got.RawJSON(), len(backend.Requests()))
	}
	if took < 800*time.Millisecond || took > 20*time.Second {
		t.Errorf("it waited for %v", took)
	}
}

func TestSDKGivesUpOnALimit(t *testing.T) {
	client, _ := newSDK(t, fakebackend.JSON(429, sdkLimited, "retry-after-ms: 1", "x-ratelimit-remaining-requests: 0"))
	_, err := client.Completions.New(t.Context(), hello)
	e := apiError(t, err)
	if e.StatusCode != 429 || e.Type != "rate_limit_error" || e.Code != "rate_limit_exceeded" || e.Message != "slow down" {
		t.Errorf("got %d %s", e.StatusCode, e.RawJSON())
	}
	if left := e.Response.Header.Get("x-ratelimit-remaining-requests"); left != "0" {
		t.Errorf("x-ratelimit-remaining-requests: %q", left)
	}
}

// What was paid for once is not to be paid for three times; what may pass is tried again.
func TestSDKRetries(t *testing.T) {
	tests := []struct {
		name   string
		reply  fakebackend.Reply
		status int
		code   string
		calls  int
	}{
		{"an answer that cannot be read", fakebackend.JSON(200, `{"choices":`), 502, "upstream_error", 1},
		{"an answer without choices", fakebackend.JSON(200, `{"id":"cmpl-1"}`), 502, "upstream_error", 1},
		{"an answer that is an error", fakebackend.JSON(200, `{"error":{"message":"x"}}`), 502, "upstream_error", 1},
		{"the gateway's key refused", fakebackend.JSON(401, `{"error":"Unauthorized"}`), 502, "upstream_auth", 1},
		{"a request refused", fakebackend.JSON(400, `{"error":{"message":"x","code":"too_long"}}`), 400, "too_long", 1},
		{"a backend that loads", fakebackend.JSON(503, `{"error":{"message":"Loading model","type":"unavailable_error","code":503}}`, "retry-after-ms: 1"), 503, "503", 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client, backend := newSDK(t, test.reply)
			_, err := client.Completions.New(t.Context(), hello)
			if e := apiError(t, err); e.StatusCode != test.status || e.Code != test.code {
				t.Errorf("got %d %s", e.StatusCode, e.RawJSON())
			}
			if n := len(backend.Requests()); n != test.calls {
				t.Errorf("the backend was asked %d times, want %d", n, test.calls)
			}
		})
	}
}

func TestSDKListsModels(t *testing.T) {
	const models = `{"object":"list","data":[{"id":"llama3.1:8b","object":"model","created":1767225600,"owned_by":"library"},` +
		`{"id":"org/team/model","object":"model","created":1767225601,"owned_by":"org"}]}`
	client, _ := newSDK(t, fakebackend.JSON(200, models))
	page, err := client.Models.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, m := range page.Data {
		ids = append(ids, m.ID)
	}
	if diff := cmp.Diff([]string{"llama3.1:8b", "org/team/model"}, ids); diff != "" {
		t.Errorf("models (-want +got):\n%s", diff)
	}
	for _, id := range ids {
		m, err := client.Models.Get(t.Context(), id)
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		if m.ID != id || m.Object != "model" || m.Created < 1767225600 || m.OwnedBy == "" {
			t.Errorf("%s: got %s", id, m.RawJSON())
		}
	}
	_, err = client.Models.Get(t.Context(), "org/none")
	if e := apiError(t, err); e.StatusCode != 404 || e.Code != "model_not_found" {
		t.Errorf("got %d %s", e.StatusCode, e.RawJSON())
	}
}
