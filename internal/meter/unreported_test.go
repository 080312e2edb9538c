package meter

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/limits"
)

// of is a document without a choice, and with a usage.
func of(usage string) string { return `{"choices":[],"usage":{` + usage + `}}` }

// What a backend says of a whole answer is believed where it says something, and else what came is estimated.
func TestWholeAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body string
		want completion.Tokens
	}{
		"short":     {with("abcde", `"logprobs":null`), completion.Tokens{Prompt: 2, Completion: 2}},
		"too much":  {with(strings.Repeat("long ", 99), `"logprobs":null`), completion.Tokens{Prompt: 2, Completion: 50}},
		"an escape": {`{"choices":[{"text":"a\"bcdefghi","index":0}]}`, completion.Tokens{Prompt: 2, Completion: 4}},
		"no text":   {`{"choices":[{"text":null,"index":0}]}`, completion.Tokens{Prompt: 2}},
		"some list": {`{"choices":[{"text":"abcdefghi","token_ids":[7]},{"text":"abcdef","logprobs":null}]}`, completion.Tokens{Prompt: 2, Completion: 3}},
		"zeros":     {strings.Replace(so(0, "abcdef"), "4", "0", 1), completion.Tokens{Prompt: 2, Completion: 2}},
		"a list":    {`{"choices":[],"usage":[{"prompt_tokens":4}]}`, completion.Tokens{Prompt: 2}},
		"a text":    {`{"choices":[],"usage":"{\"prompt_tokens\":4}"}`, completion.Tokens{Prompt: 2}},
		"null":      {`{"choices":[],"usage":null}`, completion.Tokens{Prompt: 2}},
		"negative":  {of(`"prompt_tokens":-4,"completion_tokens":9`), completion.Tokens{Completion: 9, Reported: true}},
		"too large": {of(`"prompt_tokens":99999999999999999999,"completion_tokens":9`), completion.Tokens{Completion: 9, Reported: true}},
	} {
		answer := &completion.Answer{Body: []byte(test.body)}
		if diff := cmp.Diff(test.want, used(t, asked, answer, 0)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

// Of a stream that its caller leaves, what the backend said last is believed, and what came since is estimated.
func TestStreamsThatAreLeft(t *testing.T) {
	t.Parallel()
	echo := strings.Replace(askedIn, "{", `{"echo":true,`, 1)
	shown := strings.Replace(askedIn, "{", `{"stream_options":{"include_usage":true},`, 1)
	cached := with("", `"logprobs":null}],"usage":{"prompt_tokens":4,"prompt_tokens_details":{"cached_tokens":3}},"x":[{"y":null`)
	long := words(strings.Repeat("long ", 99))[0]
	for name, test := range map[string]struct {
		request string
		chunks  []string
		want    completion.Tokens
	}{
		"short":                     {askedIn, words("abcde", "abcde"), completion.Tokens{Prompt: 2, Completion: 2}},
		"short, counted before":     {askedIn, append([]string{so(3, "ab")}, words("abcde", "abcde")...), completion.Tokens{Prompt: 4, Completion: 5}},
		"too much, counted before":  {askedIn, []string{so(3, "ab"), long}, completion.Tokens{Prompt: 4, Completion: 50}},
		"a prompt alone":            {askedIn, []string{so(0, "")}, completion.Tokens{Prompt: 4, Reported: true}},
		"a prompt that is cached":   {askedIn, []string{cached, chunk}, completion.Tokens{Prompt: 4, Cached: 3, Completion: 2}},
		"no prompt":                 {askedIn, []string{strings.Replace(so(2, "ab"), "4", "0", 1)}, completion.Tokens{Prompt: 2, Completion: 2}},
		"an echo, a prompt":         {echo, append([]string{so(0, "")}, words("123456", "abc")...), completion.Tokens{Prompt: 4, Completion: 1}},
		"an echo, too much":         {echo, []string{long}, completion.Tokens{Prompt: 2, Completion: 50}},
		"an echo, less than it all": {echo, words("123"), completion.Tokens{Prompt: 2}},
		"no max_tokens":             {strings.Replace(askedIn, `,"max_tokens":50`, "", 1), []string{long}, completion.Tokens{Prompt: 2, Completion: 165}},
		"counted from the first":    {askedIn, []string{so(1, "abcdef")}, completion.Tokens{Prompt: 4, Completion: 1, Reported: true}},
		"counted afterwards":        {askedIn, []string{chunk, so(2, "ab")}, completion.Tokens{Prompt: 4, Completion: 2, Reported: true}},
		"a prompt, and a text":      {askedIn, []string{so(0, "abcdef")}, completion.Tokens{Prompt: 4, Completion: 2}},
		"counted, then null":        {askedIn, []string{so(3, "ab"), strings.TrimSuffix(chunk, "}") + `,"usage":null}`}, completion.Tokens{Prompt: 4, Completion: 5}},
		"at the usage":              {shown, []string{chunk, tally}, completion.Tokens{Prompt: 4, Cached: 3, Completion: 9, Reasoning: 5, Reported: true}},
		"after the usage":           {shown, []string{tally, chunk}, completion.Tokens{Prompt: 4, Cached: 3, Completion: 11, Reasoning: 5}},
		"no echo":                   {strings.Replace(echo, "true", "false", 1), []string{chunk}, completion.Tokens{Prompt: 2, Completion: 2}},
	} {
		answer := &completion.Answer{Stream: &chunks{rest: append(test.chunks, chunk)}}
		if diff := cmp.Diff(test.want, used(t, test.request, answer, len(test.chunks))); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

// used is what a request is told to have used, whose caller reads so many chunks of the answer.
func used(t *testing.T, body string, answer *completion.Answer, chunks int) completion.Tokens {
	t.Helper()
	call := &completion.Call{Context: t.Context(), Principal: caller{{ID: "key", Limits: limits.Limits{Tokens: 1000}}}}
	next := backend{complete: func(context.Context, *completion.Request) (*completion.Answer, error) { return answer, nil }}
	got, err := New(Options{Limiter: limits.NewMemory(nil)}).Before(next).Complete(call, request(t, body))
	if err != nil {
		t.Fatal(err)
	}
	if got.Stream != nil {
		read(t, got.Stream, chunks)
	}
	return call.Tokens
}
