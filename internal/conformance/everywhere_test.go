package conformance_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/conformance"
)

// A rule that is broken everywhere turns all those cases red that look at it, and no others.
func TestWhatIsBrokenEverywhere(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, test := range everywhere {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var want, got []string
			for _, c := range b.suite.Cases() {
				if test.red(c.ID, b.requests[c.ID]) {
					want = append(want, c.ID)
				}
			}
			d := deviation{when: changed(test.answer), answer: test.answer}
			for _, result := range b.run(t, deviant{specgate: b.specgate, deviation: d}, b.touched(d)...) {
				if result.Verdict == conformance.Deviates {
					got = append(got, result.Case.ID)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// changed is what a deviation leaves as it was nothing of. An answer that is yet to come may be anything.
func changed(answer func(*reply)) func(*seen) bool {
	return func(s *seen) bool {
		if s.came.status == 0 {
			return true
		}
		a := reply{s.came.status, s.came.header.Clone(), s.came.body}
		answer(&a)
		return !cmp.Equal(s.came, a, cmp.AllowUnexported(reply{}))
	}
}

// finders tells which cases are to find a deviation, by what they send and what a conforming endpoint answers.
type finders func(id string, sent []seen) bool

// whose are the cases with an answer of some kind, but for some.
func whose(kind func(reply) bool, but ...string) finders {
	return func(id string, sent []seen) bool {
		return !slices.Contains(but, id) && slices.ContainsFunc(sent, func(s seen) bool { return kind(s.came) })
	}
}

// these are the cases that are named, and those of groups that are.
func these(names ...string) finders {
	return func(id string, _ []seen) bool {
		group, _, _ := strings.Cut(id, "/")
		return slices.Contains(names, id) || slices.Contains(names, group)
	}
}

// either is both together.
func either(a, b finders) finders {
	return func(id string, sent []seen) bool { return a(id, sent) || b(id, sent) }
}

func of(status int) func(reply) bool { return func(a reply) bool { return a.status == status } }

func isJSON(a reply) bool { return strings.HasPrefix(a.header.Get("Content-Type"), "application/json") }

func isStream(a reply) bool {
	return strings.HasPrefix(a.header.Get("Content-Type"), "text/event-stream")
}

func isError(a reply) bool { return a.status >= http.StatusBadRequest }

// tells so many violations.
func tells(least int) func(reply) bool {
	return func(a reply) bool {
		var told gen.ValidationError
		return a.status == http.StatusUnprocessableEntity && json.Unmarshal([]byte(a.body), &told) == nil && len(told.Detail) >= least
	}
}

// only does something to answers of some kind alone.
func only(kind func(reply) bool, do func(*reply)) func(*reply) {
	return func(a *reply) {
		if kind(*a) {
			do(a)
		}
	}
}

var everywhere = map[string]struct {
	answer func(*reply)
	red    finders
}{
	"JSON of another type":        {only(isJSON, header("Content-Type", "text/plain")), whose(isJSON)},
	"JSON of no type":             {only(isJSON, func(a *reply) { a.header["Content-Type"] = []string{""} }), whose(isJSON)},
	"JSON of text that is none":   {only(isJSON, func(a *reply) { a.body = "Bad Gateway" }), whose(isJSON)},
	"a status that nobody knows":  {status(299), whose(func(reply) bool { return true })},
	"streams of another type":     {only(isStream, header("Content-Type", "application/json")), whose(isStream)},
	"lines that end in CRLF":      {only(isStream, swap("\n", "\r\n")), these("streaming/framing")},
	"events of two lines":         {only(isStream, swap(`"model":`, "\ndata: \"model\":")), these("streaming/framing")},
	"no empty line":               {only(isStream, swap("\n\n", "\n")), whose(isStream)},
	"fields of events":            {only(isStream, swap("data:", "event: completion\ndata:")), these("streaming/framing")},
	"no [DONE]":                   {only(isStream, swapLast("data: [DONE]\n\n", "")), these("streaming/done")},
	"events behind [DONE]":        {only(isStream, swapLast("data: [DONE]\n\n", "data: [DONE]\n\ndata: {}\n\n")), these("streaming/done")},
	"usage that nobody asked for": {only(isStream, edit(used)), these("streaming/usage", "streaming/usage-total", "streaming/usage-unasked", "streaming/usage-false")},
	"no request id":               {header("X-Request-Id", ""), these("headers/request-id", "headers/request-id-kept", "headers/request-id-refused")},
	"another request id":          {header("X-Request-Id", "another"), these("headers/request-id-kept", "headers/request-id-refused")},

	"200 for what is refused":      {only(of(422), take), whose(of(422))},
	"400 for what is refused":      {only(of(422), status(400)), whose(of(422))},
	"refusals of another type":     {violation(anotherType), whose(of(422), "headers/request-id-refused", "errors/secret")},
	"refusals at another place":    {violation(anotherPlace), whose(of(422), "headers/request-id-refused", "errors/secret")},
	"refusals of the whole body":   {violation(func(v *gen.Violation) { v.Loc = []any{"body"} }), whose(tellsOfMore, "headers/request-id-refused", "errors/secret")},
	"refusals one too few":         {only(tells(2), violations(func(all []gen.Violation) []gen.Violation { return all[:len(all)-1] })), whose(tells(2), "errors/first")},
	"refusals one too many":        {violations(func(all []gen.Violation) []gen.Violation { return append(all, all[len(all)-1]) }), whose(of(422), "headers/request-id-refused", "errors/secret", "errors/first")},
	"refusals the other way round": {violations(backwards), whose(tells(2))},
	"refusals that say nothing":    {only(of(422), swap(`"detail":\[.*\],"error"`, `"detail":[],"error"`)), whose(of(422))},
	"errors in another form":       {only(isError, func(a *reply) { a.body = `{"error":"no"}` }), whose(isError)},
	"errors without a param":       {only(isError, swap(`"param":("[^"]*"|null),?`, "")), whose(isError)},
	"errors of server_error":       {only(isError, status(500)), whose(isError)},

	"no usage":         {noUsage, these("streaming/usage", "streaming/usage-total")},
	"usage of nothing": {counting(0, 0), these("prompts/token-count", "choices/usage", "choices/best-of-usage", "streaming/usage-total")},
	"usage of very much": {counting(999, 999), these("prompts/token-count", "sampling/max-tokens", "sampling/max-tokens-default", "sampling/max-tokens-null",
		"choices/usage", "choices/usage-of-prompts", "echo/scored-usage", "streaming/usage-total")},
	"totals that are none": {counts(func(u object) { u["total_tokens"] = 1000 }), these("choices/usage-total", "streaming/usage-total")},

	"no choice": {edit(func(o object) {
		if o["choices"] != nil {
			o["choices"] = []any{}
		}
	}), whose(isCompletion, blindToChoices...)},
	"indexes of 0": {choiceWith("index", 0), these("prompts/texts", "prompts/token-lists", "prompts/empty-text-in-list",
		"fields/integral", "limits/n-maximum-at", "limits/prompt-texts-most-items-at", "limits/prompt-tokenlists-most-items-at",
		"rules/best-of-greater", "choices/n", "choices/prompts-times-n", "choices/differ", "choices/best-of-n", "echo/texts",
		"streaming/prompts", "streaming/n")},
	"indexes from 1": {choice(func(c object) {
		n, _ := c["index"].(json.Number).Int64()
		c["index"] = n + 1
	}), whose(isCompletion, blindToIndexes...)},
	"no text": {choiceWith("text", ""), these("sampling/seeds", "sampling/temperature", "sampling/logit-bias", "sampling/frequency-penalty", "sampling/presence-penalty",
		"logprobs/tokens", "logprobs/streamed-pieces", "choices/differ", "echo/text", "echo/texts", "echo/unicode", "echo/streamed",
		"echo/only", "echo/scored", "echo/consistent")},
	"no reason":                   {only(isStream, choiceWith("finish_reason", nil)), these("streaming/finish", "streaming/prompts", "streaming/n")},
	"stop for every reason":       {only(isJSON, choiceWith("finish_reason", "stop")), these("sampling/finish-length")},
	"length for every reason":     {only(isJSON, choiceWith("finish_reason", "length")), these("sampling/stop-reason")},
	"no logprobs":                 {choiceWith("logprobs", nil), these(listsLogprobs...)},
	"no tokens":                   {noList("tokens"), these(listsLogprobs...)},
	"no token_logprobs":           {noList("token_logprobs"), these("logprobs/side-by-side", "logprobs/negative", "logprobs/sampled", "logprobs/zero", "logprobs/greedy", "echo/scored", "echo/scored-first", "echo/consistent")},
	"no top_logprobs":             {noList("top_logprobs"), these("logprobs/side-by-side", "logprobs/top", "logprobs/sampled", "logprobs/greedy", "logprobs/mass", "echo/scored")},
	"no text_offset":              {noList("text_offset"), these("logprobs/side-by-side", "logprobs/offsets", "echo/scored", "echo/offsets")},
	"one of the likeliest tokens": {fewerTops(1), these("logprobs/top")},
	"one id": {edit(func(o object) {
		if o["choices"] != nil {
			o["id"] = "cmpl-0"
		}
	}), these("answers/id")},
	"another object":        {only(of(200), swap(`"object":"text_completion"`, `"object":"thing"`)), either(whose(isCompletion), these("prompts/empty-list"))},
	"another model":         {only(of(200), swap(`"model":"[^"]*"`, `"model":"another"`)), these("answers/model")},
	"the beginning of time": {only(of(200), swap(`"created":\d+`, `"created":0`)), these("answers/created")},
}

// listsLogprobs are the cases that look at logprobs that were asked for.
var listsLogprobs = []string{
	"logprobs/side-by-side", "logprobs/tokens", "logprobs/offsets", "logprobs/top", "logprobs/negative", "logprobs/sampled",
	"logprobs/zero", "logprobs/greedy", "logprobs/mass", "logprobs/streamed", "logprobs/streamed-pieces",
	"echo/scored", "echo/scored-first", "echo/offsets", "echo/consistent", "answers/logprobs",
}

// blindToChoices are the cases that look at something else, and blindToIndexes those that count choices alone
// besides.
var (
	blindToChoices = []string{
		"prompts/token-count", "sampling/max-tokens", "sampling/max-tokens-default", "sampling/max-tokens-null",
		"choices/usage", "choices/usage-of-prompts", "choices/usage-total", "choices/best-of-usage", "echo/scored-usage",
		"streaming/framing", "streaming/chunks", "streaming/done", "streaming/id", "streaming/usage", "streaming/usage-total",
		"streaming/usage-unasked", "streaming/usage-false", "streaming/model", "answers/id", "answers/created", "answers/model",
		"headers/request-id", "headers/request-id-kept",
	}
	blindToIndexes = append([]string{
		"prompts/own-choice", "sampling/stop-text", "sampling/stop-list", "sampling/seed", "sampling/seeds", "sampling/greedy",
		"sampling/temperature", "sampling/top-p", "sampling/logit-bias", "sampling/frequency-penalty", "sampling/presence-penalty",
		"choices/belong",
	}, blindToChoices...)
)

// isCompletion is one with a choice, or with more.
func isCompletion(a reply) bool { return strings.Contains(a.body, `"index":`) }

// tellsOfMore is of something within a body.
func tellsOfMore(a reply) bool {
	var told gen.ValidationError
	return a.status == http.StatusUnprocessableEntity && json.Unmarshal([]byte(a.body), &told) == nil &&
		slices.ContainsFunc(told.Detail, func(v gen.Violation) bool { return len(v.Loc) > 1 })
}
