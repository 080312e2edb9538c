package main

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/fakebackend"
	"github.com/specgate/specgate/internal/upstream"
)

// answerWith is an answer with one choice.
func answerWith(c string) string { return `{` + names + `,"choices":[` + c + `]}` }

const fine = `{"text":" there","index":0,"logprobs":null,"finish_reason":"stop"}`

// What keeps the contract passes to the byte, whatever else it says.
func TestConformingAnswersPassUntouched(t *testing.T) {
	t.Parallel()
	answers := map[string]string{
		"minimal":        answerWith(fine),
		"no choices":     answerWith(""),
		"spacing":        " {\r\n\t\"choices\" : [ " + fine + " ] ,\n" + names + " }\n",
		"extra fields":   `{` + names + `,"x":{"a":[1,null,{"b":"<>&\u2028"}]},"choices":[` + fine[:len(fine)-1] + `,"stop_reason":null,"token_ids":[1]}],"service_tier":null,"timings":{"ms":0.10}}`,
		"digits":         `{"id":"cmpl-1","object":"text_completion","created":1767225600,"model":"m","big":12345678901234567890,"small":1.0e-400,"one":1.0,"choices":[{"text":"","index":0,"logprobs":null,"finish_reason":"length"}]}`,
		"all reasons":    answerWith(fine + `,{"text":"","index":1,"logprobs":null,"finish_reason":"length"},{"text":"","index":2,"logprobs":null,"finish_reason":"content_filter"}`),
		"logprobs":       answerWith(`{"text":"ab","index":0,"finish_reason":"stop","logprobs":{"tokens":["a","b"],"token_logprobs":[null,-0.50],"top_logprobs":[null,{"b":-0.50}],"text_offset":[0,1]}}`),
		"logprobs of 0":  answerWith(`{"text":"ab","index":0,"finish_reason":"stop","logprobs":{"tokens":["a","b"],"token_logprobs":[-1,-0.5],"top_logprobs":null,"text_offset":[0,1]}}`),
		"logprobs empty": answerWith(`{"text":"","index":0,"finish_reason":"stop","logprobs":{}}`),
		"usage":          answerWith(fine)[:len(answerWith(fine))-1] + `,"system_fingerprint":null,"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"prompt_tokens_details":null,"completion_tokens_details":{"reasoning_tokens":null,"x":1.5}}}`,
		"usage null":     answerWith(fine)[:len(answerWith(fine))-1] + `,"usage":null}`,
		"no id of ours":  `{"id":"0","object":"text_completion","created":-1,"model":"other","choices":[` + fine + `]}`,
		"escapes":        answerWith(`{"text":"\u00e9\ud83d\ude00é😀\/","index":0,"logprobs":null,"finish_reason":"st\u006fp"}`),
	}
	replies := script{}
	for name, answer := range answers {
		replies[idOf(name)] = fakebackend.JSON(200, answer, "Server: uvicorn")
	}
	shared := start(t, replies.reply)
	for name, want := range answers {
		t.Run(name, func(t *testing.T) {
			got := shared.in(t).complete(plainBody, "X-Request-Id: "+idOf(name))
			if got.status != 200 || got.header.Get("Content-Type") != "application/json" || got.header.Get("Server") != "" {
				t.Errorf("got %d %v", got.status, got.header)
			}
			if diff := cmp.Diff(want, got.body); diff != "" {
				t.Errorf("(-sent +got):\n%s", diff)
			}
			if length := got.header.Get("Content-Length"); length != strconv.Itoa(len(want)) {
				t.Errorf("Content-Length: %s", length)
			}
		})
	}
	if metrics := shared.metrics(); strings.Contains(metrics, "specgate_upstream_repairs_total{") {
		t.Errorf("a repair was counted:\n%s", metrics)
	}
}

// Each known deviation is repaired, counted under its kind, and nothing else is changed. NOW and ID
// stand for what the gateway makes up.
var repairs = map[string]struct {
	answer, want string
	kinds        []string
}{
	"logprobs missing": { // Ollama
		answerWith(`{"text":"a","index":0,"finish_reason":"stop"}`),
		answerWith(`{"text":"a","index":0,"finish_reason":"stop","logprobs":null}`),
		[]string{"logprobs_missing"},
	},
	"logprobs of a chat": { // llama.cpp
		answerWith(`{"text":"é a","index":0,"logprobs":{"content":[` +
			`{"id":1,"token":"é","bytes":[195,169],"logprob":-0.25,"top_logprobs":[{"id":1,"token":"é","bytes":[195,169],"logprob":-0.25},{"id":9,"token":"e","logprob":-3}]},` +
			`{"id":2,"token":" a","bytes":[32,97],"logprob":-1.50,"top_logprobs":[{"id":2,"token":" a","logprob":-1.50}]}]},"finish_reason":"stop"}`),
		answerWith(`{"text":"é a","index":0,"logprobs":{"tokens":["é"," a"],"token_logprobs":[-0.25,-1.50],"top_logprobs":[{"é":-0.25,"e":-3},{" a":-1.50}],"text_offset":[0,1]},"finish_reason":"stop"}`),
		[]string{"logprobs_chat"},
	},
	"logprobs that are none": {
		answerWith(`{"text":"a","index":0,"logprobs":{"tokens":[5],"token_logprobs":[-1],"top_logprobs":[{"a":"x"}],"text_offset":["0"]},"finish_reason":"stop"}`),
		answerWith(`{"text":"a","index":0,"logprobs":{"tokens":null,"token_logprobs":[-1],"top_logprobs":null,"text_offset":null},"finish_reason":"stop"}`),
		[]string{"logprobs"},
	},
	"finish_reason of TGI": {
		answerWith(`{"text":"a","index":0,"logprobs":null,"finish_reason":"eos_token"},{"text":"b","index":1,"logprobs":null,"finish_reason":"stop_sequence"}`),
		answerWith(`{"text":"a","index":0,"logprobs":null,"finish_reason":"stop"},{"text":"b","index":1,"logprobs":null,"finish_reason":"stop"}`),
		[]string{"finish_reason"},
	},
	"finish_reason load":    {answerWith(strings.Replace(fine, `"stop"`, `"load"`, 1)), answerWith(fine), []string{"finish_reason"}},
	"finish_reason abort":   {answerWith(strings.Replace(fine, `"stop"`, `"abort"`, 1)), answerWith(fine), []string{"finish_reason"}},
	"finish_reason null":    {answerWith(strings.Replace(fine, `"stop"`, `null`, 1)), answerWith(fine), []string{"finish_reason"}},
	"finish_reason empty":   {answerWith(strings.Replace(fine, `"stop"`, `""`, 1)), answerWith(fine), []string{"finish_reason"}},
	"finish_reason missing": {answerWith(strings.Replace(fine, `,"finish_reason":"stop"`, ``, 1)), answerWith(fine), []string{"finish_reason"}},
	"index missing": {
		answerWith(`{"text":"a","logprobs":null,"finish_reason":"stop"},{"text":"b","logprobs":null,"finish_reason":"stop"}`),
		answerWith(`{"text":"a","logprobs":null,"finish_reason":"stop","index":0},{"text":"b","logprobs":null,"finish_reason":"stop","index":1}`),
		[]string{"index"},
	},
	"index wrong": {answerWith(strings.Replace(fine, `"index":0`, `"index":"0"`, 1)), answerWith(fine), []string{"index"}},
	"index below": {answerWith(strings.Replace(fine, `"index":0`, `"index":-1`, 1)), answerWith(fine), []string{"index"}},
	"id empty": { // TGI
		`{"id":"","object":"text_completion","created":1,"model":"m","choices":[` + fine + `]}`,
		`{"id":"ID","object":"text_completion","created":1,"model":"m","choices":[` + fine + `]}`,
		[]string{"id"},
	},
	"object of a chat": {`{"id":"i","object":"chat.completion","created":1,"model":"m","choices":[` + fine + `]}`, `{"id":"i","object":"text_completion","created":1,"model":"m","choices":[` + fine + `]}`, []string{"object"}},
	"created wrong":    {`{"id":"i","object":"text_completion","created":"now","model":"m","choices":[` + fine + `]}`, `{"id":"i","object":"text_completion","created":NOW,"model":"m","choices":[` + fine + `]}`, []string{"created"}},
	"created broken":   {`{"id":"i","object":"text_completion","created":1.75,"model":"m","choices":[` + fine + `]}`, `{"id":"i","object":"text_completion","created":1,"model":"m","choices":[` + fine + `]}`, []string{"created"}},
	// Integers, but not for a client whose type is one.
	"created with an exponent": {`{"id":"i","object":"text_completion","created":1.7672256e9,"model":"m","choices":[` + fine + `]}`, `{"id":"i","object":"text_completion","created":1767225600,"model":"m","choices":[` + fine + `]}`, []string{"created"}},
	"index with a point":       {answerWith(strings.Replace(fine, `"index":0`, `"index":0.0`, 1)), answerWith(fine), []string{"index"}},
	"usage with a point":       {`{` + names + `,"choices":[` + fine + `],"usage":{"prompt_tokens":2.0,"completion_tokens":3e0,"total_tokens":5}}`, `{` + names + `,"choices":[` + fine + `],"usage":` + someUsage + `}`, []string{"usage"}},
	"model empty":              {`{"id":"i","object":"text_completion","created":1,"model":"","choices":[` + fine + `]}`, `{"id":"i","object":"text_completion","created":1,"model":"m","choices":[` + fine + `]}`, []string{"model"}},
	"all labels":               {`{"choices":[` + fine + `]}`, `{"choices":[` + fine + `],"id":"ID","object":"text_completion","created":NOW,"model":"m"}`, []string{"id", "object", "created", "model"}},
	"error null":               {`{` + names + `,"error":null,"choices":[` + fine + `]}`, answerWith(fine), []string{"error_null"}},
	"fingerprint wrong":        {`{` + names + `,"system_fingerprint":5,"choices":[` + fine + `]}`, `{` + names + `,"system_fingerprint":null,"choices":[` + fine + `]}`, []string{"system_fingerprint"}},
	"usage in part":            {`{` + names + `,"choices":[` + fine + `],"usage":{"prompt_tokens":4,"x":1}}`, `{` + names + `,"choices":[` + fine + `],"usage":{"prompt_tokens":4,"x":1,"completion_tokens":0,"total_tokens":4}}`, []string{"usage"}},
	"usage that is none":       {`{` + names + `,"choices":[` + fine + `],"usage":{}}`, `{` + names + `,"choices":[` + fine + `],"usage":null}`, []string{"usage"}},
	"half a character":         {answerWith(strings.Replace(fine, " there", `\ud83d`, 1)), answerWith(strings.Replace(fine, " there", `\ufffd`, 1)), []string{"encoding"}},
	"no UTF-8":                 {answerWith(strings.Replace(fine, " there", "\xf0\x9f", 1)), answerWith(strings.Replace(fine, " there", "\uFFFD", 1)), []string{"encoding"}},
	"a key twice":              {`{"id":"old",` + names + `,"choices":[` + fine + `]}`, answerWith(fine), []string{"duplicate_key"}},
	"byte order mark":          {"\uFEFF" + answerWith(fine), answerWith(fine), []string{"duplicate_key"}},
}

func TestDeviationsAreRepaired(t *testing.T) {
	t.Parallel()
	replies := script{}
	for name, test := range repairs {
		replies[idOf(name)] = fakebackend.JSON(200, test.answer)
	}
	shared := start(t, replies.reply)
	want := map[string]int{}
	for name, test := range repairs {
		for _, kind := range test.kinds {
			want[kind]++
		}
		t.Run(name, func(t *testing.T) {
			before := time.Now().Unix()
			got := shared.in(t).complete(plainBody, "X-Request-Id: "+idOf(name))
			body := strings.Replace(got.body, `"cmpl-`+idOf(name)+`"`, `"ID"`, 1)
			body = regexp.MustCompile(`"created":\d{10},`).ReplaceAllStringFunc(body, func(found string) string {
				if n, _ := strconv.ParseInt(found[len(`"created":`):len(found)-1], 10, 64); n >= before && n <= time.Now().Unix() {
					return `"created":NOW,`
				}
				return found
			})
			if diff := cmp.Diff(test.want, body); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for kind, n := range want {
		shared.mustCount(`specgate_upstream_repairs_total{kind="`+kind+`",upstream="default"}`, strconv.Itoa(n))
	}
	for _, kind := range upstream.Repairs() {
		if want[kind] == 0 && kind != "usage_place" { // that of streams
			t.Errorf("no case for the repair %s", kind)
		}
	}
}

// A stream that deviates in all its chunks is counted once.
func TestRepairsOfAStreamAreCountedOnce(t *testing.T) {
	t.Parallel()
	chunk := choice(`{"text":"a","index":0,"finish_reason":""}`)
	g := start(t, fakebackend.Events(fakebackend.Data(chunk, chunk, piece("b", `"stop"`, `,"usage":`+someUsage), "[DONE]")))
	g.complete(streamed)
	for kind, want := range map[string]string{"logprobs_missing": "1", "finish_reason": "1", "usage_place": "1", "id": "0"} {
		g.mustCount(`specgate_upstream_repairs_total{kind="`+kind+`",upstream="default"}`, want)
	}
}

// What cannot be mended is refused, and not to be asked for again.
func TestHopelessAnswers(t *testing.T) {
	t.Parallel()
	answers := map[string]string{
		"no choices":       `{` + names + `}`,
		"choices null":     `{` + names + `,"choices":null}`,
		"choices no list":  `{` + names + `,"choices":{}}`,
		"choice no object": `{` + names + `,"choices":[5]}`,
		"no text":          answerWith(`{"index":0,"logprobs":null,"finish_reason":"stop"}`),
		"text null":        answerWith(`{"text":null,"index":0,"logprobs":null,"finish_reason":"stop"}`),
		"chat":             answerWith(`{"index":0,"message":{"role":"assistant","content":"a"},"finish_reason":"stop"}`),
		"broken":           answerWith(fine)[:60],
		"followed by more": answerWith(fine) + "x",
		"two documents":    answerWith(fine) + answerWith(fine),
		"empty":            ``,
		"null":             `null`,
		"a list":           `[]`,
		"HTML":             html,
	}
	replies := script{}
	for name, answer := range answers {
		replies[idOf(name)] = fakebackend.JSON(200, answer)
	}
	replies["too-large"] = fakebackend.JSON(200, answerWith(strings.Replace(fine, "there", many(2048, "x"), 1)))
	replies["cut-short"] = fakebackend.Raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n" + answerWith(fine))
	replies["reset"] = fakebackend.Reset("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n" + answerWith(fine))
	replies["unasked-stream"] = fakebackend.Events(whole)
	shared := startWith(t, "upstream: {max_response: 1KiB}\n", replies.reply)
	for id := range replies {
		t.Run(id, func(t *testing.T) {
			got := tell(t, shared.in(t).complete(plainBody, "X-Request-Id: "+id))
			want := told{502, "server_error", "null", "upstream_error", got.Message, "", "false"}
			if diff := cmp.Diff(want, got); diff != "" || got.Message == "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestModels(t *testing.T) {
	t.Parallel()
	const list = `{"object":"list","data":[{"id":"llama3.1:8b","object":"model","created":5,"owned_by":"library","x":1},{"id":"org/model"},{"object":"model"}]}`
	g := start(t, fakebackend.JSON(200, list))
	var models struct{ Data []map[string]any }
	if err := json.Unmarshal([]byte(g.send("GET", "/v1/models", "").body), &models); err != nil || len(models.Data) != 2 {
		t.Errorf("%v, %v", models, err)
	}
	for _, path := range []string{"/v1/models/org/model", "/v1/models/org%2Fmodel"} {
		if got := g.send("GET", path, ""); got.status != 200 || !strings.Contains(got.body, `"id":"org/model"`) {
			t.Errorf("%s: got %d %s", path, got.status, got.body)
		}
	}
	if got := tell(t, g.send("GET", "/v1/models/none", "")); got.Status != 404 || got.Code != "model_not_found" || got.Param != "model" || got.Type != "invalid_request_error" {
		t.Errorf("got %+v", got)
	}
	for _, r := range g.backend.Requests() {
		if r.Method != "GET" || r.Path != "/v1/models" || r.Header.Get("Authorization") != "Bearer "+testKey || r.Header.Get("X-Request-Id") == "" {
			t.Errorf("the backend got %s", r.Head)
		}
	}
}
