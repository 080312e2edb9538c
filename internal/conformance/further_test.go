package conformance_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/specgate/specgate/gen"
)

// Of many rules there is more than one way to break them: behind the id of a case and a comma stands how.

var furtherAnswers = scripts{
	"sampling/stop-text, too early":                   on(both(about("The old man who"), withField("stop")), nil, choice(cutText)),
	"sampling/stop-text, another text":                on(both(about("The old man who"), withField("stop")), nil, choiceWith("text", "another")),
	"sampling/stop-text, two choices":                 on(both(about("The old man who"), withField("stop")), nil, anotherChoice),
	"sampling/stop-text, another each time":           changes("The old man who", says("one two three four", "there are some more", "another text")),
	"sampling/stop-list, the first alone":             asks("The town is called", stopAt(0)),
	"sampling/stop-list, none":                        asks("The town is called", set("stop", "")),
	"sampling/max-tokens, seen in logprobs":           on(about("ninety-two"), set("max_tokens", "9"), noUsage),
	"sampling/max-tokens-default, seen in logprobs":   on(about("Once upon a time"), set("max_tokens", "40"), noUsage),
	"sampling/max-tokens-null, seen in logprobs":      on(about("Once upon another time"), set("max_tokens", "40"), noUsage),
	"robustness/escapes, two":                         changes("u005a", anotherChoice),
	"sampling/max-tokens-zero, two":                   changes("There is nothing", anotherChoice),
	"sampling/finish-length, two":                     changes("There was a small", anotherChoice),
	"streaming/stop, too early":                       on(both(about("The weather is never"), withField("stop")), nil, choice(cutText)),
	"streaming/stop, another text":                    on(both(about("The weather is never"), withField("stop")), nil, choiceWith("text", "a")),
	"sampling/suffix, no model":                       changes("def add", status(404)),
	"choices/belong, two":                             on(both(about("One, two, three,"), withField("n")), set("n", ""), nil),
	"choices/usage, too many":                         changes("how you make soup", counting(9, 9)),
	"choices/prompts-times-n, one index":              changes("There is fish", choiceWith("index", 0)),
	"choices/n, another order":                        changes("There is a market", edit(reversed)),
	"prompts/own-choice, one":                         on(both(about("In the morning the"), about("On Monday four")), set("prompt", `"In the morning the"`), nil),
	"prompts/own-choice, two":                         on(both(about("In the morning the"), not(about("On Monday four"))), set("n", `2`), nil),
	"robustness/after, let in":                        changes(`"what":"ever`, take),
	"robustness/after, another fault":                 changes(`"what":"ever`, violation(anotherType)),
	"robustness/after, no completion":                 changes("And after that", swap(`"choices"`, `"choice"`)),
	"robustness/after, nothing":                       changes("And after that", func(a *reply) { a.body = "" }),
	"robustness/gzip-malformed, another":              changes("Unzipped", status(422)),
	"robustness/chunked, malformed":                   changes("Piece by piece", status(400)),
	"answers/model, none is listed":                   on(func(s *seen) bool { return strings.Contains(s.body, `My name is"`) }, nil, swap(`"model":"[^"]*"`, `"model":"listed"`)),
	"answers/created, in milliseconds":                changes("The time is", swap(`"created":(\d+)`, `"created":${1}000`)),
	"echo/text, two":                                  changes("The radio is for", anotherChoice),
	"echo/texts, the second alone":                    changes("The stove is for", secondText),
	"echo/consistent, none is generated":              on(both(about("The tools are on"), about(`"max_tokens":4`)), nil, choiceWith("logprobs", nil)),
	"echo/consistent, no score":                       on(both(about("The tools are on"), about(`"max_tokens":4`)), nil, noList("token_logprobs")),
	"echo/consistent, nothing is scored":              on(both(about("The tools are on"), about(`"max_tokens":0`)), nil, noList("token_logprobs")),
	"echo/consistent, no logprobs":                    on(both(about("The tools are on"), about(`"max_tokens":0`)), nil, choiceWith("logprobs", nil)),
	"echo/scored, no logprobs":                        changes("The sky is blue", choiceWith("logprobs", nil)),
	"echo/scored, another text":                       changes("The sky is blue", choiceWith("text", "another")),
	"echo/scored-first, none":                         changes("The sea is too cold", noList("token_logprobs")),
	"echo/scored-first, all":                          changes("The sea is too cold", logprobs(func(l object) { l["token_logprobs"] = []any{nil, nil, nil} })),
	"echo/offsets, none":                              changes("has six tables", noList("text_offset")),
	"echo/offsets, from behind":                       changes("has six tables", logprobs(shifted)),
	"errors/first, another code":                      changes("First things first", swap(`"code":"string_type"`, `"code":"float_type"`)),
	"errors/first, no code":                           changes("First things first", swap(`"code":"string_type"`, `"code":null`)),
	"errors/first, another param":                     changes("First things first", swap(`"param":"[^"]*"`, `"param":"top_p"`)),
	"limits/n-maximum-at, refused at another place":   changes(`"n":128`, fewer(gen.Violation{Type: "value_error", Loc: []any{"body", "best_of"}})),
	"limits/n-maximum-at, refused as another type":    changes(`"n":128`, fewer(gen.Violation{Type: "less_than_equal", Loc: []any{"body", "n"}})),
	"limits/n-maximum-at, refused for more than that": changes(`"n":128`, fewer(gen.Violation{Type: "value_error", Loc: []any{"body", "n"}}, gen.Violation{Type: "missing", Loc: []any{"body", "x"}})),
	"choices/belong, the first":                       belonging(0),
	"choices/belong, the second":                      belonging(1),
	"choices/belong, the third":                       belonging(2),
	"choices/belong, the fourth":                      belonging(3),
	"choices/belong, one":                             on(both(about("One, two, three,"), not(withField("n"))), set("prompt", `"One, two, three,"`), nil),
	"echo/offsets, in bytes":                          changes("has six tables", logprobs(inBytes)),
	"errors/secret, another status":                   changes("xyzzy", status(400)),
	"errors/all, one too many":                        changes("All wrong", violations(func(all []gen.Violation) []gen.Violation { return append(all, all[0]) })),
	"errors/all, another order":                       changes("All wrong", violations(backwards)),
	"errors/first, another place":                     changes("First things first", placed("body", "echo")),
	"errors/first, another message":                   changes("First things first", violation(func(v *gen.Violation) { v.Msg = "another" })),
	"errors/cut, no place":                            cut(placed("body")),
	"errors/cut, too far":                             cut(placed("body", 1<<20)),
	"errors/cut, before the body":                     cut(placed("body", -1)),
	"errors/cut, elsewhere":                           cut(placed("header", 3)),
	"errors/cut, a key":                               cut(placed("body", "prompt")),
	"prompts/mixed, a text for a position":            changes(`["The tea",66]`, placed("body", "prompt", "1")),
	"prompts/mixed, another position":                 changes(`["The tea",66]`, placed("body", "prompt", 0)),
	"prompts/mixed, the whole":                        changes(`["The tea",66]`, placed("body", "prompt")),
	"prompts/number, another type":                    changes(`"prompt":5}`, violation(anotherType)),
}

func cut(answer func(*reply)) func() deviation {
	return on(func(s *seen) bool { return strings.HasSuffix(s.body, `"prompt":`) }, nil, answer)
}

func not(what func(*seen) bool) func(*seen) bool { return func(s *seen) bool { return !what(s) } }

func backwards(all []gen.Violation) []gen.Violation {
	slices.Reverse(all)
	return all
}

// cutText takes the first letter off.
func cutText(c object) { c["text"] = string([]rune(c["text"].(string) + " ")[1:]) }

func secondText(a *reply) {
	edit(func(answer object) { choicesOf(answer)[1]["text"] = "another" })(a)
}

func anotherChoice(a *reply) {
	edit(func(answer object) {
		list := answer["choices"].([]any)
		answer["choices"] = append(list, list[0])
	})(a)
}

func reversed(answer object) {
	list, _ := answer["choices"].([]any)
	slices.Reverse(list)
}

// says gives texts, each in its turn.
func says(texts ...string) func(*reply) {
	n := 0
	return func(a *reply) {
		choiceWith("text", texts[n%len(texts)])(a)
		n++
	}
}

// stopAt leaves one of several stop texts.
func stopAt(i int) func(*seen) {
	return func(s *seen) {
		list := strings.Split(strings.Trim(string(s.fields()["stop"]), "[]"), `","`)
		if len(list) == 2 {
			set("stop", `"`+strings.Trim(list[i], `"`)+`"`)(s)
		}
	}
}

// fewer refuses what may be refused for the number of choices, with other violations.
func fewer(told ...gen.Violation) func(*reply) {
	return func(a *reply) {
		refuse(a)
		violations(func([]gen.Violation) []gen.Violation { return told })(a)
	}
}

// belonging gives one of four choices the text of the other prompt.
func belonging(i int) func() deviation {
	return on(both(about("One, two, three,"), withField("n")), nil, edit(func(answer object) {
		all := choicesOf(answer)
		all[i]["text"] = all[(i+2)%4]["text"]
	}))
}

// shifted counts offsets from somewhere else.
func shifted(l object) {
	for i, at := range l["text_offset"].([]any) {
		n, _ := at.(json.Number).Int64()
		l["text_offset"].([]any)[i] = n + 7
	}
}

func oneMore(list string) func(object) {
	return func(l object) { l[list] = append(l[list].([]any), l[list].([]any)[0]) }
}

// inBytes counts offsets as bytes.
func inBytes(l object) {
	at := 0
	for i, token := range l["tokens"].([]any) {
		l["text_offset"].([]any)[i] = at
		at += len(token.(string))
	}
}

var furtherLogprobs = scripts{
	"answers/logprobs, none":             changes("Hello again", choiceWith("logprobs", nil)),
	"answers/logprobs, of no token":      changes("Hello again", choiceWith("logprobs", object{})),
	"answers/logprobs, two":              changes("Hello again", anotherChoice),
	"logprobs/side-by-side, none":        changes("In March the ground", choiceWith("logprobs", nil)),
	"logprobs/side-by-side, no scores":   changes("In March the ground", noList("token_logprobs")),
	"logprobs/side-by-side, no tops":     changes("In March the ground", noList("top_logprobs")),
	"logprobs/side-by-side, no offsets":  changes("In March the ground", noList("text_offset")),
	"logprobs/tokens, none":              changes("In April you put", choiceWith("logprobs", nil)),
	"logprobs/offsets, none":             changes("In May the first", noList("text_offset")),
	"logprobs/offsets, one is null":      changes("In May the first", nullFirst("text_offset")),
	"logprobs/top, none":                 changes("In June you give", noList("top_logprobs")),
	"logprobs/top, one is null":          changes("In June you give", nullFirst("top_logprobs")),
	"logprobs/top, one of two":           changes("In June you give", fewerTops(1)),
	"logprobs/top, none of two":          changes("In June you give", fewerTops(0)),
	"logprobs/negative, one too many":    changes("In July you give", logprobs(oneMore("token_logprobs"))),
	"logprobs/offsets, one too many":     changes("In May the first", logprobs(oneMore("text_offset"))),
	"logprobs/negative, none":            changes("In July you give", noList("token_logprobs")),
	"logprobs/negative, one is null":     changes("In July you give", nullFirst("token_logprobs")),
	"logprobs/sampled, no scores":        changes("In August there are", noList("token_logprobs")),
	"logprobs/sampled, no tops":          changes("In August there are", noList("top_logprobs")),
	"logprobs/zero, none":                changes("In September there", choiceWith("logprobs", nil)),
	"logprobs/zero, no scores":           changes("In September there", noList("token_logprobs")),
	"logprobs/zero, one is null":         changes("In September there", nullFirst("token_logprobs")),
	"logprobs/greedy, no tops":           changes("In October you take", noList("top_logprobs")),
	"logprobs/greedy, no scores":         changes("In October you take", noList("token_logprobs")),
	"logprobs/mass, no tops":             changes("In November you put", noList("top_logprobs")),
	"logprobs/streamed, none":            changes("In December you look", choiceWith("logprobs", nil)),
	"logprobs/streamed, two":             on(both(about("In December you look"), withField("stream")), set("n", "2"), nil),
	"logprobs/streamed-pieces, none":     changes("The snails come at", choiceWith("logprobs", nil)),
	"logprobs/streamed-pieces, two":      asks("The snails come at", set("n", "2")),
	"logprobs/streamed-pieces, no text":  changes("The snails come at", choice(func(c object) { c["text"], c["logprobs"] = "", nil })),
	"logprobs/streamed-pieces, no piece": changes("The snails come at", func(a *reply) { a.body = "data: [DONE]\n\n" }),
}

var furtherStreams = scripts{
	"streaming/content-type, JSON":             changes("The water is hot", header("Content-Type", "application/json")),
	"streaming/content-type, none":             changes("The water is hot", func(a *reply) { a.header["Content-Type"] = []string{""} }),
	"streaming/framing, two lines":             changes("The leaves are green", swap(`"model":`, "\ndata: \"model\":")),
	"streaming/framing, CRLF":                  changes("The leaves are green", swap("\n", "\r\n")),
	"streaming/framing, CR and an empty line":  changes("The leaves are green", swap("\n\n", "\r\n\n")),
	"streaming/framing, CR":                    changes("The leaves are green", swap("\n", "\r")),
	"streaming/framing, no empty line":         changes("The leaves are green", swapLast("\n\n", "\n")),
	"streaming/framing, no end":                changes("The leaves are green", swapLast("\n\n", "")),
	"streaming/framing, an id":                 changes("The leaves are green", swapLast("data: [DONE]", "id: 5\ndata: [DONE]")),
	"streaming/framing, CRLF behind a comment": changes("The leaves are green", swapLast("data: [DONE]", ": ping\r\n\r\ndata: [DONE]")),
	"streaming/framing, a field":               changes("The leaves are green", swapLast("data: [DONE]", "retry: 5\n\ndata: [DONE]")),
	"streaming/chunks, none":                   changes("The stairs are long", func(a *reply) { a.body = "data: [DONE]\n\n" }),
	"streaming/chunks, no empty line between":  changes("The stairs are long", swap("\n\n", "\n")),
	"streaming/chunks, no JSON":                changes("The stairs are long", swapLast("data: [DONE]", "data: x\n\ndata: [DONE]")),
	"streaming/chunks, broken off":             changes("The stairs are long", swapLast("data: [DONE]", `data: {"error":{"message":"m","type":"server_error","param":null,"code":null}}`)),
	"streaming/chunks, cut off":                changes("The stairs are long", swapLast("data: [DONE]\n\n", `data: {"id"`)),
	"streaming/done, a chunk behind it":        changes("The light goes on", swapLast("data: [DONE]\n\n", "data: [DONE]\n\ndata: {}\n\n")),
	"streaming/done, twice":                    changes("The light goes on", swapLast("data: [DONE]\n\n", "data: [DONE]\n\ndata: [DONE]\n\n")),
	"streaming/finish, twice":                  changes("The wall is grey", choiceWith("finish_reason", "length")),
	"streaming/finish, text behind it":         changes("The wall is grey", chunks(func(all []object) []object { return append(all, all[0]) })),
	"streaming/finish, another choice":         asks("The wall is grey", set("n", "2")),
	"streaming/n, text behind the end":         changes("The field is", chunks(func(all []object) []object { return append(all, all[0]) })),
	"streaming/text, two":                      on(both(about("The river is"), withField("stream")), set("n", "2"), nil),
	"streaming/usage, beside choices":          changes("The city is", chunks(besideChoices)),
	"streaming/usage, everywhere":              changes("The city is", chunks(everywhereUsed)),
	"streaming/usage, too early":               changes("The city is", chunks(usedFirst)),
	"streaming/usage, null":                    changes("The city is", edit(func(chunk object) { chunk["usage"] = nil })),
	"streaming/usage, no chunk":                changes("The city is", func(a *reply) { a.body = "data: [DONE]\n\n" }),
	"streaming/usage-total, beside choices":    changes("The station is", chunks(besideChoices)),
	"streaming/usage-total, everywhere":        changes("The station is", chunks(everywhereUsed)),
	"streaming/usage-total, none":              changes("The station is", noUsage),
	"streaming/usage-total, no chunk":          changes("The station is", func(a *reply) { a.body = "data: [DONE]\n\n" }),
	"streaming/usage-total, too many":          changes("The station is", counting(4, 5)),
	"streaming/usage-total, nothing generated": changes("The station is", counting(4, 0)),
	"streaming/usage-total, nothing asked":     changes("The station is", counting(0, 4)),
	"streaming/usage-unasked, beside choices":  changes("The ticket is", edit(used)),
	"streaming/refused, another type":          changes("The garden is", violation(anotherType)),
	"streaming/accept, as a whole":             changes("The letter is", header("Content-Type", "application/json")),
}

func used(chunk object) {
	chunk["usage"] = object{"prompt_tokens": 4, "completion_tokens": 4, "total_tokens": 8}
}

// besideChoices has the usage of the last chunk in that before it, as llama.cpp does.
func besideChoices(all []object) []object {
	last := len(all) - 1
	all[last-1]["usage"] = all[last]["usage"]
	return all[:last]
}

func everywhereUsed(all []object) []object {
	for _, chunk := range all[:len(all)-1] {
		used(chunk)
	}
	return all
}

// usedFirst has the chunk with the usage before all others.
func usedFirst(all []object) []object {
	return append(all[len(all)-1:], all[:len(all)-1]...)
}

var furtherHeaders = scripts{
	"headers/request-id-kept, none":                   changes("My name is Marta", header("X-Request-Id", "")),
	"headers/request-id-refused, another":             changes(`"prompt":7`, header("X-Request-Id", "another")),
	"headers/request-id-refused, another status":      changes(`"prompt":7`, status(400)),
	"headers/accept-encoding, brotli":                 changes("Zip it up", header("Content-Encoding", "br")),
	"headers/accept-encoding, cut off":                changes("Zip it up", zippedShort),
	"headers/accept-encoding, no completion":          changes("Zip it up", swap(`"choices"`, `"choice"`)),
	"headers/accept-encoding, refused":                changes("Zip it up", refuse),
	"headers/organization-malformed, another type":    on(malformedHeader("OpenAI-Organization"), nil, violation(anotherType)),
	"headers/organization-malformed, another place":   on(malformedHeader("OpenAI-Organization"), nil, placed("header", "openai-project")),
	"headers/organization-malformed, of the body":     on(malformedHeader("OpenAI-Organization"), nil, placed("body", "openai-organization")),
	"headers/organization-malformed, one too many":    on(malformedHeader("OpenAI-Organization"), nil, violations(func(all []gen.Violation) []gen.Violation { return append(all, all[0]) })),
	"headers/organization-malformed, nothing is told": on(malformedHeader("OpenAI-Organization"), nil, swap(`"detail":\[.*\],"error"`, `"detail":[],"error"`)),
	"headers/project-malformed, another type":         on(malformedHeader("OpenAI-Project"), nil, violation(anotherType)),
	"headers/project-malformed, another place":        on(malformedHeader("OpenAI-Project"), nil, placed("header", "openai-organization")),
	"headers/project-malformed, another status":       on(malformedHeader("OpenAI-Project"), nil, status(http.StatusBadRequest)),
}

func malformedHeader(name string) func(*seen) bool {
	return both(about("On behalf of nobody"), func(s *seen) bool { return s.header.Get(name) != "" })
}

// zippedShort says that it is gzip, and ends within.
func zippedShort(a *reply) {
	a.header.Set("Content-Encoding", "gzip")
	a.body = zipped(a.body)[:20]
}
