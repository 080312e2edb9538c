package contract

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSpans(t *testing.T) {
	tests := []struct {
		schema   string
		facts    []string
		document string
		want     []string // "" where absent
	}{
		{
			"CompletionRequest",
			[]string{"model", "stream", "stream_options.include_usage"},
			` { "stream_options" : { "include_usage" : true } , "stream":true, "prompt":"p", "mod\u0065l" : "a\"b" } `,
			[]string{`"a\"b"`, "true", "true"},
		},
		{"CompletionRequest", []string{"model", "stream", "stream_options.include_usage"}, `{"prompt":[],"model":"m","x":{"stream":1,"model":2}}`, []string{`"m"`, "", ""}},
		{"CompletionRequest", []string{"prompt", "stream_options"}, with(`"stream_options":null`), []string{`"p"`, "null"}},
		{"CompletionRequest", []string{"top_k", "stream_options.more"}, with(`"stream":true,"stream_options":{"more":[ 1 ]},"top_\u006b":1e2 `), []string{"1e2", "[ 1 ]"}},
		{
			"Completion",
			[]string{"choices", "usage", "usage.total_tokens", "usage.prompt_tokens_details.cached_tokens", "error"},
			`{"id":"c","object":"text_completion","created":1,"model":"m","choices":[ ],"usage":{"prompt_tokens":1,"completion_tokens":2,` +
				`"total_tokens":3,"prompt_tokens_details":{"cached_tokens":null}}}`,
			[]string{"[ ]", `{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"prompt_tokens_details":{"cached_tokens":null}}`, "3", "null", ""},
		},
		{
			"CompletionChunk",
			[]string{"error", "usage.total_tokens"},
			`{"error":{"message":"m"},"id":"c","object":"text_completion","created":1,"model":"m","choices":[],"usage":null}`,
			[]string{`{"message":"m"}`, ""},
		},
	}
	for _, test := range tests {
		p := program(t, test.schema, test.facts...)
		spans := make([]Span, len(test.facts))
		for i := range spans {
			spans[i] = Span{7, 9}
		}
		if err := p.Check([]byte(test.document), spans); err != nil {
			t.Errorf("%s: %v", test.document, err)
			continue
		}
		var got []string
		for _, s := range spans {
			if s == (Span{}) {
				got = append(got, "")
				continue
			}
			got = append(got, test.document[s.Start:s.End])
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", test.document, diff)
		}
	}
}

func TestSpansOfRefused(t *testing.T) {
	p := program(t, "CompletionRequest", "model", "prompt")
	for _, document := range []string{with(`"n":0`), `{"model":"m","prompt":`, ""} {
		spans := []Span{{1, 2}, {3, 4}}
		if p.Accept([]byte(document), spans) {
			t.Errorf("%s was accepted", document)
		}
		if diff := cmp.Diff(make([]Span, 2), spans); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", document, diff)
		}
	}
}

func TestResponses(t *testing.T) {
	const head = `{"id":"c","object":"text_completion","created":1767225600,"model":"m","choices":[`
	const logprobs = `{"tokens":["a",null],"token_logprobs":[null,-1.5],"top_logprobs":[null,{"a":-1,"b":-2}],"text_offset":[0,1],"more":1}`
	tests := []struct {
		schema, document string
		want             []Violation
	}{
		{"Completion", head + `{"text":"t","index":0,"logprobs":null,"finish_reason":"stop"}]}`, nil},
		{"Completion", head + `{"text":"t","index":0,"logprobs":` + logprobs + `,"finish_reason":"length","more":{}}],"usage":null}`, nil},
		{"Completion", head + `{"text":"t","index":0,"logprobs":null,"finish_reason":"stop","Index":1}],"Model":1,"Usage":{"x":1}}`, nil},
		{"Completion", head + `{"text":"t","index":0.0,"logprobs":null,"finish_reason":"stop"}]}`, one("int_from_float", msgPlain, "choices", 0, "index")},
		{"Completion", head + `],"usage":{"prompt_tokens":1e1,"completion_tokens":99999999999999999999,"total_tokens":1}}`, append(
			one("int_from_float", msgPlain, "usage", "prompt_tokens"),
			one("int_parsing_size", "Unable to parse input string as an integer, exceeded maximum size", "usage", "completion_tokens")...)},
		{"Completion", head + `{"text":"t","index":0,"logprobs":null,"finish_reason":null}]}`, one("string_type", msgString, "choices", 0, "finish_reason")},
		{
			"Completion", head + `{"text":"t","index":0,"logprobs":{"content":[],"tokens":1},"finish_reason":"eos_token"},{"index":-1,"finish_reason":"stop"}],"created":"now"}`,
			[]Violation{
				{[]any{"body", "created"}, msgTwice, "duplicate_key"},
				{[]any{"body", "choices", 0, "logprobs", "tokens"}, msgList, "list_type"},
				{[]any{"body", "choices", 0, "finish_reason"}, "Input should be 'stop', 'length' or 'content_filter'", "literal_error"},
				{[]any{"body", "choices", 1, "text"}, "Field required", "missing"},
				{[]any{"body", "choices", 1, "index"}, "Input should be greater than or equal to 0", "greater_than_equal"},
				{[]any{"body", "choices", 1, "logprobs"}, "Field required", "missing"},
			},
		},
		{"CompletionChunk", head + `{"text":"t","index":0,"logprobs":null,"finish_reason":null}]}`, nil},
		{"CompletionChunk", head + `],"Usage":{"x":1},"Model":"n"}`, nil},
		{"CompletionChunk", head + `{"text":"t","index":0,"logprobs":{"text_offset":[0,1.0]},"finish_reason":null}]}`, one("int_from_float", msgPlain, "choices", 0, "logprobs", "text_offset", 1)},
		{
			"CompletionChunk", head + `{"text":"t","index":0,"logprobs":null,"finish_reason":""}]}`,
			one("literal_error", "Input should be 'stop', 'length' or 'content_filter'", "choices", 0, "finish_reason"),
		},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, violations(t, program(t, test.schema), test.document)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", test.document, diff)
		}
	}
}
