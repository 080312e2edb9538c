package upstream_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/fakebackend"
	"github.com/specgate/specgate/internal/upstream"
)

const (
	labels = `"id":"cmpl-1","object":"text_completion","created":1,"model":"m"`
	choice = `"text":"a","index":0,"finish_reason":"stop","logprobs":null`
)

// answerOf is an answer with one choice, and with more after the choices.
func answerOf(choice, more string) string {
	return "{" + labels + `,"choices":[{` + choice + "}]" + more + "}"
}

func logprobsOf(l string) string {
	return answerOf(`"text":"a","index":0,"finish_reason":"stop","logprobs":`+l, "")
}

func usageOf(u string) string { return answerOf(choice, `,"usage":`+u) }

// choicesOf is an answer with a choice for each index, which is JSON.
func choicesOf(indexes ...string) string {
	var list []string
	for _, index := range indexes {
		list = append(list, "{"+strings.Replace(choice, `"index":0`, `"index":`+index, 1)+"}")
	}
	return "{" + labels + `,"choices":[` + strings.Join(list, ",") + "]}"
}

func chatChoice(index, token string) string {
	return `{"text":"a",` + index + `,"finish_reason":"stop","logprobs":{"content":[{"token":"` + token + `","logprob":-1}]}}`
}

func legacyChoice(index, token string) string {
	return `{"text":"a","index":` + index + `,"finish_reason":"stop","logprobs":{"tokens":["` + token + `"],"token_logprobs":[-1],"top_logprobs":null,"text_offset":[0]}}`
}

func TestRepairs(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ in, want, kinds string }{
		"logprobs missing":        {answerOf(`"text":"a","index":0,"finish_reason":"stop"`, ""), answerOf(choice, ""), "logprobs_missing"},
		"finish_reason unknown":   {answerOf(`"text":"a","index":0,"finish_reason":"eos_token","logprobs":null`, ""), answerOf(choice, ""), "finish_reason"},
		"finish_reason null":      {answerOf(`"text":"a","index":0,"finish_reason":null,"logprobs":null`, ""), answerOf(choice, ""), "finish_reason"},
		"finish_reason empty":     {answerOf(`"text":"a","index":0,"finish_reason":"","logprobs":null`, ""), answerOf(choice, ""), "finish_reason"},
		"finish_reason missing":   {answerOf(`"text":"a","index":0,"logprobs":null`, ""), answerOf(`"text":"a","index":0,"logprobs":null,"finish_reason":"stop"`, ""), "finish_reason"},
		"index by position":       {"{" + labels + `,"choices":[{` + choice + `},{"text":"b","index":null,"finish_reason":"length","logprobs":null}]}`, "{" + labels + `,"choices":[{` + choice + `},{"text":"b","index":1,"finish_reason":"length","logprobs":null}]}`, "index"},
		"index with a point":      {strings.Replace(answerOf(choice, ""), `"index":0`, `"index":0.0`, 1), answerOf(choice, ""), "index"},
		"index beyond int64":      {strings.Replace(answerOf(choice, ""), `"index":0`, `"index":99999999999999999999`, 1), answerOf(choice, ""), "index"},
		"index repeated":          {choicesOf("0", "0", "0"), choicesOf("0", "1", "2"), "index"},
		"index repeated, spaced":  {strings.ReplaceAll(choicesOf("7", "8", "7"), `"index"`, "\n\t\"index\" "), strings.ReplaceAll(choicesOf("0", "1", "2"), " ", ""), "index"},
		"index repeated, escaped": {strings.ReplaceAll(choicesOf("1", "1"), `"index"`, `"\u0069ndex"`), strings.ReplaceAll(choicesOf("0", "1"), `"index"`, `"\u0069ndex"`), "index"},
		"index negative":          {choicesOf("2", "-1"), choicesOf("0", "1"), "index"},
		"index of one, negative":  {choicesOf("-1"), choicesOf("0"), "index"},
		"index taken":             {choicesOf("1", "null"), choicesOf("0", "1"), "index"},
		"index 2 times, logprobs": {"{" + labels + `,"choices":[` + chatChoice(`"index":0`, "é") + "," + chatChoice(`"index":0`, "b") + "]}", "{" + labels + `,"choices":[` + legacyChoice("0", "é") + "," + legacyChoice("1", "b") + "]}", "index logprobs_chat"},
		"created with a point":    {strings.Replace(answerOf(choice, ""), `"created":1,`, `"created":1767225600.0,`, 1), strings.Replace(answerOf(choice, ""), `"created":1,`, `"created":1767225600,`, 1), "created"},
		"created, an exponent":    {strings.Replace(answerOf(choice, ""), `"created":1,`, `"created":1.7672256e9,`, 1), strings.Replace(answerOf(choice, ""), `"created":1,`, `"created":1767225600,`, 1), "created"},
		"id empty":                {strings.Replace(answerOf(choice, ""), "cmpl-1", "", 1), strings.Replace(answerOf(choice, ""), "cmpl-1", "cmpl-"+requestID, 1), "id"},
		"object of a chat":        {strings.Replace(answerOf(choice, ""), "text_completion", "chat.completion", 1), answerOf(choice, ""), "object"},
		"created with a fraction": {strings.Replace(answerOf(choice, ""), `"created":1,`, `"created":1767225600.75,`, 1), strings.Replace(answerOf(choice, ""), `"created":1,`, `"created":1767225600,`, 1), "created"},
		"model a number":          {strings.Replace(answerOf(choice, ""), `"model":"m"`, `"model":5`, 1), answerOf(choice, ""), "model"},
		"system_fingerprint":      {answerOf(choice, `,"system_fingerprint":5`), answerOf(choice, `,"system_fingerprint":null`), "system_fingerprint"},
		"usage of another type":   {usageOf(`"none"`), usageOf("null"), "usage"},
		"usage of texts":          {usageOf(`{"prompt_tokens":"1","completion_tokens":2,"total_tokens":3}`), usageOf("null"), "usage"},
		"usage without total":     {usageOf(`{"prompt_tokens":4,"x":1}`), usageOf(`{"prompt_tokens":4,"x":1,"completion_tokens":0,"total_tokens":4}`), "usage"},
		"usage beyond int64":      {usageOf(`{"prompt_tokens":4,"completion_tokens":1.5,"total_tokens":3}`), usageOf("null"), "usage"},
		"usage with points":       {usageOf(`{"prompt_tokens":1.0,"completion_tokens":2e0,"total_tokens":3}`), usageOf(`{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}`), "usage"},
		"usage past int64":        {usageOf(`{"prompt_tokens":1,"completion_tokens":2,"total_tokens":9223372036854775808}`), usageOf("null"), "usage"},
		"usage of 1e300":          {usageOf(`{"prompt_tokens":1e300,"completion_tokens":2,"total_tokens":3}`), usageOf("null"), "usage"},
		"details with points":     {usageOf(`{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"prompt_tokens_details":{"cached_tokens":1.0,"audio_tokens":1e300},"completion_tokens_details":{"reasoning_tokens":0e0,"x":1.0}}`), usageOf(`{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"prompt_tokens_details":{"cached_tokens":1,"audio_tokens":null},"completion_tokens_details":{"reasoning_tokens":0,"x":1.0}}`), "usage"},
		"details":                 {usageOf(`{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"prompt_tokens_details":[],"completion_tokens_details":{"reasoning_tokens":"x","audio_tokens":null,"y":"z"}}`), usageOf(`{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"prompt_tokens_details":null,"completion_tokens_details":{"reasoning_tokens":null,"audio_tokens":null,"y":"z"}}`), "usage"},
		"error null":              {`{"error" : null, ` + labels + `,"choices":[]}`, `{` + labels + `,"choices":[]}`, "error_null"},
		"error null at the end":   {answerOf(choice, ` , "error":null }`)[:len(answerOf(choice, ` , "error":null }`))-1], answerOf(choice, " "), "error_null"},
		"error empty":             {answerOf(choice, `,"error":"","x":1.0`), answerOf(choice, `,"x":1.0`), "error_null"},
		"a key twice":             {answerOf(choice, `,"x":1,"x":2`), answerOf(choice, `,"x":2`), "duplicate_key"},
		"a key twice, deep":       {answerOf(choice, `,"x":[{"a":1,"a":2.0}]`), answerOf(choice, `,"x":[{"a":2.0}]`), "duplicate_key"},
		"keys twice, all over":    {answerOf(choice, `,"x":{ "a" :{"b":1,"b":2},"c":[ ],"\u0061": {"b":3,"c":4,"b":5} , "a":{"b" : 6,"d":7,"b" :8} }`), answerOf(choice, `,"x":{ "c":[ ],"a":{"d":7,"b" :8} }`), "duplicate_key"},
		"half a surrogate pair":   {strings.Replace(answerOf(choice, ""), `"a"`, `"\ud83d\ud83d\ude00\udE00\\ud83d\""`, 1), strings.Replace(answerOf(choice, ""), `"a"`, `"\ufffd\ud83d\ude00\ufffd\\ud83d\""`, 1), "encoding"},
		"no UTF-8":                {strings.Replace(answerOf(choice, ""), `"a"`, "\"a\xf0\x9f\"", 1), strings.Replace(answerOf(choice, ""), `"a"`, "\"a\uFFFD\"", 1), "encoding"},
		"logprobs a list":         {logprobsOf("[]"), logprobsOf("null"), "logprobs"},
		"logprobs' arrays":        {logprobsOf(`{"tokens":["a",1],"token_logprobs":[null,-1.50],"top_logprobs":[{"a":null}],"text_offset":[1.5],"x":1}`), logprobsOf(`{"tokens":null,"token_logprobs":[null,-1.50],"top_logprobs":null,"text_offset":null,"x":1}`), "logprobs"},
		"text_offset, points":     {logprobsOf(`{"tokens":["a","b"],"text_offset":[0.0,null,1e0]}`), logprobsOf(`{"tokens":["a","b"],"text_offset":[0,null,1]}`), "logprobs"},
		"text_offset past int64":  {logprobsOf(`{"text_offset":[0,1e300]}`), logprobsOf(`{"text_offset":null}`), "logprobs"},
		"logprobs past float64":   {logprobsOf(`{"token_logprobs":[-1e400],"top_logprobs":[{"a":-1e400}]}`), logprobsOf(`{"token_logprobs":null,"top_logprobs":null}`), "logprobs"},
		"chat logprobs":           {logprobsOf(`{"content":[{"id":1,"token":" h\u00e9","bytes":[32,104,195,169],"logprob":-0.10,"top_logprobs":[{"token":" h\u00e9","logprob":-0.10},{"token":"\"","logprob":-3},{"token":"\u0022","logprob":-4}]},{"token":"b","bytes":null,"logprob":null,"top_logprobs":[]}]}`), logprobsOf(`{"tokens":[" h\u00e9","b"],"token_logprobs":[-0.10,null],"top_logprobs":[{" h\u00e9":-0.10,"\"":-3},null],"text_offset":[0,3]}`), "logprobs_chat"},
		"chat logprobs, no top":   {logprobsOf(`{"content":[{"token":"😀","logprob":-1},{"token":"b","logprob":-2}],"refusal":null}`), logprobsOf(`{"tokens":["😀","b"],"token_logprobs":[-1,-2],"top_logprobs":null,"text_offset":[0,1]}`), "logprobs_chat"},
		"chat logprobs, split":    {logprobsOf(`{"content":[{"token":"\ufffd","bytes":[240,159],"logprob":-1},{"token":"\ufffd","bytes":[152,128],"logprob":-2},{"token":"b","bytes":[98],"logprob":-2}]}`), logprobsOf(`{"tokens":["\ufffd","\ufffd","b"],"token_logprobs":[-1,-2,-2],"top_logprobs":null,"text_offset":[0,1,1]}`), "logprobs_chat"},
		"chat logprobs, null":     {logprobsOf(`{"content":null}`), logprobsOf("null"), "logprobs_chat"},
		"chat logprobs, empty":    {logprobsOf(`{"content":[]}`), logprobsOf(`{"tokens":[],"token_logprobs":[],"top_logprobs":[],"text_offset":[]}`), "logprobs_chat"},
		"Ollama":                  {`{"id":"cmpl-7","object":"text_completion","created":1,"model":"m","system_fingerprint":"fp_ollama","choices":[{"text":"a","index":0,"finish_reason":"load"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}`, `{"id":"cmpl-7","object":"text_completion","created":1,"model":"m","system_fingerprint":"fp_ollama","choices":[{"text":"a","index":0,"finish_reason":"stop","logprobs":null}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}`, "finish_reason logprobs_missing"},
		"TGI":                     {`{"object":"text_completion","id":"","created":1,"model":"m","system_fingerprint":"3","choices":[{"index":0,"text":"a","logprobs":null,"finish_reason":"stop_sequence"}]}`, `{"object":"text_completion","id":"cmpl-` + requestID + `","created":1,"model":"m","system_fingerprint":"3","choices":[{"index":0,"text":"a","logprobs":null,"finish_reason":"stop"}]}`, "finish_reason id"},
		"extra fields":            {"\uFEFF" + strings.Replace(answerOf(choice, `,"timings":{"x":0.10,"n":12345678901234567890,"s":"<\u003c/"}`), `"index":0,`, `"tokens":[1,2],`, 1), strings.Replace(answerOf(`"text":"a","tokens":[1,2],"finish_reason":"stop","logprobs":null,"index":0`, `,"timings":{"x":0.10,"n":12345678901234567890,"s":"<\u003c/"}`), `"x"`, `"x"`, 1), "index"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			made := &repairs{}
			got, err := complete(t, fakebackend.JSON(200, test.in), func(o *upstream.Options) { o.Repaired = made.add })
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(got.Body)); diff != "" {
				t.Errorf("body (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.kinds, strings.Join(made.sorted(), " ")); diff != "" {
				t.Errorf("repairs (-want +got):\n%s", diff)
			}
			mustKeep(t, "Completion", got.Body)
		})
	}
}

// Everything that names an answer is filled, even where nothing at all is known.
func TestRepairOfABareAnswer(t *testing.T) {
	t.Parallel()
	backend := fakebackend.New(t, fakebackend.JSON(200, `{"choices":[{"text":"a"},{"text":"b"}]}`))
	got, err := newClient(t, backend.URL).Complete(t.Context(), plain())
	if err != nil {
		t.Fatal(err)
	}
	mustKeep(t, "Completion", got.Body)
	form := regexp.MustCompile(`^{"choices":\[{"text":"a","index":0,"finish_reason":"stop","logprobs":null},{"text":"b","index":1,"finish_reason":"stop","logprobs":null}\],"id":"cmpl-[A-Z2-7]{26}","object":"text_completion","created":[0-9]{10},"model":"m"}$`)
	if !form.Match(got.Body) {
		t.Errorf("body %s", got.Body)
	}
}

// Several pieces of a stream may belong to one choice.
func TestIndexesOfChunksStay(t *testing.T) {
	t.Parallel()
	chunk := choicesOf("3", "3")
	got, err := inspectors(t)["CompletionChunk"]([]byte(chunk))
	if err != nil || string(got) != chunk {
		t.Errorf("chunk %s, error %v", got, err)
	}
}

// Cutting out what stands twice takes one pass, however deep it is nested and however often it stands
// there; one pass a level would take minutes.
func TestRepairOfDeepAnswers(t *testing.T) {
	t.Parallel()
	const levels = 9_000
	pad := `"` + strings.Repeat("x", 4<<20) + `"`
	twice := `"a":1,"a":` + pad
	tests := map[string][2]string{
		"objects": {strings.Repeat(`{"a":`, levels) + "{" + twice + "}" + strings.Repeat("}", levels), strings.Repeat(`{"a":`, levels) + `{"a":` + pad + "}" + strings.Repeat("}", levels)},
		"lists":   {strings.Repeat("[", levels) + "{" + twice + "}" + strings.Repeat("]", levels), strings.Repeat("[", levels) + `{"a":` + pad + "}" + strings.Repeat("]", levels)},
		"on each": {strings.Repeat(`{"a":0,"a":`, levels) + "{" + twice + "}" + strings.Repeat("}", levels), strings.Repeat(`{"a":`, levels) + `{"a":` + pad + "}" + strings.Repeat("}", levels)},
	}
	for name, test := range tests {
		start := time.Now()
		got, err := inspectors(t)["Completion"]([]byte(answerOf(choice, `,"x":`+test[0])))
		took := time.Since(start)
		if err != nil || string(got) != answerOf(choice, `,"x":`+test[1]) {
			t.Errorf("%s: answer of %d bytes, error %v", name, len(got), err)
		}
		if took > 10*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
}

// Whatever is let through keeps the contract, and nothing makes the repair fail in another way than
// with an error.
func FuzzRepair(f *testing.F) {
	f.Add(answerOf(choice, `,"error":null,"usage":{"prompt_tokens":1}`))
	f.Add(logprobsOf(`{"content":[{"token":"a","bytes":[1],"logprob":-1,"top_logprobs":[{"token":"b","logprob":1}]}]}`))
	f.Add(`{"choices":[{"text":"\ud800","text":"b","logprobs":{"tokens":[1]}}],"created":1e3}`)
	f.Add(`{"error":{"message":"x","code":1},"choices":[]}`)
	f.Add(strings.Replace(choicesOf("0", "0.0", "-1"), `"created":1`, `"created":1e3`, 1))
	f.Add(answerOf(choice, `,"Model":1,"x":[{"a":{"b":1},"a":{"b":1,"b":[2,{"c":1,"c":2}]}}],"usage":{"prompt_tokens":1.0}`))
	f.Fuzz(func(t *testing.T, body string) {
		for schema, inspect := range inspectors(t) {
			doc, err := inspect([]byte(body))
			if err != nil {
				toldOf(t, err)
				continue
			}
			mustKeep(t, schema, doc)
			again, err := inspect([]byte(strings.Clone(string(doc))))
			if err != nil || string(again) != string(doc) {
				t.Errorf("a repaired answer is repaired again, %v:\n%s\n%s", err, doc, again)
			}
		}
	})
}

// inspectors are the inspections of both kinds of answers.
func inspectors(t *testing.T) map[string]func([]byte) ([]byte, error) {
	t.Helper()
	programs, err := schemas()
	if err != nil {
		t.Fatal(fmt.Errorf("compile: %w", err))
	}
	return upstream.Inspectors(programs.completion, programs.chunk)
}
