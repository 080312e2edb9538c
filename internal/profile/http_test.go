package profile_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/contract"
	"github.com/specgate/specgate/internal/fakebackend"
	"github.com/specgate/specgate/internal/profile"
	"github.com/specgate/specgate/internal/upstream"
)

// bounded is how long anything may take before a test gives it up.
const bounded = 20 * time.Second

// front is a profile in front of a scripted backend, over HTTP.
func front(t *testing.T, kind string, reply fakebackend.Reply) (profile.Completer, *fakebackend.Backend) {
	t.Helper()
	doc, err := contract.Load(gen.Spec)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := contract.Compile(doc.Components.Schemas["Completion"], upstream.CompletionFacts()...)
	if err != nil {
		t.Fatal(err)
	}
	chunk, err := contract.Compile(doc.Components.Schemas["CompletionChunk"], upstream.ChunkFacts()...)
	if err != nil {
		t.Fatal(err)
	}
	backend := fakebackend.New(t, reply)
	base, err := url.Parse(backend.URL + "/v1")
	if err != nil {
		t.Fatal(err)
	}
	client := upstream.New(upstream.Options{Name: "main", Kind: kind, BaseURL: base, Completion: whole, Chunk: chunk})
	t.Cleanup(client.Close)
	return profile.New(kind, client, profile.Options{FanoutMax: 128, Defaults: load(t).defaults}), backend
}

// caller is the context of a request, as the server makes it.
func caller(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bounded)
	t.Cleanup(cancel)
	return &completion.Call{Context: ctx, ID: "req_1"}
}

// wanted is what a backend reads of a request.
type wanted struct {
	Prompt string
	Seed   int
	Stream bool
	N      *int
}

func read(t *testing.T, r *fakebackend.Request) wanted {
	t.Helper()
	var w wanted
	if err := json.Unmarshal(r.Body, &w); err != nil {
		t.Errorf("%s: %v", r.Body, err)
	}
	return w
}

// like answers as Ollama does, with what it was asked for as the text: no logprobs, an id that repeats
// itself, and in a stream zeros for usage until the end.
func like(t *testing.T) fakebackend.Reply {
	t.Helper()
	return func(c *fakebackend.Conn, r *fakebackend.Request) {
		w := read(t, r)
		if w.N != nil {
			t.Errorf("n was sent: %s", r.Body)
		}
		text := fmt.Sprintf("%s/%d", w.Prompt, w.Seed)
		const head = `{"id":"cmpl-7","object":"text_completion","created":1,"model":"m","choices":[`
		usage := fmt.Sprintf(`,"usage":{"prompt_tokens":%d,"completion_tokens":2,"total_tokens":%d}`, len(w.Prompt), len(w.Prompt)+2)
		if !w.Stream {
			fakebackend.JSON(200, head+`{"text":"`+text+`","index":0,"finish_reason":"stop"}]`+usage+`}`)(c, r)
			return
		}
		zeros := `,"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}`
		fakebackend.Events(fakebackend.Data(
			head+`{"text":"`+text+`","index":0,"finish_reason":null}]`+zeros+`}`,
			head+`{"text":"!","index":0,"finish_reason":"stop"}]`+zeros+`}`,
			head+`]`+usage+`}`, "[DONE]",
		))(c, r)
	}
}

const batch = `{"model":"m","prompt":["a","bbb"],"n":2,"seed":5`

func TestWholeOverHTTP(t *testing.T) {
	p, backend := front(t, "ollama", like(t))
	answer, err := p.Complete(caller(t), request(t, batch+`}`))
	if err != nil {
		t.Fatal(err)
	}
	const rest = `,"index":%d,"finish_reason":"stop","logprobs":null}`
	want := `{"id":"cmpl-7","object":"text_completion","created":1,"model":"m","choices":[` + fmt.Sprintf(
		`{"text":"a/5"`+rest+`,{"text":"a/6"`+rest+`,{"text":"bbb/5"`+rest+`,{"text":"bbb/6"`+rest, 0, 1, 2, 3,
	) + `],"usage":{"prompt_tokens":8,"completion_tokens":8,"total_tokens":16}}`
	if diff := cmp.Diff(want, string(answer.Body)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err := load(t).answer.Check(answer.Body, nil); err != nil {
		t.Error(err)
	}
	var bodies []string
	for _, r := range backend.Requests() {
		bodies = append(bodies, string(r.Body))
		if r.Header.Get("X-Request-Id") != "req_1" {
			t.Errorf("headers %v", r.Header)
		}
	}
	slices.Sort(bodies)
	sent := []string{
		`{"model":"m","prompt":"a","seed":5,"max_tokens":16}`, `{"model":"m","prompt":"a","seed":6,"max_tokens":16}`,
		`{"model":"m","prompt":"bbb","seed":5,"max_tokens":16}`, `{"model":"m","prompt":"bbb","seed":6,"max_tokens":16}`,
	}
	if diff := cmp.Diff(sent, bodies); diff != "" {
		t.Errorf("sent (-want +got)\n%s", diff)
	}
}

func TestStreamOverHTTP(t *testing.T) {
	p, _ := front(t, "ollama", like(t))
	for _, usage := range []bool{true, false} {
		answer, err := p.Complete(caller(t), request(t, fmt.Sprintf(`%s,"stream":true,"stream_options":{"include_usage":%v}}`, batch, usage)))
		if err != nil {
			t.Fatal(err)
		}
		texts := map[int64]string{}
		total := ""
		for {
			raw, err := answer.Stream.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := load(t).chunk.Check(raw, nil); err != nil {
				t.Errorf("%s: %v", raw, err)
			}
			var chunk gen.CompletionChunk
			if err := json.Unmarshal(raw, &chunk); err != nil {
				t.Fatal(err)
			}
			if total != "" {
				t.Errorf("%s comes after the usage", raw)
			}
			if u := chunk.Usage; u != nil {
				total = fmt.Sprint(u.PromptTokens, u.CompletionTokens, u.TotalTokens, len(chunk.Choices))
			}
			for _, c := range chunk.Choices {
				texts[c.Index] += c.Text
			}
		}
		if diff := cmp.Diff(map[int64]string{0: "a/5!", 1: "a/6!", 2: "bbb/5!", 3: "bbb/6!"}, texts); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if want := map[bool]string{true: "8 8 16 0", false: ""}[usage]; total != want {
			t.Errorf("usage %q, want %q", total, want)
		}
		if err := answer.Stream.Close(); err != nil {
			t.Error(err)
		}
	}
}

// One that is refused ends the others, whose connections close, and its status is the answer.
func TestRefusedOverHTTP(t *testing.T) {
	for _, stream := range []string{"", `,"stream":true`} {
		var others, gone sync.WaitGroup
		others.Add(3)
		gone.Add(3)
		p, _ := front(t, "ollama", func(c *fakebackend.Conn, r *fakebackend.Request) {
			if w := read(t, r); w.Prompt == "bbb" && w.Seed == 6 {
				others.Wait()
				fakebackend.JSON(400, `{"error":{"message":"too long","type":"invalid_request_error","param":null,"code":null}}`)(c, r)
				return
			}
			others.Done()
			c.Await(nil) // until the gateway closes the connection
			gone.Done()
		})
		_, err := p.Complete(caller(t), request(t, batch+stream+`}`))
		var e *apierror.Error
		if !errors.As(err, &e) || e.Status != 400 || e.Message != "too long" {
			t.Errorf("error %v", err)
		}
		gone.Wait()
	}
}

// One that breaks in the middle of its stream is the failure of the whole.
func TestBreaksOverHTTP(t *testing.T) {
	const chunk = `{"id":"cmpl-7","object":"text_completion","created":1,"model":"m","choices":[{"text":"x","index":0,"logprobs":null,"finish_reason":null}]}`
	var all, gone sync.WaitGroup
	all.Add(4)
	gone.Add(3)
	seen := make(chan struct{})
	p, _ := front(t, "ollama", func(c *fakebackend.Conn, r *fakebackend.Request) {
		all.Done()
		all.Wait() // the first chunk may not come before the last request
		c.Head(200, fakebackend.EventStream)
		if w := read(t, r); w.Prompt == "bbb" && w.Seed == 6 {
			c.Chunk(fakebackend.Data(chunk))
			c.Await(seen)
			c.Chunk(fakebackend.Data(`{"error":{"message":"out of memory","type":"server_error"}}`))
			c.End()
			return
		}
		c.Await(nil)
		gone.Done()
	})
	answer, err := p.Complete(caller(t), request(t, batch+`,"stream":true}`))
	if err != nil {
		t.Fatal(err)
	}
	first, err := answer.Stream.Next()
	if err != nil || !strings.Contains(string(first), `"index":3`) {
		t.Errorf("%s, %v", first, err)
	}
	close(seen)
	_, err = answer.Stream.Next()
	var e *apierror.Error
	if !errors.As(err, &e) || e.Message != "out of memory" {
		t.Errorf("error %v", err)
	}
	gone.Wait()
	if err := answer.Stream.Close(); err != nil {
		t.Error(err)
	}
}

// A caller who leaves a stream ends all its parts.
func TestLeaveOverHTTP(t *testing.T) {
	const chunk = `{"id":"cmpl-7","object":"text_completion","created":1,"model":"m","choices":[{"text":"x","index":0,"logprobs":null,"finish_reason":null}]}`
	var all, gone sync.WaitGroup
	all.Add(4)
	gone.Add(4)
	p, _ := front(t, "llamacpp", func(c *fakebackend.Conn, _ *fakebackend.Request) {
		all.Done()
		all.Wait() // the first chunk may not come before the last request
		c.Head(200, fakebackend.EventStream)
		c.Chunk(fakebackend.Data(chunk))
		c.Await(nil)
		gone.Done()
	})
	answer, err := p.Complete(caller(t), request(t, batch+`,"stream":true}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := answer.Stream.Next(); err != nil {
		t.Error(err)
	}
	if err := answer.Stream.Close(); err != nil {
		t.Error(err)
	}
	gone.Wait()
}

// llama.cpp's own ways are repaired in each part: logprobs of a chat, usage on the last chunk.
func TestLlamaCppOverHTTP(t *testing.T) {
	p, _ := front(t, "llamacpp", func(c *fakebackend.Conn, r *fakebackend.Request) {
		fakebackend.JSON(200, `{"choices":[{"text":"`+read(t, r).Prompt+`","index":0,"logprobs":{"content":[{"token":"x","logprob":-0.50,"top_logprobs":[]}]},"finish_reason":"length"}],`+
			`"created":1,"model":"alias","object":"text_completion","usage":{"completion_tokens":1,"prompt_tokens":2,"total_tokens":3,"prompt_tokens_details":{"cached_tokens":1}},"id":"chatcmpl-1","timings":{"predicted_ms":1.250}}`)(c, r)
	})
	answer, err := p.Complete(caller(t), request(t, `{"model":"m","prompt":["a","b"],"logprobs":0}`))
	if err != nil {
		t.Fatal(err)
	}
	const logprobs = `"logprobs":{"tokens":["x"],"token_logprobs":[-0.50],"top_logprobs":null,"text_offset":[0]},"finish_reason":"length"}`
	want := `{"choices":[{"text":"a","index":0,` + logprobs + `,{"text":"b","index":1,` + logprobs + `],` +
		`"created":1,"model":"alias","object":"text_completion","usage":{"completion_tokens":2,"prompt_tokens":4,"total_tokens":6,"prompt_tokens_details":{"cached_tokens":2}},"id":"chatcmpl-1","timings":{"predicted_ms":1.250}}`
	if diff := cmp.Diff(want, string(answer.Body)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
