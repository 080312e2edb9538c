// Package profile knows in what the kinds of backends read a request otherwise than the contract means
// it, and makes a request mean the same to each: it adapts what can be adapted, refuses what would be
// ignored without a word, and passes on everything else byte for byte. The whole of it stands in one
// table (table.go), which docs/backends.md repeats.
//
// It knows no HTTP and no configuration, and nothing of answers: those are upstream's to repair.
package profile

import (
	"context"
	"encoding/json"

	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/fanout"
)

// Completer answers one request, as handlers.Backend does.
type Completer interface {
	Complete(ctx context.Context, req *completion.Request) (*completion.Answer, error)
}

// The kinds of backends; every other is taken for Custom.
const (
	Custom   = "custom" // nobody knows which: everything passes
	OpenAI   = "openai"
	VLLM     = "vllm"
	LlamaCpp = "llamacpp"
	Ollama   = "ollama"
	SGLang   = "sglang"
	TGI      = "tgi"
	Specgate = "specgate" // a gateway like this one
)

// Kinds lists the kinds, Custom last.
func Kinds() []string {
	return []string{OpenAI, VLLM, LlamaCpp, Ollama, SGLang, TGI, Specgate, Custom}
}

// Options says how a profile is applied.
type Options struct {
	// Model is the public id of the model, for messages. Empty where requests for many go this way.
	Model string
	// Pass lets parameters through that the backend would ignore, instead of refusing them.
	Pass bool
	// FanoutMax is the most single requests that one may be split into; 0 is no limit.
	FanoutMax int
	// FanoutWidth is how many of them run side by side; 0 is all.
	FanoutWidth int
	// MaxBytes bounds their answers that are no streams, all together; 0 is no limit.
	MaxBytes int
	// Defaults are those that the contract publishes: contract.Defaults of CompletionRequest.
	Defaults map[string]json.RawMessage
}

// profile is a kind of backend in front of one that is of that kind.
type profile struct {
	kind    string
	next    Completer
	options Options
	rules   []rule
}

var _ Completer = (*profile)(nil)

// New returns a Completer for all that the contract accepts, in front of next, which is a backend of
// some kind. It is next itself where nothing has to be done. Its errors are next's, and
// *contract.Invalid for what is refused, before next is asked for anything.
func New(kind string, next Completer, o Options) Completer {
	rules := rulesFor(kind)
	if len(rules) == 0 {
		return next
	}
	return &profile{kind: kind, next: next, options: o, rules: rules}
}

// Complete asks next for what the request means, in as many requests as that takes.
func (p *profile) Complete(ctx context.Context, req *completion.Request) (*completion.Answer, error) {
	if err := p.refuse(req); err != nil {
		return nil, err
	}
	choices, err := p.count(req)
	if err != nil {
		return nil, err
	}
	req = p.adapt(req)
	if choices < 2 {
		return p.next.Complete(ctx, req)
	}
	return fanout.Complete(ctx, p.next, p.split(req, choices))
}

// adapt changes the fields that the backend reads otherwise. All others stay to the byte.
func (p *profile) adapt(req *completion.Request) *completion.Request {
	for _, r := range p.rules {
		if r.do.adapt != nil && r.applies(req, p.options.Defaults) {
			req = r.do.adapt(req, r.field, p.options.Defaults[r.field])
		}
	}
	return req
}
