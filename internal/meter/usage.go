package meter

import (
	"bytes"
	"math"
	"strconv"

	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/rawjson"
)

// ofBody is what a completion used that came as a whole.
func (j *job) ofBody(body []byte) completion.Tokens {
	if !j.reads {
		return completion.Tokens{}
	}
	if used, ok := usageIn(body); ok {
		return used
	}
	return j.guess(textTokens(body))
}

// guess is what was used where the backend does not say: the prompt by its estimate, and what was generated.
func (j *job) guess(generated int64) completion.Tokens {
	prompt := promptTokens(j.req)
	if string(j.req.Field("echo")) == "true" { // the prompt came back with it
		generated -= prompt
	}
	return completion.Tokens{Prompt: prompt, Completion: max(0, generated)}
}

// atLeast is what was used where the backend said so on the way, and was not heard to the end: of what it said
// last and of what was generated the greater.
func (j *job) atLeast(used completion.Tokens, generated int64) completion.Tokens {
	guessed := j.guess(generated)
	if used.Prompt == 0 {
		used.Prompt, used.Reported = guessed.Prompt, false
	}
	if used.Completion < guessed.Completion {
		used.Completion, used.Reported = guessed.Completion, false
	}
	return used
}

// usageIn reads the usage of an answer or of a chunk; ok is false where it has none. Zeros alone, which some
// backends send along, are none: a completion has a prompt or a text.
func usageIn(doc []byte) (used completion.Tokens, ok bool) {
	usage := part(doc, rawjson.Find(doc, "usage"))
	if len(usage) == 0 || usage[0] != '{' {
		return used, false
	}
	for name, at := range rawjson.Members(usage) {
		value := part(usage, at)
		switch string(name) {
		case "prompt_tokens":
			used.Prompt = count(value)
		case "completion_tokens":
			used.Completion = count(value)
		case "prompt_tokens_details":
			used.Cached = count(part(value, rawjson.Find(value, "cached_tokens")))
		case "completion_tokens_details":
			used.Reasoning = count(part(value, rawjson.Find(value, "reasoning_tokens")))
		}
	}
	used.Reported = used.Total() > 0
	return used, used.Reported
}

// mostReported is the largest count of tokens that a backend is believed: no completion has more, and a day of
// such counts can still be added up.
const mostReported = math.MaxInt32

// count is a number of tokens; 0 for what is none.
func count(raw []byte) int64 {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		return 0
	}
	return min(max(0, n), mostReported)
}

var textKey = []byte(`"text":`)

// textTokens estimates the tokens of the texts of a document: every text that is not empty is one at least.
// Within a string its quotes would be escaped, so the key is found wherever it is one.
func textTokens(doc []byte) (tokens int64) {
	for {
		_, after, found := bytes.Cut(doc, textKey)
		if !found {
			return tokens
		}
		doc = after
		text := bytes.TrimLeft(after, " \t\r\n")
		if len(text) > 0 && text[0] == '"' {
			tokens += tokensOf(textEnd(text[1:]))
		}
	}
}

// textEnd is where the string ends whose inside doc begins with.
func textEnd(doc []byte) int {
	for i := 0; i < len(doc); i++ {
		switch doc[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(doc)
}

// withUsage asks for the usage at the end of a stream; every other option stays.
func withUsage(req *completion.Request) *completion.Request {
	const field, option = "stream_options", "include_usage"
	raw := req.Field(field)
	if len(raw) == 0 || raw[0] != '{' {
		return req.With(field, []byte(`{"`+option+`":true}`))
	}
	if at := rawjson.Find(raw, option); at.End > 0 {
		return req.With(field, rawjson.Apply(raw, rawjson.Patch{At: at, With: []byte("true")}))
	}
	added := `"` + option + `":true`
	for range rawjson.Members(raw) {
		added += ","
		break
	}
	return req.With(field, rawjson.Apply(raw, rawjson.Patch{At: rawjson.Span{Start: 1, End: 1}, With: []byte(added)}))
}

// part is the piece of doc at a place, nil where that is none.
func part(doc []byte, at rawjson.Span) []byte {
	if at.End == 0 {
		return nil
	}
	return doc[at.Start:at.End]
}
