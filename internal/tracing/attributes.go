package tracing

import (
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"

	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/rawjson"
)

// integers and numbers are the fields of a request that are told, each under a name of the conventions. Texts are
// not among them.
var (
	integers = []parameter{
		{"max_tokens", semconv.GenAIRequestMaxTokensKey}, {"n", semconv.GenAIRequestChoiceCountKey}, {"seed", semconv.GenAIRequestSeedKey},
	}
	numbers = []parameter{
		{"temperature", semconv.GenAIRequestTemperatureKey},
		{"top_p", semconv.GenAIRequestTopPKey},
		{"frequency_penalty", semconv.GenAIRequestFrequencyPenaltyKey},
		{"presence_penalty", semconv.GenAIRequestPresencePenaltyKey},
	}
)

type parameter struct {
	field string
	key   attribute.Key
}

// asked is what a request says of itself.
func asked(call *completion.Call, req *completion.Request, model string) []attribute.KeyValue {
	const most = 12
	all := make([]attribute.KeyValue, 0, most)
	all = append(all, semconv.GenAIRequestModel(model), semconv.HTTPRequestHeader("x-request-id", call.ID))
	if req.Stream {
		all = append(all, semconv.GenAIRequestStream(true))
	}
	if call.Attempts > 0 {
		all = append(all, semconv.HTTPRequestResendCount(call.Attempts))
	}
	for _, p := range integers {
		if n, err := strconv.ParseInt(string(req.Field(p.field)), 10, 64); err == nil {
			all = append(all, p.key.Int64(n))
		}
	}
	for _, p := range numbers {
		if f, err := strconv.ParseFloat(string(req.Field(p.field)), 64); err == nil {
			all = append(all, p.key.Float64(f))
		}
	}
	return all
}

// found is what answers and chunks say of themselves.
type found struct {
	asked, named string // what was asked for, which may be the caller's own word, and what the settings call it
	id, model    string
	reasons      []string
	usage        [len(counts)]int64
	used, chosen bool // whether there was a usage, and a choice
}

// counts are what a usage may say, in which member and which of that; under names of the conventions.
var counts = [...]struct {
	member, detail string
	key            attribute.Key
}{
	{"prompt_tokens", "", semconv.GenAIUsageInputTokensKey},
	{"completion_tokens", "", semconv.GenAIUsageOutputTokensKey},
	{"prompt_tokens_details", "cached_tokens", semconv.GenAIUsageCacheReadInputTokensKey},
	{"completion_tokens_details", "reasoning_tokens", semconv.GenAIUsageReasoningOutputTokensKey},
}

// read takes in an answer or a chunk, and reports whether it is the first that has a choice.
func (f *found) read(doc []byte) (first bool) {
	before := f.chosen
	for name, at := range rawjson.Members(doc) {
		value := doc[at.Start:at.End]
		switch string(name) {
		case "id":
			f.id = name128(value, f.id)
		case "model":
			f.model = name128(value, f.model)
		case "choices":
			f.choices(value)
		case "usage":
			f.count(value)
		}
	}
	return f.chosen && !before
}

// choices takes in why choices ended. There may be many, which mostly have one reason.
func (f *found) choices(list []byte) {
	const most = 128
	for at := range rawjson.Items(list) {
		f.chosen = true
		choice := list[at.Start:at.End]
		reason := rawjson.Find(choice, "finish_reason")
		switch text := string(choice[reason.Start:reason.End]); text {
		case `"stop"`, `"length"`, `"content_filter"`:
			if len(f.reasons) < most {
				f.reasons = append(f.reasons, text[1:len(text)-1])
			}
		}
	}
}

func (f *found) count(usage []byte) {
	if len(usage) == 0 || usage[0] != '{' {
		return
	}
	f.used = true
	for i, c := range counts {
		at := rawjson.Find(usage, c.member)
		value := usage[at.Start:at.End]
		if c.detail != "" {
			at = rawjson.Find(value, c.detail)
			value = value[at.Start:at.End]
		}
		f.usage[i], _ = strconv.ParseInt(string(value), 10, 64)
	}
}

func (f *found) attributes() []attribute.KeyValue {
	var all []attribute.KeyValue
	if f.id != "" {
		all = append(all, semconv.GenAIResponseID(f.id))
	}
	if f.model == f.asked {
		f.model = f.named
	}
	if f.model != "" {
		all = append(all, semconv.GenAIResponseModel(f.model))
	}
	if f.reasons != nil {
		all = append(all, semconv.GenAIResponseFinishReasons(f.reasons...))
	}
	for i, c := range counts {
		if f.used && (f.usage[i] > 0 || c.detail == "") {
			all = append(all, c.key.Int64(f.usage[i]))
		}
	}
	return all
}

// name128 is a name that a backend gives, in quotes, or otherwise where it is no name: too long, or of other
// characters than names are of.
func name128(quoted []byte, otherwise string) string {
	const most = 128
	if len(quoted) < 3 || len(quoted) > most+2 {
		return otherwise
	}
	inside := quoted[1 : len(quoted)-1]
	if string(inside) == otherwise {
		return otherwise
	}
	for _, c := range inside {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '_', c == '.', c == ':', c == '/', c == '@', c == '+':
		default:
			return otherwise
		}
	}
	return string(inside)
}
