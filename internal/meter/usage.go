package meter

import (
	"cmp"
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
	if used, ok := usageNearEnd(body); ok { // as it is with most: their texts need not be gone through
		return used
	}
	if used, ok := usageIn(body); ok {
		return used
	}
	var t texts
	t.add(body)
	return j.guess(t.tokens(mostGenerated(j.req)))
}

// ofStream is what a stream used that was not heard to its end, by what the backend said last on the way, and by the
// texts that came since.
func (j *job) ofStream(said completion.Tokens, since *texts) completion.Tokens {
	if said.Completion == 0 { // it says nothing of them, whatever came
		used := j.guess(j.generated(since))
		used.Prompt, used.Cached = cmp.Or(said.Prompt, used.Prompt), said.Cached
		used.Reported = said.Prompt > 0 && used.Completion == 0
		return used
	}
	more := since.streamed(mostGenerated(j.req) - said.Completion)
	said.Completion += more
	said.Reported = said.Prompt > 0 && more == 0
	said.Prompt = cmp.Or(said.Prompt, promptTokens(j.req))
	return said
}

// generated is how many tokens the texts of a stream are. Where the prompt is one of them, nothing is to be told from
// how short they are.
func (j *job) generated(t *texts) int64 {
	if j.echoes() {
		return t.tokens(mostGenerated(j.req) + promptTokens(j.req))
	}
	return t.streamed(mostGenerated(j.req))
}

func (j *job) echoes() bool { return string(j.req.Field("echo")) == "true" }

// guess is what was used where the backend does not say: the prompt by its estimate, and what was generated.
func (j *job) guess(generated int64) completion.Tokens {
	prompt := promptTokens(j.req)
	if j.echoes() { // the prompt came back with it
		generated -= prompt
	}
	return completion.Tokens{Prompt: prompt, Completion: max(0, generated)}
}

// usageIn reads the usage of an answer or of a chunk; ok is false where it has none. Zeros alone, which some
// backends send along, are none: a completion has a prompt or a text.
func usageIn(doc []byte) (used completion.Tokens, ok bool) {
	return usageOf(part(doc, rawjson.Find(doc, "usage")))
}

// usageOf reads a usage, after which more may come.
func usageOf(usage []byte) (used completion.Tokens, ok bool) {
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
