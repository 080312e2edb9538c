package completion

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Request is a validated request. Body is what the caller sent, decoded from gzip where it came so;
// a backend forwards it byte for byte, but for a field that it has a stated reason to patch. A
// Request is never changed: With and Without make another of it.
type Request struct {
	Body         []byte
	Model        string // the model's id, unescaped
	Stream       bool   // whether the answer is to be a stream
	IncludeUsage bool   // whether a stream is to end with a chunk that holds the usage

	places [factCount]Span // of the facts, in their order
}

// facts are the fields of a request that the gateway itself acts on: those that openapi.yaml
// declares, in its order, and one within another.
var facts = [factCount]string{
	"model", "prompt", "best_of", "echo", "frequency_penalty", "logit_bias", "logprobs", "max_tokens", "n",
	"presence_penalty", "seed", "stop", "stream", "stream_options", "suffix", "temperature", "top_p", "user",
	includeUsage,
}

const (
	factCount    = 19
	includeUsage = "stream_options.include_usage"
)

// Facts lists the fields whose places Read has to be told, in this order.
func Facts() []string { return slices.Clone(facts[:]) }

// Read reads a body that check accepts. check is that of the compiled contract, with Facts: it fills
// the spans, one for each of the facts. Its error is returned as it is.
func Read(body []byte, check func(document []byte, spans []Span) error) (*Request, error) {
	r := &Request{Body: body}
	if err := check(body, r.places[:]); err != nil {
		return nil, err
	}
	if raw := r.Field("model"); raw != nil {
		var err error
		if r.Model, err = text(raw); err != nil {
			return nil, fmt.Errorf("read model: %w", err)
		}
	}
	r.Stream = isTrue(r.Field("stream"))
	r.IncludeUsage = isTrue(r.Field(includeUsage))
	return r, nil
}

// Field returns the JSON of a field that Facts lists, as it was written, nil where it is absent. It
// is a part of Body, and must not be changed.
func (r *Request) Field(name string) []byte {
	i := slices.Index(facts[:], name)
	if i < 0 || r.places[i].End == 0 {
		return nil
	}
	return r.Body[r.places[i].Start:r.places[i].End:r.places[i].End]
}

func isTrue(raw []byte) bool { return string(raw) == "true" }

// text unquotes a JSON string, without a decoder where it holds no escape.
func text(quoted []byte) (string, error) {
	for _, c := range quoted {
		if c == '\\' {
			var s string
			err := json.Unmarshal(quoted, &s)
			return s, err
		}
	}
	return string(quoted[1 : len(quoted)-1]), nil
}
