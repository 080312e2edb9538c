package main

import (
	"strings"
	"testing"

	"github.com/specgate/specgate/internal/fakebackend"
)

const (
	streamed      = `{"model":"m","prompt":"x","stream":true}`
	streamedUsage = `{"model":"m","prompt":"x","stream":true,"stream_options":{"include_usage":true}}`

	names     = `"id":"cmpl-1","object":"text_completion","created":1767225600,"model":"m"`
	someUsage = `{"prompt_tokens":2,"completion_tokens":3,"total_tokens":5}`
	noUsage   = `{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}`
)

// piece is a chunk that keeps the contract. reason is JSON; more goes behind the choices.
func piece(text, reason, more string) string {
	return `{` + names + `,"choices":[{"text":"` + text + `","index":0,"logprobs":null,"finish_reason":` + reason + `}]` + more + `}`
}

// choice is a chunk with a choice that is given as it is.
func choice(c string) string { return `{` + names + `,"choices":[` + c + `]}` }

var (
	first = piece(" a", "null", "")
	last  = piece(" b", `"stop"`, "")
	whole = fakebackend.Data(first, last, "[DONE]")
)

// transcripts are what a backend streams, and testdata what the caller gets of it, to the byte.
var transcripts = []struct {
	name    string
	request string
	stream  string // as the backend sends it
}{
	{"plain", streamed, whole},
	{"extras", streamed, fakebackend.Data(
		`{ "id":"cmpl-1", "object":"text_completion","created":1767225600,"model":"m","big":12345678901234567890,"float":1.50,"html":"<b>&\u2028",`+
			`"choices":[{"text":"😀\ud83d\ude00","index":0,"logprobs":null,"finish_reason":null,"stop_reason":null,"token_ids":[1,2]}],"usage":null}`, "[DONE]")},
	{
		"asked_in_escapes", `{"model":"m","prompt":"x","str\u0065am": true ,"stream_options":{"includ\u0065_usage":true}}`,
		fakebackend.Data(first, `{`+names+`,"choices":[],"usage":`+someUsage+`}`, "[DONE]"),
	},
	{"several_lines", streamed, "data: {" + names + ",\ndata: \"choices\":[{\"text\":\" a\",\r\ndata:\"index\":0,\"logprobs\":null,\"finish_reason\":null}]}\n\n" + fakebackend.Data("[DONE]")},
	{"two_prompts", streamed, fakebackend.Data(
		choice(`{"text":"a","index":0,"logprobs":null,"finish_reason":null}`), choice(`{"text":"b","index":1,"logprobs":null,"finish_reason":null}`),
		choice(`{"text":"","index":1,"logprobs":null,"finish_reason":"length"},{"text":"","index":0,"logprobs":null,"finish_reason":"stop"}`), "[DONE]")},
	{"more_after_done", streamed, whole + fakebackend.Data(first)},
	{"done_without_end", streamed, fakebackend.Data(first, last) + "data: [DONE]"},
	{"null_first", `{"model":"m","prompt":["x","y"],"stream":true}`, fakebackend.Data("null") + whole},
	{"empty_data", streamed, "data:\n\ndata: \n\n" + whole},
	{"logprobs", streamed, fakebackend.Data(
		choice(`{"text":" a","index":0,"logprobs":{"tokens":[" a"],"token_logprobs":[-0.10],"top_logprobs":[{" a":-0.10,"x":-9e9}],"text_offset":[1]},"finish_reason":null}`), "[DONE]")},

	// Deviations that are repaired.
	{"tgi", streamed, fakebackend.Data(
		`{"id":"","object":"text_completion","created":1767225600,"model":"m","choices":[{"index":0,"text":" a","logprobs":null,"finish_reason":""}]}`,
		`{"id":"","object":"text_completion","created":1767225600,"model":"m","choices":[{"index":0,"text":"","logprobs":null,"finish_reason":"eos_token"}],"usage":`+someUsage+`}`, "[DONE]")},
	{"ollama", streamed, fakebackend.Data(
		`{"id":"cmpl-7","object":"text_completion","created":1767225600,"model":"m","system_fingerprint":"fp_ollama","choices":[{"text":" a","index":0,"finish_reason":null}],"usage":`+noUsage+`}`,
		`{"id":"cmpl-7","object":"text_completion","created":1767225600,"model":"m","system_fingerprint":"fp_ollama","choices":[{"text":"","index":0,"finish_reason":"load"}],"usage":`+noUsage+`}`, "[DONE]")},
	{"chat_logprobs", streamed, fakebackend.Data(
		choice(`{"text":"é","index":0,"logprobs":{"content":[{"id":1,"token":"é","bytes":[195,169],"logprob":-0.5,"top_logprobs":[{"id":1,"token":"é","logprob":-0.5},{"id":2,"token":"e","logprob":-2.25}]}]},"finish_reason":null}`),
		choice(`{"text":"b","index":0,"logprobs":{"content":[{"id":3,"token":"b","bytes":[98],"logprob":-1,"top_logprobs":[]}]},"finish_reason":null}`), "[DONE]")},
	{"labels", streamed, fakebackend.Data(first,
		`{"id":null,"object":"text_completion.chunk","choices":[{"text":" b","logprobs":null}]}`,
		`{"id":5,"object":null,"created":"now","model":"","choices":[{"text":"","index":"0","logprobs":[],"finish_reason":"abort"}]}`, "[DONE]")},
	{"halves", streamed, fakebackend.Data(piece(`\ud83d`, "null", ""), piece("\xf0\x9f", "null", ""), "[DONE]")},
	{"error_null", streamed, fakebackend.Data(piece(" a", "null", `,"error":null`), "[DONE]")},

	// Usage, where it was asked for and where not.
	{"usage_own_chunk", streamedUsage, fakebackend.Data(piece(" a", "null", `,"usage":null`), last, `{`+names+`,"choices":[],"usage":`+someUsage+`}`, "[DONE]")},
	{"usage_on_last_content", streamedUsage, fakebackend.Data(first, piece("", `"length"`, `,"usage":`+someUsage+`,"timings":{"predicted_ms":1.5}`), "[DONE]")},
	{"usage_on_each", streamedUsage, fakebackend.Data(
		piece(" a", "null", `,"usage":{"prompt_tokens":2,"completion_tokens":1,"total_tokens":3}`), piece(" b", `"stop"`, `,"usage":`+someUsage), "[DONE]")},
	{"usage_three_zeros", streamedUsage, fakebackend.Data(piece(" a", "null", `,"usage":`+noUsage), piece(" b", `"stop"`, `,"usage":`+noUsage), `{`+names+`,"choices":[],"usage":`+someUsage+`}`, "[DONE]")},
	{"usage_details", streamedUsage, fakebackend.Data(last,
		`{`+names+`,"choices":[],"usage":{"prompt_tokens":2,"completion_tokens":3,"total_tokens":5,"prompt_tokens_details":null,"completion_tokens_details":{"reasoning_tokens":1,"other":2}}}`, "[DONE]")},
	{"usage_never_given", streamedUsage, whole},
	{"usage_unasked_own_chunk", streamed, fakebackend.Data(first, last, `{`+names+`,"choices":[],"usage":`+someUsage+`}`, "[DONE]")},
	{"usage_unasked_on_last_content", streamed, fakebackend.Data(first, piece(" b", `"stop"`, `,"usage":`+someUsage), "[DONE]")},
	{
		"usage_refused", `{"model":"m","prompt":"x","stream":true,"stream_options":{"include_usage":false}}`,
		fakebackend.Data(first, last, `{`+names+`,"choices":[],"usage":`+someUsage+`}`, "[DONE]"),
	},

	// Errors.
	{"error_openai", streamed, fakebackend.Data(first, `{"error":{"message":"The server is overloaded","type":"server_error","param":null,"code":"overloaded"}}`)},
	{"error_vllm", streamed, fakebackend.Data(first, `{"error":{"message":"EngineCore died","type":"InternalServerError","param":null,"code":500}}`, "[DONE]")},
	{"error_sglang", streamed, fakebackend.Data(first, `{"error":{"object":"error","message":"bad","type":"BadRequest","param":null,"code":400}}`, "[DONE]")},
	{"error_llamacpp", streamed, fakebackend.Data(first, `{"error":{"code":500,"message":"Context size has been exceeded.","type":"server_error"}}`)},
	{"error_llamacpp_old", streamed, fakebackend.Data(first) + "error: {\"code\":500,\"message\":\"Context size has been exceeded.\",\"type\":\"server_error\"}\n\n" + fakebackend.Data("[DONE]")},
	{"error_tgi", streamed, fakebackend.Data(first, `{"error":{"message":"Model is overloaded","http_status_code":429}}`, "[DONE]")},
	{"error_text", streamed, fakebackend.Data(first, `{"error":"out of memory","error_type":"generation"}`, "[DONE]")},
	{"error_beside_choices", streamed, fakebackend.Data(first, piece(" b", "null", `,"error":{"message":"it broke"}`), "[DONE]")},
	{"error_first", streamed, fakebackend.Data(`{"error":{"message":"no slot","type":"server_error","code":503}}`, "[DONE]")},
	{"error_unnamed", streamed, fakebackend.Data(first, `{"error":{}}`, `{"error":true}`)},

	// Streams that break.
	{"cut_before_done", streamed, fakebackend.Data(first, last)},
	{"cut_in_event", streamed, fakebackend.Data(first) + "data: " + last[:40]},
	{"cut_before_empty_line", streamed, fakebackend.Data(first) + "data: " + last + "\n"},
	{"cut_at_once", streamed, ""},
	{"cut_ollama", streamed, fakebackend.Data(first, `{"id":"cmpl-1","object":"text_completion","created":1767225600,"model":"","choices":[{"text":"","index":0,"finish_reason":null}]}`)},
	{"no_json", streamed, fakebackend.Data(first, `{"id":"cmpl-1",`, last, "[DONE]")},
	{"no_choices", streamed, fakebackend.Data(first, `{`+names+`}`, last, "[DONE]")},
	{"no_text", streamed, fakebackend.Data(first, choice(`{"index":0,"logprobs":null,"finish_reason":null}`), "[DONE]")},
	{"chat_chunks", streamed, fakebackend.Data(`{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1767225600,"model":"m","choices":[{"index":0,"delta":{"content":" a"},"finish_reason":null}]}`, "[DONE]")},
}

// pieces are the events of a stream, as most backends write them: each on its own.
func pieces(stream string) []string {
	all := strings.SplitAfter(stream, "\n\n")
	if all[len(all)-1] == "" {
		all = all[:len(all)-1]
	}
	return all
}

func TestStreamTranscripts(t *testing.T) {
	t.Parallel()
	replies := script{}
	for _, test := range transcripts {
		replies[test.name] = fakebackend.Events(pieces(test.stream)...)
	}
	shared := start(t, replies.reply)
	for _, test := range transcripts {
		t.Run(test.name, func(t *testing.T) {
			g := shared.in(t)
			got := g.complete(test.request, "X-Request-Id: "+test.name)
			if got.status != 200 || got.header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
				t.Fatalf("got %d %s", got.status, got.body)
			}
			mustMatchGolden(t, "stream_"+test.name, got.body)
			if body := string(g.received(test.name).Body); body != test.request {
				t.Errorf("the backend got %s", body)
			}
		})
	}
}

// However a backend frames its events, the caller gets them in one way.
func TestStreamFraming(t *testing.T) {
	t.Parallel()
	data := func(begin, end string) string {
		return begin + first + end + begin + last + end + begin + "[DONE]" + end
	}
	framings := map[string][]string{
		"CRLF":              {data("data: ", "\r\n\r\n")},
		"CR":                {data("data: ", "\r\r")},
		"mixed line ends":   {data("data: ", "\r\n\n")},
		"no space":          {data("data:", "\n\n")},
		"spaces":            {data("data:   ", "  \n\n")},
		"comments":          {":\n\n: ping\n\n" + data(":x\ndata: ", "\n: y\n\n:\n\n")},
		"other fields":      {data("event: completion\nid: 1\nretry: 10\ndata: ", "\n\n")},
		"byte order mark":   {"\uFEFF" + whole},
		"byte by byte":      strings.Split(whole, ""),
		"byte by byte CRLF": strings.Split(data("data: ", "\r\n\r\n"), ""),
		"all at once":       {whole},
		"split in the end":  {"data: " + first + "\n", "\ndata: " + last + "\n", "\ndata: [DO", "NE]\n\n"},
	}
	replies := script{}
	for name, pieces := range framings {
		replies[idOf(name)] = fakebackend.Events(pieces...)
	}
	g := start(t, replies.reply)
	for name := range framings {
		t.Run(name, func(t *testing.T) {
			mustMatchGolden(t, "stream_plain", g.in(t).complete(streamed, "X-Request-Id: "+idOf(name)).body)
		})
	}
}

// idOf makes a request id of the name of a case.
func idOf(name string) string { return strings.NewReplacer(" ", "-", ",", "").Replace(name) }

func TestStreamHeaders(t *testing.T) {
	t.Parallel()
	g := start(t, func(c *fakebackend.Conn, _ *fakebackend.Request) {
		c.Head(200, "Content-Type: text/event-stream; charset=UTF-8", "Cache-Control: max-age=60", "x-ratelimit-remaining-requests: 7",
			"Set-Cookie: a=b", "Server: uvicorn", "X-Request-Id: other", "Content-Language: de")
		c.Chunk(whole)
		c.End()
	})
	got := g.complete(streamed, "X-Request-Id: req-1")
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache", "X-Accel-Buffering": "no",
		"X-Request-Id": "req-1", "X-Ratelimit-Remaining-Requests": "7",
		"Content-Length": "", "Set-Cookie": "", "Server": "", "Content-Language": "", "Content-Encoding": "",
	} {
		if values := got.header.Values(name); strings.Join(values, ", ") != want {
			t.Errorf("%s: %q, want %q", name, values, want)
		}
	}
}

func TestLargeEventPassesWhole(t *testing.T) {
	t.Parallel()
	large := piece(many(500_000, "0123456789"), "null", "")
	g := start(t, fakebackend.Events("data: "+large[:1<<20], large[1<<20:]+"\n\n", fakebackend.Data("[DONE]")))
	if got := g.complete(streamed).body; got != fakebackend.Data(large, "[DONE]") {
		t.Errorf("%d bytes came of %d: %s", len(got), len(large), abridged(got))
	}
}

func TestEventPastItsLimit(t *testing.T) {
	t.Parallel()
	g := startWith(t, "upstream: {max_event: 1KiB}\n", fakebackend.Events(fakebackend.Data(first, piece(many(1024, "x"), "null", ""), "[DONE]")))
	got := g.complete(streamed)
	mustMatchGolden(t, "event_past_limit", got.body)
}

// Where a stream was asked for, what comes instead becomes one, or an error in JSON.
func TestNoStreamWhereOneWasAsked(t *testing.T) {
	t.Parallel()
	body := `{` + names + `,"choices":[{"text":" a","index":0,"logprobs":null,"finish_reason":"stop"}],"usage":` + someUsage + `}`
	tests := map[string]struct {
		reply   fakebackend.Reply
		request string
		status  int
		golden  string
	}{
		"JSON":           {fakebackend.JSON(200, body), streamed, 200, "json_body"},
		"JSON and usage": {fakebackend.JSON(200, body), streamedUsage, 200, "json_body_usage"},
		"with line ends": {fakebackend.JSON(200, strings.ReplaceAll(body, ",", ",\r\n")), streamedUsage, 200, "json_body_lines"},
		"an error":       {fakebackend.JSON(200, `{"error":{"message":"no slot","type":"server_error","code":503}}`), streamed, 502, "json_body_error"},
		"broken JSON":    {fakebackend.JSON(200, body[:30]), streamed, 502, "json_body_broken"},
		"HTML":           {fakebackend.Body(200, "text/html", "<html>hello"), streamed, 502, "json_body_html"},
		"nothing":        {fakebackend.Body(200, "", ""), streamed, 502, "json_body_nothing"},
	}
	replies := script{}
	for name, test := range tests {
		replies[idOf(name)] = test.reply
	}
	g := start(t, replies.reply)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := g.in(t).complete(test.request, "X-Request-Id: "+idOf(name))
			if got.status != test.status {
				t.Errorf("got %d", got.status)
			}
			if retry := got.header.Get("X-Should-Retry"); (retry == "false") != (test.status == 502) {
				t.Errorf("x-should-retry: %q", retry)
			}
			mustMatchGolden(t, test.golden, got.body)
		})
	}
}
