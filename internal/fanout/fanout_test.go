package fanout_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/contract"
	"github.com/specgate/specgate/internal/fanout"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// schemas are the compiled schemas of answers, by name.
var schemas = sync.OnceValues(func() (map[string]*contract.Program, error) {
	spec, err := contract.Load(gen.Spec)
	if err != nil {
		return nil, err
	}
	programs := map[string]*contract.Program{}
	for _, name := range []string{"Completion", "CompletionChunk"} {
		if programs[name], err = contract.Compile(spec.Components.Schemas[name]); err != nil {
			return nil, err
		}
	}
	return programs, nil
})

// mustKeep fails the test where doc breaks the schema.
func mustKeep(t *testing.T, schema string, doc []byte) {
	t.Helper()
	programs, err := schemas()
	if err != nil {
		t.Fatal(err)
	}
	if err := programs[schema].Check(doc, nil); err != nil {
		t.Errorf("%s breaks %s: %v", doc, schema, err)
	}
}

// completer answers a part as a function says, by the part's body.
type completer func(ctx context.Context, part string) (*completion.Answer, error)

func (c completer) Complete(ctx context.Context, req *completion.Request) (*completion.Answer, error) {
	return c(ctx, string(req.Body))
}

// partsOf are requests whose bodies are a, b, c …
func partsOf(count int, stream bool, width int) fanout.Parts {
	return fanout.Parts{Count: count, Stream: stream, Width: width, Of: func(i int) *completion.Request {
		return &completion.Request{Body: []byte{byte('a' + i)}, Stream: stream}
	}}
}

func doc(id, choices, more string) string {
	return `{"id":"` + id + `","object":"text_completion","created":1,"model":"m-` + id + `","choices":[` + choices + `]` + more + `}`
}

func choice(text string) string {
	return `{"text":"` + text + `","index":0,"logprobs":null,"finish_reason":"stop"}`
}

func whole(body string) (*completion.Answer, error) {
	return &completion.Answer{Header: http.Header{"X-Part": {body[:8]}}, Body: []byte(body)}, nil
}

func TestWhole(t *testing.T) {
	answers := map[string]string{
		"a": ` { "id":"1", "object":"text_completion","created":1,"model":"m\u0031","choices" : [ {"text":"A","extra":1.50,"in\u0064ex" : 0 ,"logprobs":null,"finish_reason":"stop"} ],` +
			`"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"prompt_tokens_details":null},"timings":{"x":1e400} } `,
		"b": doc("2", choice("B"), `,"usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30,"prompt_tokens_details":{"cached_tokens":4}}`),
		"c": doc("3", choice("C")+","+choice("D"), `,"usage":{"total_tokens":300,"completion_tokens":200,"prompt_tokens":100,"prompt_tokens_details":{"cached_tokens":5,"audio_tokens":null},"more":{"y":1,"z":"q"}}`),
	}
	call := &completion.Call{Context: t.Context(), ID: "r", Work: &completion.Work{}}
	got, err := fanout.Complete(call, completer(func(ctx context.Context, part string) (*completion.Answer, error) {
		own := completion.CallOf(ctx)
		own.Upstream = part // each part may write to its own
		own.Work.Sent.Add(1)
		if own.ID != "r" {
			t.Errorf("id %q", own.ID)
		}
		return whole(answers[part])
	}), partsOf(3, false, 0))
	if err != nil {
		t.Fatal(err)
	}
	want := ` { "id":"1", "object":"text_completion","created":1,"model":"m\u0031","choices" : [{"text":"A","extra":1.50,"in\u0064ex" : 0 ,"logprobs":null,"finish_reason":"stop"},` +
		`{"text":"B","index":1,"logprobs":null,"finish_reason":"stop"},{"text":"C","index":2,"logprobs":null,"finish_reason":"stop"}],` +
		`"usage":{"prompt_tokens":111,"completion_tokens":222,"total_tokens":333,"prompt_tokens_details":{"cached_tokens":9,"audio_tokens":null},"more":{"y":1,"z":"q"}},"timings":{"x":1e400} } `
	if diff := cmp.Diff(want, string(got.Body)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	mustKeep(t, "Completion", got.Body)
	if call.Work.Sent.Load() != 3 || got.Header.Get("X-Part") != answers["a"][:8] {
		t.Errorf("%d sent, header %v", call.Work.Sent.Load(), got.Header)
	}
}

func TestUsageOfSome(t *testing.T) {
	const some = `,"usage":{"prompt_tokens":9223372036854775807,"completion_tokens":2,"total_tokens":3}`
	tests := map[string]struct{ a, b, want string }{
		"none":     {"", "", ""},
		"one":      {some, "", `,"usage":null`},
		"another":  {"", some, ""},
		"null":     {some, `,"usage":null`, `,"usage":null`},
		"too much": {some, some, `,"usage":{"prompt_tokens":9223372036854775807,"completion_tokens":4,"total_tokens":6}`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			answers := map[string]string{"a": doc("1", choice("A"), test.a), "b": doc("2", choice("B"), test.b)}
			got, err := fanout.Complete(t.Context(), completer(func(_ context.Context, part string) (*completion.Answer, error) {
				return whole(answers[part])
			}), partsOf(2, false, 0))
			if err != nil {
				t.Fatal(err)
			}
			want := doc("1", choice("A")+","+strings.Replace(choice("B"), `"index":0`, `"index":1`, 1), test.want)
			if diff := cmp.Diff(want, string(got.Body)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			mustKeep(t, "Completion", got.Body)
		})
	}
}

// script is a stream whose chunks a test hands out one by one.
type script struct {
	ctx    context.Context
	chunks chan string // closed at the proper end
	failed error       // what Next gives where a chunk is empty
	closed *sync.WaitGroup
	buf    []byte
}

func (s *script) Next() ([]byte, error) {
	select {
	case chunk, ok := <-s.chunks:
		switch {
		case !ok:
			return nil, io.EOF
		case chunk == "":
			return nil, s.failed
		}
		s.buf = append(s.buf[:0], chunk...) // valid until the next call
		return s.buf, nil
	case <-s.ctx.Done():
		return nil, context.Cause(s.ctx)
	}
}

func (s *script) Close() error {
	clear(s.buf)
	s.closed.Done()
	return nil
}

// streams is a completer of scripts, one for each part.
type streams struct {
	chunks map[string]chan string
	failed error
	opened chan string
	closed sync.WaitGroup
}

func newStreams(parts string) *streams {
	s := &streams{chunks: map[string]chan string{}, opened: make(chan string, len(parts))}
	for _, part := range parts {
		s.chunks[string(part)] = make(chan string)
	}
	return s
}

func (s *streams) Complete(ctx context.Context, req *completion.Request) (*completion.Answer, error) {
	part := string(req.Body)
	s.closed.Add(1)
	s.opened <- part
	return &completion.Answer{Stream: &script{ctx: ctx, chunks: s.chunks[part], failed: s.failed, closed: &s.closed}}, nil
}

func piece(id, text, more string) string { return doc(id, choice(text), more) }

func TestStream(t *testing.T) {
	s := newStreams("ab")
	answer, err := fanout.Complete(t.Context(), s, partsOf(2, true, 0))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	next := func(part, chunk string) {
		t.Helper()
		if chunk == "" {
			close(s.chunks[part])
			return
		}
		s.chunks[part] <- chunk
		c, err := answer.Stream.Next()
		if err != nil {
			t.Fatal(err)
		}
		mustKeep(t, "CompletionChunk", c)
		got = append(got, string(c))
	}
	next("b", piece("2", "one", ""))
	next("a", piece("1", "two", `,"usage":null`))
	next("b", piece("2", "three", `,"x":1.0`))
	next("a", doc("1", "", `,"odd":[]`))
	s.chunks["a"] <- doc("1", "", `,"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}`)
	next("a", "")
	next("b", piece("2", "four", ""))
	s.chunks["b"] <- doc("2", "", `,"usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30}`)
	next("b", "")
	last, err := answer.Stream.Next()
	if err != nil {
		t.Fatal(err)
	}
	mustKeep(t, "CompletionChunk", last)
	for range 2 {
		if c, err := answer.Stream.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("%s, %v after the end", c, err)
		}
	}
	one := func(text string) string { return strings.Replace(choice(text), `"index":0`, `"index":1`, 1) }
	want := []string{
		doc("2", one("one"), ""), doc("2", choice("two"), `,"usage":null`), doc("2", one("three"), `,"x":1.0`), doc("2", "", `,"odd":[]`), doc("2", one("four"), ""),
		doc("2", "", `,"usage":{"prompt_tokens":11,"completion_tokens":22,"total_tokens":33}`),
	}
	if diff := cmp.Diff(want, append(got, string(last))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err := answer.Stream.Close(); err != nil {
		t.Error(err)
	}
	s.closed.Wait()
}

var errBroken = errors.New("it broke")

func TestOneFailureEndsAll(t *testing.T) {
	tests := map[string]struct {
		failed error
		early  bool // whether the failure comes before another part is over
		want   error
	}{
		"at once": {errBroken, true, errBroken},
		"later":   {errBroken, false, errBroken},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			over, begun := make(chan struct{}), make(chan struct{})
			ended := make(chan error, 1)
			_, err := fanout.Complete(t.Context(), completer(func(ctx context.Context, part string) (*completion.Answer, error) {
				switch part {
				case "a":
					defer close(over)
					return whole(doc("1", choice("A"), ""))
				case "b":
					<-begun
					if !test.early {
						<-over
					}
					return nil, test.failed
				default:
					close(begun)
					<-ctx.Done()
					ended <- ctx.Err()
					return nil, ctx.Err()
				}
			}), partsOf(3, false, 0))
			if !errors.Is(err, test.want) {
				t.Errorf("error %v", err)
			}
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("the others ended with %v", err)
			}
		})
	}
}

// What was generated already would be paid for again.
func TestFailureAfterAnAnswerIsSpent(t *testing.T) {
	for _, width := range []int{1, 2} {
		_, err := fanout.Complete(t.Context(), completer(func(_ context.Context, part string) (*completion.Answer, error) {
			if part == "a" {
				return whole(doc("1", choice("A"), ""))
			}
			return nil, apierror.Upstream("gone", nil)
		}), partsOf(2, false, width))
		var e *apierror.Error
		if !errors.As(err, &e) || e.Status != 502 || width == 1 && e.Header.Get("X-Should-Retry") != "false" {
			t.Errorf("width %d: %v", width, err)
		}
	}
}

func TestStreamRefused(t *testing.T) {
	s := newStreams("ab")
	_, err := fanout.Complete(t.Context(), completer(func(ctx context.Context, part string) (*completion.Answer, error) {
		if part == "b" {
			<-s.opened
			return nil, errBroken
		}
		return s.Complete(ctx, partsOf(1, true, 0).Of(0))
	}), partsOf(2, true, 0))
	if !errors.Is(err, errBroken) {
		t.Errorf("error %v", err)
	}
	s.closed.Wait()
}

func TestStreamWithoutStream(t *testing.T) {
	_, err := fanout.Complete(t.Context(), completer(func(context.Context, string) (*completion.Answer, error) {
		return whole(doc("1", choice("A"), ""))
	}), partsOf(2, true, 0))
	if err == nil {
		t.Error("no error")
	}
}

func TestStreamBreaks(t *testing.T) {
	s := newStreams("abc")
	s.failed = errBroken
	answer, err := fanout.Complete(t.Context(), s, partsOf(3, true, 0))
	if err != nil {
		t.Fatal(err)
	}
	s.chunks["a"] <- piece("1", "one", "")
	if _, err := answer.Stream.Next(); err != nil {
		t.Fatal(err)
	}
	s.chunks["b"] <- ""
	for range 2 {
		if _, err := answer.Stream.Next(); !errors.Is(err, errBroken) {
			t.Errorf("error %v", err)
		}
	}
	s.closed.Wait() // before anyone closes the whole
	if err := answer.Stream.Close(); err != nil {
		t.Error(err)
	}
}

func TestCloseEndsAll(t *testing.T) {
	s := newStreams("abc")
	answer, err := fanout.Complete(t.Context(), s, partsOf(3, true, 0))
	if err != nil {
		t.Fatal(err)
	}
	s.chunks["a"] <- piece("1", "one", "") // nobody takes it
	for range 2 {
		if err := answer.Stream.Close(); err != nil {
			t.Error(err)
		}
	}
	s.closed.Wait()
}

// A caller who leaves ends all parts, and hears why.
func TestCallerLeaves(t *testing.T) {
	cause := errors.New("gone")
	for _, stream := range []bool{false, true} {
		ctx, leave := context.WithCancelCause(t.Context())
		var once sync.Once
		_, err := fanout.Complete(ctx, completer(func(ctx context.Context, _ string) (*completion.Answer, error) {
			once.Do(func() { leave(cause) })
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}), partsOf(3, stream, 2))
		if !errors.Is(err, cause) {
			t.Errorf("error %v", err)
		}
	}
}

// A part that waits for another to be over must not keep the stream from beginning.
func TestStreamBeginsBeforeAllAreOpen(t *testing.T) {
	s := newStreams("ab")
	answer, err := func() (*completion.Answer, error) {
		go func() { s.chunks["a"] <- piece("1", "one", "") }()
		return fanout.Complete(t.Context(), s, partsOf(2, true, 1))
	}()
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Stream.Close() //nolint:errcheck // it was read to its end
	if part := <-s.opened; part != "a" || len(s.opened) > 0 {
		t.Errorf("part %s was opened", part)
	}
	read := make(chan string)
	go func() {
		defer close(read)
		for {
			c, err := answer.Stream.Next()
			if err != nil {
				return
			}
			read <- string(c)
		}
	}()
	<-read
	close(s.chunks["a"])
	s.chunks["b"] <- piece("2", "two", "")
	if c := <-read; !strings.Contains(c, `"index":1`) || !strings.Contains(c, `"id":"1"`) {
		t.Errorf("got %s", c)
	}
	close(s.chunks["b"])
	if _, more := <-read; more {
		t.Error("a chunk too many")
	}
}

func TestWidth(t *testing.T) {
	const count, width = 20, 3
	var mu sync.Mutex
	running, most := 0, 0
	step := func(by int) {
		mu.Lock()
		defer mu.Unlock()
		running += by
		most = max(most, running)
	}
	got, err := fanout.Complete(t.Context(), completer(func(_ context.Context, part string) (*completion.Answer, error) {
		step(1)
		defer step(-1)
		return whole(doc("id", choice(part), ""))
	}), partsOf(count, false, width))
	if err != nil {
		t.Fatal(err)
	}
	if most > width {
		t.Errorf("%d at once", most)
	}
	var c struct {
		Choices []struct {
			Text  string
			Index int
		}
	}
	if err := json.Unmarshal(got.Body, &c); err != nil {
		t.Fatal(err)
	}
	for i, choice := range c.Choices {
		if choice.Index != i || choice.Text != string(rune('a'+i)) {
			t.Errorf("choice %d is %+v", i, choice)
		}
	}
	if len(c.Choices) != count {
		t.Errorf("%d choices", len(c.Choices))
	}
}

// However the chunks of many parts come, each choice's are in their order.
func TestStreamOrder(t *testing.T) {
	const count, pieces = 8, 50
	answer, err := fanout.Complete(t.Context(), completer(func(ctx context.Context, part string) (*completion.Answer, error) {
		chunks := make(chan string, pieces)
		for i := range pieces {
			chunks <- piece(part, fmt.Sprint(i), "")
		}
		close(chunks)
		closed := &sync.WaitGroup{}
		closed.Add(1)
		return &completion.Answer{Stream: &script{ctx: ctx, chunks: chunks, closed: closed}}, nil
	}), partsOf(count, true, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Stream.Close() //nolint:errcheck // it was read to its end
	texts := make([][]string, count)
	ids := map[string]bool{}
	for {
		raw, err := answer.Stream.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		var c gen.CompletionChunk
		if err := json.Unmarshal(raw, &c); err != nil {
			t.Fatal(err)
		}
		ids[c.Id+c.Model] = true
		texts[c.Choices[0].Index] = append(texts[c.Choices[0].Index], c.Choices[0].Text)
	}
	var want []string
	for i := range pieces {
		want = append(want, fmt.Sprint(i))
	}
	for i, got := range texts {
		if !slices.Equal(want, got) {
			t.Errorf("choice %d is %v", i, got)
		}
	}
	if len(ids) != 1 {
		t.Errorf("ids and models %v", ids)
	}
}

// A part is a copy of a request that may be large: there are never more of them than run.
func TestPartsAreMadeInTurn(t *testing.T) {
	const count, width = 12, 2
	var made, over atomic.Int64
	parts := partsOf(count, false, width)
	of := parts.Of
	parts.Of = func(i int) *completion.Request {
		if held := made.Add(1) - over.Load(); held > width {
			t.Errorf("%d parts are held", held)
		}
		return of(i)
	}
	_, err := fanout.Complete(t.Context(), completer(func(_ context.Context, part string) (*completion.Answer, error) {
		defer over.Add(1)
		return whole(doc("id", choice(part), ""))
	}), parts)
	if err != nil || made.Load() != count {
		t.Errorf("%d parts made, error %v", made.Load(), err)
	}
}

func TestAnswersTooLarge(t *testing.T) {
	answer := doc("id", choice("A"), "")
	var asked atomic.Int64
	next := completer(func(context.Context, string) (*completion.Answer, error) {
		asked.Add(1)
		return whole(answer)
	})
	for _, test := range []struct {
		maxBytes, asked int
		refused         bool
	}{{4 * len(answer), 4, false}, {4*len(answer) - 1, 4, true}, {2*len(answer) - 1, 2, true}} {
		asked.Store(0)
		parts := partsOf(4, false, 1)
		parts.MaxBytes = test.maxBytes
		_, err := fanout.Complete(t.Context(), next, parts)
		var e *apierror.Error
		if refused := errors.As(err, &e) && e.Status == 502 && e.Header.Get("X-Should-Retry") == "false"; refused != test.refused || int(asked.Load()) != test.asked {
			t.Errorf("%+v: %d asked, error %v", test, asked.Load(), err)
		}
	}
}

// A bug costs one request, and not the process.
func TestPanic(t *testing.T) {
	for _, stream := range []bool{false, true} {
		inPart := completer(func(context.Context, string) (*completion.Answer, error) { panic("secret") })
		broken := partsOf(2, stream, 0)
		broken.Of = func(int) *completion.Request { panic("secret") }
		for name, run := range map[string]func() (*completion.Answer, error){
			"asked": func() (*completion.Answer, error) { return fanout.Complete(t.Context(), inPart, partsOf(2, stream, 0)) },
			"made":  func() (*completion.Answer, error) { return fanout.Complete(t.Context(), inPart, broken) },
		} {
			_, err := run()
			if err == nil || apierror.From(err).Status != 500 || !strings.Contains(err.Error(), "fanout_test.go") || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s, stream %t: %v", name, stream, err)
			}
		}
	}
}

// What a backend has begun to stream, it has worked on, whatever becomes of the rest.
func TestFailureBesideAStreamIsSpent(t *testing.T) {
	opened := make(chan struct{})
	_, err := fanout.Complete(t.Context(), completer(func(ctx context.Context, part string) (*completion.Answer, error) {
		if part == "b" {
			<-opened
			return nil, apierror.Upstream("gone", nil)
		}
		closed := &sync.WaitGroup{}
		closed.Add(1)
		return &completion.Answer{Stream: &opening{script{ctx: ctx, closed: closed}, opened}}, nil
	}), partsOf(2, true, 0))
	var e *apierror.Error
	if !errors.As(err, &e) || e.Status != 502 || e.Header.Get("X-Should-Retry") != "false" {
		t.Errorf("error %v", err)
	}
}

// opening is a stream that tells when it is first read.
type opening struct {
	script
	opened chan struct{}
}

func (o *opening) Next() ([]byte, error) {
	close(o.opened)
	return o.script.Next()
}
