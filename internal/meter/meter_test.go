package meter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/contract"
	"github.com/specgate/specgate/internal/limits"
)

// caller has limits.
type caller []limits.Scope

func (caller) Name() string             { return "caller" }
func (caller) MayUse(string) bool       { return true }
func (c caller) Scopes() []limits.Scope { return c }

// backend answers with what it is made of.
type backend struct {
	Backend
	complete func(ctx context.Context, req *completion.Request) (*completion.Answer, error)
}

func (b backend) Complete(ctx context.Context, req *completion.Request) (*completion.Answer, error) {
	return b.complete(ctx, req)
}

// chunks is a stream of some chunks, which waits before each.
type chunks struct {
	rest   []string
	wait   func()
	closed int
}

func (c *chunks) BeforeWait(f func()) bool {
	c.wait = f
	return true
}

func (c *chunks) Next() ([]byte, error) {
	if c.wait != nil {
		c.wait()
	}
	if len(c.rest) == 0 {
		return nil, io.EOF
	}
	chunk := c.rest[0]
	c.rest = c.rest[1:]
	return []byte(chunk), nil
}

func (c *chunks) Close() error {
	c.closed++
	return nil
}

func request(t *testing.T, body string) *completion.Request {
	t.Helper()
	doc, err := contract.Load(gen.Spec)
	if err != nil {
		t.Fatal(err)
	}
	program, err := contract.Compile(doc.Components.Schemas["CompletionRequest"], completion.Facts()...)
	if err != nil {
		t.Fatal(err)
	}
	req, err := completion.Read([]byte(body), program.Check)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

const (
	asked   = `{"model":"m","prompt":"123456","max_tokens":50}`
	askedIn = `{"model":"m","prompt":"123456","max_tokens":50,"stream":true}`
	chunk   = `{"choices":[{"text":"abcdef","index":0,"logprobs":null,"finish_reason":null}]}`
	tally   = `{"choices":[],"usage":{"prompt_tokens":4,"completion_tokens":9,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":3},"completion_tokens_details":{"reasoning_tokens":5}}}`
)

// so is a chunk with some text, and the usage so far.
func so(completed int, text string) string {
	return fmt.Sprintf(`{"choices":[{"text":%q,"index":0}],"usage":{"prompt_tokens":4,"completion_tokens":%d}}`, text, completed)
}

// with is a chunk with some text, and more of its choice.
func with(text, more string) string {
	return fmt.Sprintf(`{"choices":[{"text":%q,"index":0,%s}]}`, text, more)
}

// words are chunks with a text each.
func words(each ...string) (all []string) {
	for _, text := range each {
		all = append(all, with(text, `"logprobs":null`))
	}
	return all
}

// left is what a limiter has left of 1000 tokens.
func left(t *testing.T, l limits.Limiter) int64 {
	t.Helper()
	g, err := l.Take(t.Context(), []limits.Scope{{ID: "key", Limits: limits.Limits{Tokens: 1000, Parallel: 2}}}, 0)
	if err != nil || g.Refused != nil {
		t.Fatalf("%+v, %v", g, err)
	}
	g.Settle(t.Context(), 0)
	return g.Status.Tokens.Remaining
}

// However a completion ends, it is settled once, and the call knows what was used.
func TestCompletionsAreSettled(t *testing.T) {
	t.Parallel()
	whole := func(body string) func(context.Context, *completion.Request) (*completion.Answer, error) {
		return func(context.Context, *completion.Request) (*completion.Answer, error) {
			return &completion.Answer{Body: []byte(body)}, nil
		}
	}
	streams := func(all ...string) func(context.Context, *completion.Request) (*completion.Answer, error) {
		return func(context.Context, *completion.Request) (*completion.Answer, error) {
			return &completion.Answer{Stream: &chunks{rest: all}}, nil
		}
	}
	reported := completion.Tokens{Prompt: 4, Cached: 3, Completion: 9, Reasoning: 5, Reported: true}
	for name, test := range map[string]struct {
		request  string
		complete func(context.Context, *completion.Request) (*completion.Answer, error)
		read     int // chunks, before the stream is closed; -1 for all
		want     completion.Tokens
	}{
		"whole":              {asked, whole(tally), 0, reported},
		"whole, unreported":  {asked, whole(chunk), 0, completion.Tokens{Prompt: 2, Completion: 2}},
		"stream":             {askedIn, streams(chunk, chunk, tally), -1, reported},
		"stream, unreported": {askedIn, streams(chunk, chunk), -1, completion.Tokens{Prompt: 2, Completion: 4}},
		"stream, left":       {askedIn, streams(chunk, chunk, tally), 1, completion.Tokens{Prompt: 2, Completion: 2}},
		// Some backends say all the way how much it has been so far.
		"stream, running, left":     {askedIn, streams(so(1, "ab"), so(2, "ab"), so(3, "ab")), 2, completion.Tokens{Prompt: 4, Completion: 2, Reported: true}},
		"stream, running, whole":    {askedIn, streams(so(1, "abcdef"), so(2, "abcdef")), -1, completion.Tokens{Prompt: 4, Completion: 2, Reported: true}},
		"stream, first, left":       {askedIn, streams(so(0, ""), chunk, chunk), 3, completion.Tokens{Prompt: 4, Completion: 4}},
		"stream, running, then not": {askedIn, streams(so(3, "ab"), chunk, chunk), 3, completion.Tokens{Prompt: 4, Completion: 7}},
		"stream, running, ended":    {askedIn, streams(so(3, "ab"), chunk, chunk), -1, completion.Tokens{Prompt: 4, Completion: 3, Reported: true}},
		"stream, short, left":       {askedIn, streams(words("The", " cat", " sat", " on", " a", " mat", ".", "")...), 8, completion.Tokens{Prompt: 2, Completion: 7}},
		"stream, long, left":        {askedIn, streams(words("The cat sat on", " a mat.", "")...), 3, completion.Tokens{Prompt: 2, Completion: 7}},
		"stream, listed, left":      {askedIn, streams(with("abcdefgh", `"logprobs":{"tokens":["abcd","efgh"]}`), with("abcdefgh", `"token_ids":[1,2,3]`)), 2, completion.Tokens{Prompt: 2, Completion: 5}},
		"stream, too much, left":    {askedIn, streams(words(strings.Repeat("long ", 99), "er")...), 2, completion.Tokens{Prompt: 2, Completion: 50}},
		"stream, echo, left":        {strings.Replace(askedIn, "{", `{"echo":true,`, 1), streams(words("123456", "ab", "cd")...), 3, completion.Tokens{Prompt: 2, Completion: 2}},
		"stream, at the end, left":  {askedIn, streams(chunk, tally), 2, reported},
		"stream, unread":            {askedIn, streams(chunk, chunk, tally), 0, completion.Tokens{Prompt: 2}},
		"refused": {asked, func(context.Context, *completion.Request) (*completion.Answer, error) {
			return nil, apierror.ModelNotFound()
		}, 0, completion.Tokens{}},
		"too slow": {asked, func(ctx context.Context, _ *completion.Request) (*completion.Answer, error) {
			completion.CallOf(ctx).Attempts = 1
			return nil, apierror.UpstreamTimeout(nil)
		}, 0, completion.Tokens{Prompt: 2}},
		"a bug": {asked, func(context.Context, *completion.Request) (*completion.Answer, error) {
			panic("a bug")
		}, 0, completion.Tokens{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limiter := limits.NewMemory(nil)
			m := New(Options{Limiter: limiter})
			call := &completion.Call{Context: t.Context(), Principal: caller{{ID: "key", Limits: limits.Limits{Tokens: 1000, Parallel: 1}}}}
			func() {
				defer func() { _ = recover() }()
				answer, err := m.Before(backend{complete: test.complete}).Complete(call, request(t, test.request))
				if err == nil && answer.Stream != nil {
					read(t, answer.Stream, test.read)
				}
			}()
			if call.Tokens != test.want || call.Estimate != 52 || call.Limits.Tokens.Remaining != 948 {
				t.Errorf("%+v, estimated %d, %+v", call.Tokens, call.Estimate, call.Limits)
			}
			if n := left(t, limiter); n != 1000-test.want.Total() {
				t.Errorf("%d tokens are left", n)
			}
		})
	}
}

func read(t *testing.T, s completion.Stream, most int) {
	t.Helper()
	waited := 0
	if !completion.BeforeWait(s, func() { waited++ }) {
		t.Error("it does not tell when it waits")
	}
	for ; most != 0; most-- {
		if _, err := s.Next(); err != nil {
			break
		}
		if waited == 0 {
			t.Error("nobody was told of the wait")
		}
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
}

// With a recorder, the usage of those who have no limits is asked for; without it, what they send goes on as it is,
// and what their answers tell anyway is noted.
func TestCallersWithoutLimits(t *testing.T) {
	t.Parallel()
	for _, everyone := range []bool{false, true} {
		var got *completion.Request
		next := backend{complete: func(_ context.Context, req *completion.Request) (*completion.Answer, error) {
			got = req
			return &completion.Answer{Stream: &chunks{rest: []string{chunk, tally}}}, nil
		}}
		o := Options{Limiter: limits.NewMemory(nil)}
		if everyone {
			o.Recorder = &shelf{}
		}
		m := New(o)
		call := &completion.Call{Context: t.Context(), Principal: caller(nil)}
		req := request(t, askedIn)
		answer, err := m.Before(next).Complete(call, req)
		if err != nil {
			t.Fatal(err)
		}
		if (got == req) == everyone || m.Streams() != 1 {
			t.Errorf("everyone %v: %s, %d streams", everyone, got.Body, m.Streams())
		}
		read(t, answer.Stream, -1)
		if !call.Tokens.Reported || call.FirstToken.IsZero() || call.Limits.Asked || m.Limited(call) || m.Streams() != 0 {
			t.Errorf("everyone %v: %+v, %d streams", everyone, call, m.Streams())
		}
	}
}

// The usage of an answer that nobody counts is found at its end, and nowhere else.
func TestUsageNearEnd(t *testing.T) {
	t.Parallel()
	const usage = `"usage":{"prompt_tokens":4,"completion_tokens":9}`
	for name, test := range map[string]struct {
		body string
		want int64
	}{
		"last":          {`{"choices":[{"text":"a"}],` + usage + `}`, 13},
		"alone":         {` {` + usage + "} \n", 13},
		"before others": {`{"choices":[],` + usage + `,"id":"\"}{","timings":{"a":[1]}}`, 13},
		"long before":   {`{"choices":[{"text":"` + strings.Repeat("a", 4000) + `"}],` + usage + `}`, 13},
		"at the front":  {`{` + usage + `,"choices":[{"text":"` + strings.Repeat("a", 4000) + `"}]}`, 0},
		"in a text":     {`{"choices":[{"text":"\"usage\":{\"prompt_tokens\":4}"}]}`, 0},
		"as a text":     {`{"choices":[],"object":"usage"}`, 0},
		"deeper":        {`{"choices":[],"x":{` + usage + `}}`, 0},
		"another name":  {`{"choices":[],"a\` + usage + `}`, 0},
		"null":          {`{"choices":[],"usage":null}`, 0},
		"none":          {`{"choices":[]}`, 0},
		"nothing":       {"", 0},
	} {
		if used, ok := usageNearEnd([]byte(test.body)); used.Total() != test.want || ok != (test.want > 0) {
			t.Errorf("%s: %+v, %v", name, used, ok)
		}
	}
}

func FuzzUsageNearEnd(f *testing.F) {
	f.Add([]byte(tally))
	f.Add([]byte(`{"a":"\"usage","usage":["usage",{"usage":0}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		if !json.Valid(doc) {
			return
		}
		near, ok := usageNearEnd(doc)
		if all, _ := usageIn(doc); ok && near != all && bytes.Count(doc, usageKey) < 2 {
			t.Errorf("%+v near the end, %+v in all", near, all)
		}
	})
}

func BenchmarkUsage(b *testing.B) {
	body := []byte(`{"id":"c","choices":[{"text":"` + strings.Repeat("word ", 20000) + `","index":0,"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":4,"completion_tokens":9,"total_tokens":13}}`)
	for name, in := range map[string]func([]byte) (completion.Tokens, bool){"all": usageIn, "end": usageNearEnd} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, ok := in(body); !ok {
					b.Fatal("no usage")
				}
			}
		})
	}
}

func FuzzTextTokens(f *testing.F) {
	f.Add([]byte(chunk))
	f.Add([]byte(`{"text": "a\"b\\","text":null,"text":`))
	f.Add([]byte(`{"choices":[{"text":"a","logprobs":{"tokens":["a","b"]}},{"text":"b","token_ids":[1,2]},{"text":"c","logprobs":null}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		if !json.Valid(doc) {
			return
		}
		var seen texts
		seen.add(doc)
		if n := seen.tokens(most); n < 0 || n > int64(len(doc)) || seen.streamed(most) > n {
			t.Errorf("%d tokens in %d bytes, %d of a stream", n, len(doc), seen.streamed(most))
		}
	})
}
