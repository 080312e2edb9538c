package upstream_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/fakebackend"
	"github.com/specgate/specgate/internal/upstream"
)

// chunkOf is a conforming chunk; finish is JSON. more stands after the choices.
func chunkOf(text, finish string, more ...string) string {
	return "{" + labels + `,"choices":[{"text":"` + text + `","index":0,"logprobs":null,"finish_reason":` + finish + `}]` + strings.Join(more, "") + "}"
}

func usageChunk(usage string) string { return "{" + labels + `,"choices":[],"usage":` + usage + "}" }

const (
	someUsage = `{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}`
	zeroUsage = `{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}`
)

// readStream reads a stream to its end, checks every chunk, and closes it.
func readStream(t *testing.T, s completion.Stream) ([]string, error) {
	t.Helper()
	defer func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	var got []string
	for {
		chunk, err := s.Next()
		if err != nil {
			if _, again := s.Next(); !errors.Is(again, err) {
				t.Errorf("after %v comes %v", err, again)
			}
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return got, err
		}
		mustKeep(t, "CompletionChunk", chunk)
		if strings.ContainsAny(string(chunk), "\r\n") {
			t.Errorf("%q has a line end in it", chunk)
		}
		got = append(got, string(chunk))
	}
}

func TestStreams(t *testing.T) {
	t.Parallel()
	a, b := chunkOf(" a", "null"), chunkOf(" b", `"stop"`)
	tests := map[string]struct {
		in    string
		usage bool // whether it is asked for
		want  []string
		kinds string
	}{
		"OpenAI":                      {fakebackend.Data(a, b, "[DONE]"), false, []string{a, b}, ""},
		"OpenAI with usage":           {fakebackend.Data(chunkOf(" a", "null", `,"usage":null`), usageChunk(someUsage), "[DONE]"), true, []string{chunkOf(" a", "null", `,"usage":null`), usageChunk(someUsage)}, ""},
		"usage that nobody asked for": {fakebackend.Data(a, usageChunk(someUsage), "[DONE]"), false, []string{a}, "usage_place"},
		"usage twice":                 {fakebackend.Data(usageChunk(someUsage), a, usageChunk(zeroUsage), "[DONE]"), true, []string{a, usageChunk(someUsage)}, ""},
		"usage of nothing":            {fakebackend.Data(a, usageChunk(zeroUsage), "[DONE]"), true, []string{a, usageChunk(zeroUsage)}, ""},
		"no usage at all":             {fakebackend.Data(a, "[DONE]"), true, []string{a}, ""},
		"llama.cpp, usage at the end": {fakebackend.Data(a, chunkOf(" b", `"stop"`, `,"usage":`+someUsage, `,"timings":{"x":1.0}`), "[DONE]"), true, []string{a, chunkOf(" b", `"stop"`, `,"timings":{"x":1.0}`), usageChunk(someUsage)}, "usage_place"},
		"llama.cpp, not asked":        {fakebackend.Data(a, chunkOf(" b", `"stop"`, `,"usage":`+someUsage), "[DONE]"), false, []string{a, b}, "usage_place"},
		"zeros on every chunk":        {fakebackend.Data(chunkOf(" a", "null", `,"usage":`+zeroUsage), chunkOf(" b", `"stop"`, `,"usage":`+zeroUsage), usageChunk(someUsage), "[DONE]"), true, []string{a, b, usageChunk(someUsage)}, "usage_place"},
		"zeros and no more":           {fakebackend.Data(chunkOf(" a", "null", `,"usage":`+zeroUsage), "[DONE]"), true, []string{a}, "usage_place"},
		"the last usage counts":       {fakebackend.Data(chunkOf(" a", "null", `,"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}`), chunkOf(" b", `"stop"`, `,"usage":`+someUsage), "[DONE]"), true, []string{a, b, usageChunk(someUsage)}, "usage_place"},
		"usage on both":               {fakebackend.Data(chunkOf(" a", "null", `,"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}`), usageChunk(someUsage), "[DONE]"), true, []string{a, usageChunk(someUsage)}, "usage_place"},
		"look-alike keys":             {fakebackend.Data(chunkOf(" a", "null", `,"Usage":{"x":1},"Model":2`), "[DONE]"), false, []string{chunkOf(" a", "null", `,"Usage":{"x":1},"Model":2`)}, ""},
		"empty choices":               {fakebackend.Data("{"+labels+`,"prompt_filter_results":[],"choices":[]}`, a, "[DONE]"), false, []string{"{" + labels + `,"prompt_filter_results":[],"choices":[]}`, a}, ""},
		"usage and no text":           {fakebackend.Data(usageChunk(someUsage), "[DONE]"), true, []string{usageChunk(someUsage)}, ""},
		"integers with points":        {fakebackend.Data(strings.NewReplacer(`"index":0`, `"index":0.0`, `"created":1`, `"created":1.0`).Replace(a), strings.Replace(usageChunk(someUsage), `:1,"comp`, `:1e0,"comp`, 1), "[DONE]"), true, []string{a, usageChunk(someUsage)}, "created index usage"},
		"null as the first event":     {fakebackend.Data("null", a, "[DONE]"), false, []string{a}, ""},
		"comments and empty data":     {":\n\n: x\n\ndata:\n\n" + fakebackend.Data(a, "", "[DONE]"), false, []string{a}, ""},
		"no space, CRLF":              {"data:" + a + "\r\n\r\ndata:[DONE]\r\n\r\n", false, []string{a}, ""},
		"events with names":           {"event: message\nid: 1\nretry: 1\ndata: " + a + "\n\ndata: [DONE]", false, []string{a}, ""},
		"several lines":               {"data: {" + "\ndata: " + a[1:] + "\n\ndata: [DONE]\n\n", false, []string{"{ " + a[1:]}, ""},
		"error null":                  {fakebackend.Data(chunkOf(" a", "null", `,"error":null,"usage":`+zeroUsage), "[DONE]"), false, []string{a}, "error_null usage_place"},
		"more after the end":          {fakebackend.Data(a, "[DONE]", b), false, []string{a}, ""},
		"TGI": {
			fakebackend.Data(`{"object":"text_completion","id":"","created":1,"model":"m","system_fingerprint":"3","choices":[{"index":0,"text":" a","logprobs":null,"finish_reason":""}]}`,
				`{"object":"text_completion","id":"","created":1,"model":"m","system_fingerprint":"3","choices":[{"index":0,"text":"","logprobs":null,"finish_reason":"eos_token"}],"usage":`+someUsage+"}", "[DONE]"), true,
			[]string{
				`{"object":"text_completion","id":"cmpl-` + requestID + `","created":1,"model":"m","system_fingerprint":"3","choices":[{"index":0,"text":" a","logprobs":null,"finish_reason":null}]}`,
				`{"object":"text_completion","id":"cmpl-` + requestID + `","created":1,"model":"m","system_fingerprint":"3","choices":[{"index":0,"text":"","logprobs":null,"finish_reason":"stop"}]}`,
				`{"id":"cmpl-` + requestID + `","object":"text_completion","created":1,"model":"m","choices":[],"usage":` + someUsage + "}",
			},
			"finish_reason id usage_place",
		},
		"what the first chunk said": {
			fakebackend.Data(a, `{"object":"chunk","model":"","choices":[{"text":"b"}]}`, "[DONE]"), false,
			[]string{a, `{"object":"text_completion","model":"m","choices":[{"text":"b","index":0,"finish_reason":null,"logprobs":null}],"id":"cmpl-1","created":1}`},
			"created finish_reason id index logprobs_missing model object",
		},
		"chat logprobs go on": {
			fakebackend.Data(
				chatChunk(0, `{"token":" é","logprob":-1}`), chatChunk(1, `{"token":"xyz","logprob":-1}`),
				chatChunk(0, `{"token":"b","logprob":-2},{"token":"c","logprob":-3}`), chatChunk(1, `{"token":"d","logprob":-4}`), "[DONE]"), false,
			[]string{
				legacyChunk("0", `[" é"]`, "[-1]", "[0]"), legacyChunk("1", `["xyz"]`, "[-1]", "[0]"),
				legacyChunk("0", `["b","c"]`, "[-2,-3]", "[2,3]"), legacyChunk("1", `["d"]`, "[-4]", "[3]"),
			},
			"logprobs_chat",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for how, reply := range map[string]fakebackend.Reply{
				"whole": fakebackend.Events(test.in), "byte by byte": fakebackend.Events(strings.Split(test.in, "")...),
			} {
				made := &repairs{}
				backend := fakebackend.New(t, reply)
				req := streamed()
				req.IncludeUsage = test.usage
				answer, err := newClient(t, backend.URL, func(o *upstream.Options) { o.Repaired = made.add }).Complete(caller(t), req)
				if err != nil {
					t.Fatal(err)
				}
				got, err := readStream(t, answer.Stream)
				if err != nil {
					t.Errorf("%s: %v", how, err)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", how, diff)
				}
				if diff := cmp.Diff(test.kinds, strings.Join(made.sorted(), " ")); diff != "" {
					t.Errorf("%s: repairs (-want +got):\n%s", how, diff)
				}
			}
		})
	}
}

func chatChunk(index int, content string) string {
	return "{" + labels + `,"choices":[{"text":"","index":` + string(rune('0'+index)) + `,"logprobs":{"content":[` + content + `]},"finish_reason":null}]}`
}

func legacyChunk(index, tokens, logprobs, offsets string) string {
	return "{" + labels + `,"choices":[{"text":"","index":` + index + `,"logprobs":{"tokens":` + tokens + `,"token_logprobs":` + logprobs +
		`,"top_logprobs":null,"text_offset":` + offsets + `},"finish_reason":null}]}`
}

func TestStreamsThatBreak(t *testing.T) {
	t.Parallel()
	a := chunkOf(" a", "null")
	first := fakebackend.Data(a)
	brokeOff := upstreamError("The backend broke off before its answer was whole.")
	unusable := func(why string) told {
		return spent(upstreamError("The backend's answer cannot be used: " + why + "."))
	}
	reset := func(c *fakebackend.Conn, _ *fakebackend.Request) {
		c.Head(200, fakebackend.EventStream)
		c.Chunk(first)
		c.Reset()
	}
	stall := func(c *fakebackend.Conn, _ *fakebackend.Request) {
		c.Head(200, fakebackend.EventStream)
		c.Chunk(first)
		c.Await(nil)
	}
	tests := map[string]struct {
		reply fakebackend.Reply
		want  told
	}{
		"reset":                  {reset, brokeOff},
		"stall":                  {stall, timedOut()},
		"no [DONE]":              {fakebackend.Events(first), brokeOff},
		"half an event":          {fakebackend.Events(first, "data: {\"id\""), brokeOff},
		"closed in the chunks":   {fakebackend.Raw("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(first)), brokeOff},
		"malformed chunks":       {fakebackend.Raw("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(first) + "xyz\r\n"), upstreamError("The backend's answer could not be read.")},
		"no JSON":                {fakebackend.Events(first, fakebackend.Data("{", "[DONE]")), unusable("it is not JSON")},
		"no choices":             {fakebackend.Events(first, fakebackend.Data(`{"id":"a"}`, "[DONE]")), unusable("it has no choices")},
		"no text":                {fakebackend.Events(first, fakebackend.Data(`{"choices":[{"delta":{}}]}`)), unusable("a choice in it has no text")},
		"too long":               {fakebackend.Events(first, fakebackend.Data(chunkOf(strings.Repeat("x", 1000), "null"))), spent(upstreamError("An event of the backend's answer is larger than 1000 bytes."))},
		"OpenAI's error":         {fakebackend.Events(first, fakebackend.Data(`{"error":{"message":"boom","type":"server_error","param":null,"code":null}}`)), spent(upstreamError("boom"))},
		"vLLM's error":           {fakebackend.Events(first, fakebackend.Data(`{"error":{"message":"boom","type":"InternalServerError","param":null,"code":500}}`, "[DONE]")), spent(told{Status: 502, Type: "InternalServerError", Code: "500", Message: "boom"})},
		"SGLang's flat error":    {fakebackend.Events(first, fakebackend.Data(`{"object":"error","message":"boom","type":"x","param":null,"code":400}`, "[DONE]")), spent(told{Status: 502, Type: "x", Code: "400", Message: "boom"})},
		"TGI's error":            {fakebackend.Events(first, fakebackend.Data(`{"error":{"message":"boom","http_status_code":424}}`, "[DONE]")), spent(upstreamError("boom"))},
		"llama.cpp's error line": {fakebackend.Events(first, "error: {\"code\":500,\"message\":\"boom\",\"type\":\"server_error\"}\n\ndata: [DONE]\n\n"), spent(told{Status: 502, Type: "server_error", Code: "500", Message: "boom"})},
		"an error line of words": {fakebackend.Events(first, "error: boom\n\n"), spent(upstreamError("The backend reported an error."))},
		"an error on a chunk":    {fakebackend.Events(first, fakebackend.Data(chunkOf("x", "null", `,"error":{"message":"boom"}`))), spent(upstreamError("boom"))},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backend := fakebackend.New(t, test.reply)
			client := newClient(t, backend.URL, impatient(name), func(o *upstream.Options) { o.MaxEvent = 1000 })
			answer, err := client.Complete(caller(t), streamed())
			if err != nil {
				t.Fatal(err)
			}
			got, err := readStream(t, answer.Stream)
			if diff := cmp.Diff([]string{a}, got); diff != "" {
				t.Errorf("chunks (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.want, toldOf(t, err)); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if strings.Contains(err.Error(), "boom") {
				t.Errorf("the log is told the backend's words: %v", err)
			}
		})
	}
}

// chunked is a piece of a body in the form in which it is sent.
func chunked(data string) string {
	const hex = "0123456789abcdef"
	n, size := len(data), ""
	for ; n > 0; n /= 16 {
		size = string(hex[n%16]) + size
	}
	return size + "\r\n" + data + "\r\n"
}

// A stream that says it is done and has said nothing is no success.
func TestStreamWithoutAChunk(t *testing.T) {
	t.Parallel()
	for name, events := range map[string]string{
		"[DONE] alone": fakebackend.Data("[DONE]"), "null": fakebackend.Data("null", "[DONE]"), "a comment": ": x\n\ndata:\n\n" + fakebackend.Data("[DONE]"),
	} {
		backend := fakebackend.New(t, fakebackend.Events(events))
		answer, err := newClient(t, backend.URL).Complete(caller(t), streamed())
		if err != nil {
			t.Fatal(err)
		}
		got, err := readStream(t, answer.Stream)
		if diff := cmp.Diff(spent(upstreamError("The backend's stream ended without an answer in it.")), toldOf(t, err)); diff != "" || got != nil {
			t.Errorf("%s: chunks %v, error (-want +got):\n%s", name, got, diff)
		}
	}
}

// Ollama swallows the error of a model that breaks off: an empty chunk, and the stream is over.
func TestOllamaBreaksOff(t *testing.T) {
	t.Parallel()
	backend := fakebackend.New(t, fakebackend.Events(fakebackend.Data(
		`{"id":"cmpl-7","object":"text_completion","created":1,"model":"","system_fingerprint":"fp_ollama","choices":[{"text":"","index":0,"finish_reason":null}]}`)))
	answer, err := newClient(t, backend.URL).Complete(caller(t), streamed())
	if err != nil {
		t.Fatal(err)
	}
	_, err = readStream(t, answer.Stream)
	if diff := cmp.Diff(upstreamError("The backend broke off before its answer was whole."), toldOf(t, err)); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

// Events are given as they come: the first is read while the backend still waits to send the second.
func TestStreamDoesNotWait(t *testing.T) {
	t.Parallel()
	read := make(chan struct{})
	backend := fakebackend.New(t, func(c *fakebackend.Conn, _ *fakebackend.Request) {
		c.Head(200, fakebackend.EventStream)
		c.Chunk(fakebackend.Data(chunkOf(" a", "null")))
		c.Await(read)
		c.Chunk(fakebackend.Data("[DONE]"))
		c.End()
	})
	answer, err := newClient(t, backend.URL).Complete(caller(t), streamed())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := answer.Stream.Next(); err != nil {
		t.Fatal(err)
	}
	close(read)
	if rest, err := readStream(t, answer.Stream); err != nil || rest != nil {
		t.Errorf("then %v, %v", rest, err)
	}
}

// The time that the caller takes over a chunk isn't the backend's.
func TestIdleTimeIsTheBackendsAlone(t *testing.T) {
	t.Parallel()
	backend := fakebackend.New(t, fakebackend.Events(fakebackend.Data(chunkOf(" a", "null")), fakebackend.Data("[DONE]")))
	ctx, cancel := context.WithTimeout(caller(t), 5*soon)
	defer cancel()
	answer, err := newClient(t, backend.URL, timeouts(upstream.Timeouts{Idle: 4 * soon, FirstByte: 4 * soon})).Complete(caller(t), streamed())
	if err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	if got, err := readStream(t, answer.Stream); err != nil || len(got) != 1 {
		t.Errorf("chunks %v, error %v", got, err)
	}
}

func TestStreamGivesTheBackendUp(t *testing.T) {
	t.Parallel()
	tests := map[string]func(s completion.Stream, cancel context.CancelCauseFunc) error{
		"closed": func(s completion.Stream, _ context.CancelCauseFunc) error { return s.Close() },
		"caller gone": func(s completion.Stream, cancel context.CancelCauseFunc) error {
			cancel(context.Canceled)
			_, err := s.Next()
			return errors.Join(err, s.Close())
		},
		"shutdown": func(s completion.Stream, cancel context.CancelCauseFunc) error {
			cancel(apierror.ErrShuttingDown)
			_, err := s.Next()
			return errors.Join(err, s.Close())
		},
	}
	want := map[string]error{"caller gone": context.Canceled, "shutdown": apierror.ErrShuttingDown}
	for name, leave := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gone := make(chan struct{})
			backend := fakebackend.New(t, func(c *fakebackend.Conn, _ *fakebackend.Request) {
				c.Head(200, fakebackend.EventStream)
				c.Await(nil)
				close(gone)
			})
			ctx, cancel := context.WithCancelCause(caller(t))
			defer cancel(nil)
			answer, err := newClient(t, backend.URL).Complete(ctx, streamed())
			if err != nil {
				t.Fatal(err)
			}
			if err := leave(answer.Stream, cancel); !errors.Is(err, want[name]) {
				t.Errorf("error %v, want %v", err, want[name])
			}
			<-gone
		})
	}
}

func TestWholeAnswerToAStream(t *testing.T) {
	t.Parallel()
	body := strings.Replace(answerOf(choice, `,"usage":`+someUsage), ",", ",\r\n", 1)
	chunk := strings.Replace(answerOf(choice, ""), ",", ",  ", 1)
	tests := map[string]struct {
		reply fakebackend.Reply
		usage bool
		want  []string
		err   told
	}{
		"no usage":     {fakebackend.JSON(200, body), false, []string{chunk}, told{}},
		"usage":        {fakebackend.JSON(200, body), true, []string{chunk, usageChunk(someUsage)}, told{}},
		"other JSON":   {fakebackend.Body(200, "application/problem+json; charset=utf-8", answerOf(choice, "")), true, []string{answerOf(choice, "")}, told{}},
		"to be mended": {fakebackend.JSON(200, answerOf(`"text":"a","index":0,"finish_reason":"","logprobs":null`, "")), true, []string{answerOf(choice, "")}, told{}},
		"an error":     {fakebackend.JSON(200, `{"error":{"message":"boom","code":"x"}}`), false, nil, spent(told{Status: 502, Type: "server_error", Code: "x", Message: "boom"})},
		"HTML":         {fakebackend.Body(200, "text/html", "<html>"), false, nil, spent(upstreamError("The backend answered with neither a stream nor JSON."))},
		"no type":      {fakebackend.Body(200, "", answerOf(choice, "")), false, nil, spent(upstreamError("The backend answered with neither a stream nor JSON."))},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backend := fakebackend.New(t, test.reply)
			req := streamed()
			req.IncludeUsage = test.usage
			answer, err := newClient(t, backend.URL).Complete(caller(t), req)
			if test.err != (told{}) {
				if diff := cmp.Diff(test.err, toldOf(t, err)); diff != "" {
					t.Errorf("error (-want +got):\n%s", diff)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if answer.Body != nil {
				t.Errorf("body %s", answer.Body)
			}
			got, err := readStream(t, answer.Stream)
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Errorf("error %v, chunks (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestLongEvent(t *testing.T) {
	t.Parallel()
	long := chunkOf(strings.Repeat("0123456789", 500_000), "null")
	backend := fakebackend.New(t, fakebackend.Events(fakebackend.Data(long, "[DONE]")))
	answer, err := newClient(t, backend.URL).Complete(caller(t), streamed())
	if err != nil {
		t.Fatal(err)
	}
	if chunk, err := answer.Stream.Next(); err != nil || string(chunk) != long {
		t.Errorf("chunk of %d bytes, error %v", len(chunk), err)
	}
	if rest, err := readStream(t, answer.Stream); err != nil || rest != nil {
		t.Errorf("then %v, %v", rest, err)
	}
}

func TestZippedStream(t *testing.T) {
	t.Parallel()
	reply := func(c *fakebackend.Conn, _ *fakebackend.Request) {
		c.Head(200, fakebackend.EventStream, "Content-Encoding: gzip")
		c.Chunk(zipped(t, fakebackend.Data(chunkOf(" a", "null"), "[DONE]")))
		c.End()
	}
	backend := fakebackend.New(t, reply)
	answer, err := newClient(t, backend.URL).Complete(caller(t), streamed())
	if err != nil {
		t.Fatal(err)
	}
	got, err := readStream(t, answer.Stream)
	if diff := cmp.Diff([]string{chunkOf(" a", "null")}, got); err != nil || diff != "" {
		t.Errorf("error %v, chunks (-want +got):\n%s", err, diff)
	}
}

// What has been written has to go before the end of the body is waited for, too.
func TestStreamTellsBeforeItWaits(t *testing.T) {
	t.Parallel()
	events := func(c *fakebackend.Conn, _ *fakebackend.Request) {
		c.Head(200, fakebackend.EventStream)
		c.Chunk(fakebackend.Data(chunkOf(" a", "null"), chunkOf(" b", "null"), "[DONE]"))
		<-c.Gone() // the body never ends
	}
	client := newClient(t, fakebackend.New(t, fakebackend.JSON(200, answer), events).URL)
	if _, err := client.Complete(caller(t), plain()); err != nil { // from now on, connections are used again
		t.Fatal(err)
	}
	got, err := client.Complete(caller(t), streamed())
	if err != nil {
		t.Fatal(err)
	}
	waits := 0
	if !completion.BeforeWait(got.Stream, func() { waits++ }) {
		t.Fatal("the stream does not tell")
	}
	for range 2 {
		if _, err := got.Stream.Next(); err != nil {
			t.Fatal(err)
		}
	}
	before := waits
	if _, err := got.Stream.Next(); !errors.Is(err, io.EOF) || waits != before {
		t.Fatalf("%v after %d waits, %d for the events", err, waits, before)
	}
	if err := got.Stream.Close(); err != nil || waits == before {
		t.Errorf("%v, and the end of the body was waited for without a word", err)
	}
}
