package conformance_test

import (
	"maps"
	"net/http"
	"strings"
)

// deviations are those that are scripted, by the case that has to find them. Where there are several, a comma
// and how the rule is broken stand behind the case.
var deviations = gather(modelDeviations, promptDeviations, samplingDeviations, logprobsDeviations, choiceDeviations,
	echoDeviations, streamDeviations, answerDeviations, errorDeviations, headerDeviations, robustnessDeviations,
	furtherAnswers, furtherLogprobs, furtherStreams, furtherHeaders)

type scripts map[string]func() deviation

func gather(all ...scripts) scripts {
	out := scripts{}
	for _, some := range all {
		maps.Copy(out, some)
	}
	return out
}

func on(when func(*seen) bool, ask func(*seen), answer func(*reply)) func() deviation {
	return func() deviation { return deviation{when, ask, answer} }
}

var modelDeviations = scripts{
	"models/list":          on(both(to("GET", "/v1/models"), func(s *seen) bool { return s.header.Get("Authorization") != "" }), nil, swap(`"data":\[.*\]`, `"data":[]`)),
	"models/retrieve":      on(to("GET", "/v1/models/specgate-1"), nil, swap(`"id":"[^"]*"`, `"id":"another"`)),
	"models/unknown":       on(to("GET", "/v1/models/specgate-conformance-no-such-model"), func(s *seen) { s.path = "/v1/models/specgate-1" }, nil),
	"models/unknown-asked": asks("Who is there?", set("model", `"specgate-1"`)),
}

var promptDeviations = scripts{
	"prompts/text":               changes("The harbour is", swap(`"index":0`, `"index":1`)),
	"prompts/texts":              changes("The boats", swap(`"index":2`, `"index":0`)),
	"prompts/texts-of-one":       refuses("The lighthouse is"),
	"prompts/tokens":             asks("[65,66,67]", set("prompt", `[[65],[66],[67]]`)),
	"prompts/token-lists":        asks("[[65,66],[67,68]]", set("prompt", `[65,66,67,68]`)),
	"prompts/token-lists-of-one": refuses("[[68,65,66]]"),
	"prompts/token-count":        asks("[66,66,67,67]", set("prompt", `"66 66 67 67"`)),
	"prompts/empty-text":         refuses(`"prompt":"",` + `"max_tokens":4`),
	"prompts/empty-text-in-list": asks("The garden\"]", set("prompt", `["The garden"]`)),
	"prompts/empty-list":         asks(`"prompt":[],`, set("prompt", `["",""]`)),
	"prompts/null":               refuses(`"prompt":null,"max_tokens":4`),
	"prompts/own-choice":         asks(`["In the morning the"`, set("prompt", `["On Monday four","In the morning the"]`)),
	"prompts/number":             takes(`"prompt":5}`),
	"prompts/object":             takes(`"prompt":{}}`),
	"prompts/mixed":              takes(`["The tea",66]`),
	"prompts/mixed-lists":        takes(`[66,[66]]`),
	"prompts/null-in-list":       takes(`["The tea",null]`),
	"prompts/fraction":           takes(`[66,1.5]`),
	"prompts/boolean-in-list":    takes(`[66,true]`),
}

var samplingDeviations = scripts{
	"sampling/max-tokens":         asks("ninety-two", set("max_tokens", "9")),
	"sampling/max-tokens-default": asks("Once upon a time", set("max_tokens", "40")),
	"sampling/max-tokens-null":    asks("Once upon another time", set("max_tokens", "40")),
	"sampling/max-tokens-zero":    asks("There is nothing", set("max_tokens", "1")),
	"sampling/finish-length":      changes("There was a small", swap(`"length"`, `"stop"`)),
	"sampling/stop-text":          asks("The old man who", set("stop", "")),
	"sampling/stop-list":          asks("The town is called", set("stop", `"\u0000never"`)),
	"sampling/stop-reason":        on(both(about("The train leaves at"), withField("stop")), nil, swap(`"finish_reason":"stop"`, `"finish_reason":"length"`)),
	"sampling/seed":               func() deviation { return deviation{when: about("Dear Ana, thank"), ask: second(raiseTemperature)} },
	"sampling/seeds":              asks("Dear Marta, thank", set("seed", "1")),
	"sampling/greedy":             func() deviation { return deviation{when: about("On a good day"), ask: second(raiseTemperature)} },
	"sampling/temperature":        asks("On a bad day", set("temperature", "0")),
	"sampling/top-p":              on(both(about("When the wind comes"), withField("top_p")), func(s *seen) { set("top_p", "")(s); raiseTemperature(s) }, nil),
	"sampling/logit-bias":         asks("How do you build", set("logit_bias", "")),
	"sampling/frequency-penalty":  asks("Put the onions", set("frequency_penalty", "")),
	"sampling/presence-penalty":   asks("Put the carrots", set("presence_penalty", "")),
	"sampling/suffix":             refuses("def add"),
	"sampling/user":               refuses("user-1234"),
}

var logprobsDeviations = scripts{
	"logprobs/none":            asks("Under the apple tree", set("logprobs", "0")),
	"logprobs/side-by-side":    changes("In March the ground", swap(`"text_offset":\[\d+,`, `"text_offset":[`)),
	"logprobs/tokens":          changes("In April you put", swap(`"tokens":\["[^"]*"`, `"tokens":["other"`)),
	"logprobs/offsets":         changes("In May the first", swap(`"text_offset":\[\d+,`, `"text_offset":[999,`)),
	"logprobs/top":             asks("In June you give", set("logprobs", "5")),
	"logprobs/negative":        changes("In July you give", swap(`"token_logprobs":\[[^,\]]+`, `"token_logprobs":[0.5`)),
	"logprobs/sampled":         changes("In August there are", swap(`"token_logprobs":\[[^,\]]+`, `"token_logprobs":[-77`)),
	"logprobs/zero":            asks("In September there", set("logprobs", "3")),
	"logprobs/greedy":          asks("In October you take", raiseTemperature),
	"logprobs/mass":            changes("In November you put", swap(`"top_logprobs":\[\{[^}]*\}`, `"top_logprobs":[{"x":-0.1,"y":-0.1}`)),
	"logprobs/streamed":        on(both(about("In December you look"), withField("stream")), nil, swap(`"tokens":\["([^"]+)"\]`, `"tokens":["$1",""]`)),
	"logprobs/streamed-pieces": changes("The snails come at", swap(`"tokens":\["[^"]+"\]`, `"tokens":["x"]`)),
}

var choiceDeviations = scripts{
	"choices/n":                asks("There is a market", set("n", "1")),
	"choices/n-of-one":         asks("There is a garden", set("n", "2")),
	"choices/prompts-times-n":  asks("There is fish", set("n", "1")),
	"choices/belong":           on(both(about("One, two, three,"), withField("n")), set("prompt", `["Monday, Tuesday,","One, two, three,"]`), nil),
	"choices/differ":           asks("The weather in Norhaven", set("temperature", "0")),
	"choices/usage":            changes("how you make soup", swap(`"completion_tokens":\d+`, `"completion_tokens":2`)),
	"choices/usage-of-prompts": on(both(about("The ferry comes to"), about("quiet man")), nil, swap(`"prompt_tokens":\d+`, `"prompt_tokens":4`)),
	"choices/usage-total":      changes("how you make tea", swap(`"total_tokens":\d+`, `"total_tokens":0`)),
	"choices/best-of":          on(about("how you make bread"), func(s *seen) { set("n", "3")(s); set("best_of", "")(s) }, nil),
	"choices/best-of-n":        asks("how you make cake", set("n", "3")),
	"choices/best-of-usage":    asks("how you make cheese", set("best_of", "")),
}

var echoDeviations = scripts{
	"echo/text":         asks("The radio is for", set("echo", "")),
	"echo/texts":        asks("The stove is for", set("prompt", `["The cat is for","The stove is for"]`)),
	"echo/unicode":      changes("<b>", swap(`&|\\u0026`, `&amp;`)),
	"echo/streamed":     asks("The bench is for", set("echo", "")),
	"echo/only":         asks("The hammer is for", set("max_tokens", "1")),
	"echo/scored":       changes("The sky is blue", swap(`"tokens":\["[^"]*",`, `"tokens":[`)),
	"echo/scored-first": changes("The sea is too cold", swap(`"token_logprobs":\[null`, `"token_logprobs":[0`)),
	"echo/scored-usage": asks("The saw is for", set("max_tokens", "1")),
	"echo/offsets":      changes("has six tables", swap(`"text_offset":\[0`, `"text_offset":[1`)),
	"echo/consistent": on(both(about("The tools are on"), about(`"max_tokens":0`)), nil, func(a *reply) {
		a.body = strings.ReplaceAll(a.body, ",-", ",-1")
	}),
}

var streamDeviations = scripts{
	"streaming/content-type":    changes("The water is hot", header("Content-Type", "text/plain")),
	"streaming/framing":         changes("The leaves are green", swap(`(?m)^data:`, "event: completion\ndata:")),
	"streaming/chunks":          changes("The stairs are long", swap(`"finish_reason":null`, `"finish_reason":""`)),
	"streaming/done":            changes("The light goes on", swapLast("data: [DONE]\n\n", "")),
	"streaming/id":              changes("The book is full", swapLast(`"id":"`, `"id":"x`)),
	"streaming/finish":          changes("The wall is grey", swapLast(`"finish_reason":"length"`, `"finish_reason":null`)),
	"streaming/prompts":         changes("The stone is", swap(`"index":1`, `"index":0`)),
	"streaming/n":               asks("The field is", set("n", "")),
	"streaming/text":            on(both(about("The river is"), withField("stream")), raiseTemperature, nil),
	"streaming/seed":            on(both(about("The mountain is"), withField("stream")), set("seed", "8"), nil),
	"streaming/usage":           changes("The city is", swap(`data: .*"usage".*\n\n`, "")),
	"streaming/usage-total":     changes("The station is", swap(`"total_tokens":\d+`, `"total_tokens":0`)),
	"streaming/usage-unasked":   asks("The ticket is", set("stream_options", `{"include_usage":true}`)),
	"streaming/usage-false":     asks("The window is", set("stream_options", `{"include_usage":true}`)),
	"streaming/options-unknown": refuses(`"stream_options":{"x_conformance"`),
	"streaming/stop":            asks("The weather is never", set("stop", "")),
	"streaming/accept":          on(both(about("The letter is"), func(s *seen) bool { return s.header.Get("Accept") == "application/json" }), set("stream", ""), nil),
	"streaming/refused": changes("The garden is", func(a *reply) {
		a.status, a.header = 200, http.Header{"Content-Type": {"text/event-stream"}}
		a.body = "data: " + a.body + "\n\n"
	}),
	"streaming/model": changes("The tree is", swapLast(`"model":"`, `"model":"x`)),
}

var answerDeviations = scripts{
	"answers/completion":    changes("Hello World", swap(`"object":"text_completion"`, `"object":"chat.completion"`)),
	"answers/choice":        changes("Hello to the town", swap(`"logprobs":null,`, ``)),
	"answers/finish-reason": changes("Hello to the sea", swap(`"finish_reason":"[a-z]+"`, `"finish_reason":"eos_token"`)),
	"answers/usage":         changes("Hello to everyone", swap(`"total_tokens"`, `"tokens"`)),
	"answers/logprobs":      changes("Hello again", swap(`"token_logprobs":\[`, `"token_logprobs":["x",`)),
	"answers/id":            changes("The name of the cat", swap(`"id":"[^"]*"`, `"id":"cmpl-0"`)),
	"answers/created":       changes("The time is", swap(`"created":\d+`, `"created":0`)),
	"answers/integers":      changes("The number is", swap(`"index":0`, `"index":0.0`)),
	"answers/model":         changes("My name is\"", swap(`"model":"[^"]*"`, `"model":"another"`)),
}

var errorDeviations = scripts{
	"errors/first":         changes("First things first", swap(`"param":"[^"]*"`, `"param":null`)),
	"errors/all":           changes("All wrong", swap(`,\{"loc":\["body","temperature"\][^}]*\}`, ``)),
	"errors/many":          changes("Many wrongs", swap(`,\{"loc":\["body"\][^}]*\}`, ``)),
	"errors/secret":        changes("xyzzy", swap(`should be`, `'xyzzy-8d1f' should be`)),
	"errors/nothing":       on(both(to("POST", "/v1/completions"), func(s *seen) bool { return s.body == "{}" }), nil, swap(`,\{"loc":\["body","prompt"\][^}]*\}`, ``)),
	"errors/empty":         on(both(to("POST", "/v1/completions"), func(s *seen) bool { return s.header.Get("Content-Length") == "0" }), nil, status(400)),
	"errors/array":         on(func(s *seen) bool { return s.body == "[]" }, nil, take),
	"errors/null":          on(func(s *seen) bool { return s.body == "null" }, nil, take),
	"errors/text":          on(func(s *seen) bool { return s.body == `"Hello World"` }, nil, take),
	"errors/cut":           on(func(s *seen) bool { return strings.HasSuffix(s.body, `"prompt":`) }, nil, status(500)),
	"errors/trailing":      takes("} x"),
	"errors/nan":           takes("NaN"),
	"errors/single-quotes": takes("'any'"),
	"errors/comma":         takes(`"x",}`),
	"errors/no-key":        on(about("Who goes there?"), letIn, take),
	"errors/unknown-key":   on(about("Who goes here?"), nil, status(403)),
	"errors/scheme":        on(about("Who goes where?"), nil, header("WWW-Authenticate", "")),
	"errors/key-first":     on(both(about(`"n":""`), without("Authorization")), letIn, nil),
	"errors/models-no-key": on(both(to("GET", "/v1/models"), without("Authorization")), letIn, nil),
	"errors/not-found":     on(to("POST", "/v1/no-such-path"), nil, swap(`"code":"[a-z_]*",?`, ``)),
	"errors/method":        on(to("GET", "/v1/completions"), nil, header("Allow", "")),
	"errors/models-method": on(to("DELETE", "/v1/models"), nil, status(404)),
	"errors/media-type":    on(about("Plainly"), func(s *seen) { s.header.Set("Content-Type", "application/json") }, take),
	"errors/no-media-type": on(about("Untyped"), nil, take),
	"errors/form":          on(about("Formally"), nil, take),
	"errors/encoding":      on(about("Brittle"), nil, status(400)),
}

var headerDeviations = scripts{
	"headers/request-id":             changes("Name me", header("X-Request-Id", "")),
	"headers/request-id-kept":        changes("My name is Marta", header("X-Request-Id", "another")),
	"headers/request-id-refused":     changes(`"prompt":7`, header("X-Request-Id", "")),
	"headers/parameters":             changes("In letters", status(415)),
	"headers/letter-case":            changes("IN LETTERS", status(415)),
	"headers/scheme-case":            changes("Bear with me", status(401)),
	"headers/accept-encoding":        changes("Zip it up", header("Content-Encoding", "gzip")),
	"headers/organization":           refuses("On behalf of the organization"),
	"headers/project":                refuses("On behalf of the project"),
	"headers/organization-malformed": on(both(about("On behalf of nobody"), func(s *seen) bool { return s.header.Get("OpenAI-Organization") != "" }), nil, take),
	"headers/project-malformed":      on(both(about("On behalf of nobody"), func(s *seen) bool { return s.header.Get("OpenAI-Project") != "" }), nil, take),
}

var robustnessDeviations = scripts{
	"robustness/gzip":              on(both(func(s *seen) bool { return s.header.Get("Content-Encoding") == "gzip" }, func(s *seen) bool { return !strings.Contains(s.body, "Unzipped") }), nil, status(415)),
	"robustness/gzip-malformed":    changes("Unzipped", status(500)),
	"robustness/chunked":           changes("Piece by piece", refuse),
	"robustness/large":             changes("At large", status(413)),
	"robustness/huge":              on(func(s *seen) bool { return len(s.header.Get("Content-Length")) > 9 }, nil, take),
	"robustness/duplicate":         takes("Twice\"}"),
	"robustness/duplicate-within":  takes(`{"a":1,"a":1}`),
	"robustness/lookalike":         takes(`"Model"`),
	"robustness/lookalike-folded":  takes(`\u017ftream`),
	"robustness/deep":              on(both(about("Deep down"), about("temperature")), nil, refuse),
	"robustness/deeper":            on(both(about("Deep down"), func(s *seen) bool { return !strings.Contains(s.body, "temperature") }), nil, take),
	"robustness/bottomless":        changes("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", status(500)),
	"robustness/surrogate":         takes(`"\ud83d"`),
	"robustness/utf-8":             takes("\xff\xfe"),
	"robustness/byte-order-mark":   takes("\uFEFF"),
	"robustness/control-character": takes("a\tb"),
	"robustness/escapes":           on(about(`\u005a`), func(s *seen) { s.body = strings.ReplaceAll(s.body, `\u`, `\\u`) }, nil),
	"robustness/separators":        refuses(`\u2028`),
	"robustness/spaces":            refuses("Out in space"),
	"robustness/after":             refuses("And after that"),
}
