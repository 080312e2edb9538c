package conformance_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/conformance"
)

// What the contract leaves open is held against nobody: as real endpoints do it.
func TestWhatIsAllowed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, d := range allowed() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			touched := b.touched(d)
			if len(touched) == 0 {
				t.Fatal("nothing is touched")
			}
			for _, result := range b.run(t, deviant{specgate: b.specgate, deviation: d}, touched...) {
				if result.Verdict != conformance.Holds && result.Case.Level == conformance.Required {
					t.Errorf("%s %s: %s", result.Case.ID, result.Verdict, result.Reason)
				}
			}
		})
	}
}

func allowed() map[string]deviation {
	all := map[string]deviation{
		"texts that vary":                                {when: both(about(`"temperature":0`), about(`"max_tokens":16`)), ask: vary()},
		"no likely tokens where none is asked for":       {when: about(`"logprobs":0`), answer: noList("top_logprobs")},
		"null for likely tokens where none is asked for": {when: about(`"logprobs":0`), answer: nullFirst("top_logprobs")},
		"a text that repeats itself":                     {when: about("The town is called"), answer: says("abXcdXabX", "")},
		"a token that is certain":                        {when: about("In July you give"), answer: logprobs(func(l object) { l["token_logprobs"].([]any)[0] = 0 })},
		"two that take turns":                            {when: both(about(`"temperature":0`), about(`"max_tokens":16`)), ask: takingTurns()},
		"prompts that are taken in turns":                {when: about("One, two, three,\",\"Monday"), answer: only(isJSON, turned())},
		"one token, and the end": {when: about("There was a small"), answer: func(a *reply) {
			choiceWith("finish_reason", "stop")(a)
			counting(4, 1)(a)
		}},
		"one token and the end, which counts": {when: about("There was a small"), answer: func(a *reply) {
			choiceWith("finish_reason", "stop")(a)
			choiceWith("text", " house")(a)
		}},
		"one word to some prompts": {when: func(s *seen) bool {
			return about("The old man who")(s) || about("The town is called")(s) || about("The train leaves")(s) || about("The weather is never")(s)
		}, answer: brief},
		"parts of a character": {when: about("In May the first"), answer: logprobs(func(l object) {
			l["tokens"].([]any)[0] = "\ufffd\ufffd"
		})},
		"a stream of no token": {when: about("The station is"), answer: func(a *reply) {
			choiceWith("text", "")(a)
			counting(4, 0)(a)
		}},
		"answers in gzip": {when: func(s *seen) bool { return strings.Contains(s.header.Get("Accept-Encoding"), "gzip") }, answer: func(a *reply) {
			a.header.Set("Content-Encoding", "gzip")
			a.body = zipped(a.body)
		}},
		"an encoding that is none": {when: about("Zip it up"), answer: header("Content-Encoding", "identity")},
	}
	for name, answer := range map[string]func(*reply){
		"comments":                  only(isStream, swap(`(?m)^data:`, ": ping\ndata:")),
		"comments of their own":     only(isStream, swap(`(?m)^data:`, ": ping\n\ndata:")),
		"a comment at the end":      only(isStream, swap(`(?m)\[DONE\]\n\n`, "[DONE]\n\n: bye\n\n")),
		"comments within":           only(isStream, swap(`(?m)^(data:.*)$`, "$1\n: ping")),
		"no space behind the colon": only(isStream, swap(`(?m)^data: `, "data:")),
		"letters of a type":         only(isJSON, header("Content-Type", "Application/JSON; charset=utf-8")),
		"a parameter that is none":  only(isJSON, header("Content-Type", "application/json; charset")),
		"usage of null":             chunks(usageOfNull),
		"a key more":                edit(func(o object) { o["service_tier"] = nil }),
		"another wording":           only(of(422), swap("should", "must")),
		"another byte": violation(func(v *gen.Violation) {
			if v.Type == "json_invalid" {
				v.Loc[1] = 0
			}
		}),
		"parts of a character among the likely": logprobs(func(l object) {
			eachTop(l, 2, func(top object) {
				clear(top)
				top["\ufffd"] = -3
			})
		}),
		"a token more that is likely": logprobs(func(l object) { eachTop(l, 2, func(top object) { top["sampled"] = -9.5 }) }),
	} {
		all[name] = deviation{when: changed(answer), answer: answer}
	}
	return all
}

// Usage may be absent, or null, where nobody asked for it as the contract has it: what counts by it tells nothing
// then, and nothing else is held against an endpoint.
func TestUsageMayBeAbsent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	untold := []string{"prompts/token-count", "choices/usage", "choices/usage-of-prompts", "choices/usage-total", "choices/best-of-usage", "echo/scored-usage"}
	for name, answer := range map[string]func(*reply){
		"absent": only(isJSON, noUsage),
		"null":   only(isJSON, edit(func(o object) { o["usage"] = nil })),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := deviation{when: changed(only(isWhole, answer)), answer: only(isWhole, answer)}
			for _, result := range b.run(t, deviant{specgate: b.specgate, deviation: d}, b.touched(d)...) {
				want := conformance.Holds
				if slices.Contains(untold, result.Case.ID) {
					want = conformance.NotApplicable
				}
				if result.Verdict != want {
					t.Errorf("%s %s: %s", result.Case.ID, result.Verdict, result.Reason)
				}
			}
		})
	}
}

// isWhole is a completion that is not streamed.
func isWhole(a reply) bool { return isJSON(a) && isCompletion(a) }

// Nor is it held against one that counts nothing in any way.
func TestNothingCountsTokens(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d := deviation{when: about("ninety-two"), ask: set("logprobs", ""), answer: noUsage}
	for _, result := range b.run(t, deviant{specgate: b.specgate, deviation: d}, b.touched(d)...) {
		if result.Verdict != conformance.NotApplicable {
			t.Errorf("%s %s: %s", result.Case.ID, result.Verdict, result.Reason)
		}
	}
}

// vary gives a text that is another each time.
func vary() func(*seen) {
	seed := 0
	return func(s *seen) {
		seed++
		set("temperature", "2")(s)
		set("seed", strconv.Itoa(seed))(s)
	}
}

// takingTurns asks every second time of another endpoint, which says other things, each time the same.
func takingTurns() func(*seen) {
	other := false
	return func(s *seen) {
		if other {
			raiseTemperature(s)
		}
		other = !other
	}
}

// turned exchanges the choices of the two prompts every second time.
func turned() func(*reply) {
	other := false
	return func(a *reply) {
		if other {
			edit(func(answer object) {
				all := choicesOf(answer)
				for i := range len(all) / 2 {
					j := len(all)/2 + i
					all[i]["text"], all[j]["text"] = all[j]["text"], all[i]["text"]
				}
			})(a)
		}
		other = !other
	}
}

// A model that says next to nothing is not blamed for what nothing can be seen of.
func TestNothingToStop(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	d := deviation{when: about(`"max_tokens":16`), answer: brief}
	for _, result := range b.run(t, deviant{specgate: b.specgate, deviation: d}, "sampling/stop-text", "sampling/stop-list", "sampling/stop-reason", "streaming/stop") {
		if result.Verdict != conformance.NotApplicable {
			t.Errorf("%s %s: %s", result.Case.ID, result.Verdict, result.Reason)
		}
	}
}

// brief says a word, and nothing more.
func brief(a *reply) {
	left := "Ant"
	choice(func(c object) { c["text"], left = left, "" })(a)
}

// eachTop does something to the likeliest tokens at each position, where so many were asked for.
func eachTop(l object, asked int, do func(object)) {
	tops, _ := l["top_logprobs"].([]any)
	for _, item := range tops {
		if top, _ := item.(object); len(top) == asked {
			do(top)
		}
	}
}

func usageOfNull(all []object) []object {
	for _, chunk := range all {
		if _, there := chunk["usage"]; !there && chunk["choices"] != nil {
			chunk["usage"] = nil
		}
	}
	return all
}
