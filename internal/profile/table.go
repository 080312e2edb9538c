package profile

import (
	"encoding/json"

	"github.com/specgate/specgate/internal/completion"
)

// deviation is a value of a field that some kinds of backends do not take as the contract means it,
// and what is done about it in front of each; the kinds that are not named take it.
type deviation struct {
	field string
	when  condition
	by    map[string]action
}

// table holds all deviations, in the order in which openapi.yaml declares the fields. Where each is
// known from is told in docs/backends.md.
func table() []deviation {
	return []deviation{
		{"prompt", isNothing, actions{LlamaCpp: noText}},
		{"prompt", isTokens, actions{Ollama: refuse, TGI: refuse}},
		{"prompt", isSeveral, actions{LlamaCpp: splitUp, Ollama: splitUp, TGI: splitUp}},
		{"prompt", isSeveralGreedy, actions{VLLM: splitUp}},
		{"prompt", isListOfOne, actions{Ollama: itsItem}},
		{"best_of", isAsked, actions{VLLM: refuse, LlamaCpp: refuse, Ollama: refuse, SGLang: refuse, TGI: refuse}},
		{"best_of", isIdle, actions{LlamaCpp: cut}},
		{"echo", isAsked, actions{LlamaCpp: refuse, Ollama: refuse, TGI: refuse}},
		{"echo", isIdle, actions{LlamaCpp: cut}},
		{"echo", isNull, actions{SGLang: cut}},
		{"frequency_penalty", isNull, actions{LlamaCpp: cut, SGLang: cut}},
		{"logit_bias", isAsked, actions{Ollama: refuse, TGI: refuse}},
		{"logit_bias", isNull, actions{LlamaCpp: cut}},
		{"logprobs", isAsked, actions{Ollama: refuse, TGI: refuse}},
		{"logprobs", isZero, actions{LlamaCpp: one}},
		{"logprobs", isNull, actions{LlamaCpp: cut}},
		{"max_tokens", isUnset, actions{LlamaCpp: theDefault, Ollama: theDefault, TGI: theDefault}},
		{"max_tokens", isZero, actions{Ollama: one}},
		{"max_tokens", isZeroAlone, actions{VLLM: one}},
		{"max_tokens", isNull, actions{SGLang: cut}},
		{"n", isAsked, actions{LlamaCpp: splitUp, Ollama: splitUp, TGI: splitUp}},
		{"n", isAskedGreedy, actions{VLLM: splitUp}},
		{"n", isNull, actions{VLLM: cut, LlamaCpp: cut, SGLang: cut}},
		{"presence_penalty", isAsked, actions{TGI: refuse}},
		{"presence_penalty", isNull, actions{LlamaCpp: cut, SGLang: cut}},
		{"seed", isNull, actions{LlamaCpp: cut}},
		{"stop", isText, actions{TGI: aList}},
		{"stop", isNull, actions{LlamaCpp: cut}},
		{"stream", isNull, actions{LlamaCpp: cut, SGLang: cut, TGI: cut}},
		{"stream_options", isNull, actions{LlamaCpp: cut}},
		{"suffix", isAsked, actions{LlamaCpp: refuse, TGI: refuse}},
		{"suffix", isIdle, actions{VLLM: cut, LlamaCpp: cut, TGI: cut}},
		{"temperature", isNull, actions{LlamaCpp: cut, SGLang: cut}},
		{"top_p", isZero, actions{VLLM: nearZero, Ollama: nearZero, SGLang: nearZero, TGI: nearZero}},
		{"top_p", isOne, actions{TGI: cut}},
		{"top_p", isNull, actions{LlamaCpp: cut, SGLang: cut}},
		{"user", isNull, actions{LlamaCpp: cut}},
	}
}

type actions = map[string]action

// rule is a deviation of one kind of backend.
type rule struct {
	field string
	when  condition
	do    action
}

// applies reports whether a request deviates so.
func (r rule) applies(req *completion.Request, defaults map[string]json.RawMessage) bool {
	return r.when.holds(req.Field(r.field), defaults[r.field]) && (r.when.beside == nil || r.when.beside(req))
}

func rulesFor(kind string) []rule {
	var rules []rule
	for _, d := range table() {
		if do, ok := d.by[kind]; ok {
			rules = append(rules, rule{d.field, d.when, do})
		}
	}
	return rules
}
