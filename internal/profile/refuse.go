package profile

import (
	"fmt"

	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/contract"
)

// refuse refuses all parameters of a request that the backend would ignore, at once, in the order in
// which the contract declares them.
func (p *profile) refuse(req *completion.Request) error {
	if p.options.Pass {
		return nil
	}
	var all []contract.Violation
	for _, r := range p.rules {
		if r.do.name == refuse.name && r.applies(req, p.options.Defaults) {
			all = append(all, p.unsupported(r))
		}
	}
	if all == nil {
		return nil
	}
	return &contract.Invalid{Violations: all}
}

func (p *profile) unsupported(r rule) contract.Violation {
	what := "Parameter " + r.field + " is"
	if r.when.name == isTokens.name {
		what = "Token ids in parameter " + r.field + " are"
	}
	return contract.Violation{
		Loc: []any{"body", r.field}, Type: "unsupported_parameter", Msg: what + " not supported by " + p.model(),
	}
}

// model names the model as the operator does: what the caller sent is never repeated.
func (p *profile) model() string {
	if p.options.Model == "" {
		return "this model's backend"
	}
	return "the backend of model " + p.options.Model
}

// count returns how many single requests a request has to be split into, 1 where it has not.
func (p *profile) count(req *completion.Request) (int, error) {
	of := map[string]int{"prompt": 1, "n": 1}
	for _, r := range p.rules {
		if r.do.name != splitUp.name || !r.applies(req, p.options.Defaults) {
			continue
		}
		raw := req.Field(r.field)
		if r.field == "prompt" {
			of[r.field] = len(prompts(raw))
		} else {
			of[r.field] = int(integer(raw))
		}
	}
	choices, most := of["prompt"]*of["n"], p.options.FanoutMax
	if most <= 0 || choices <= most {
		return choices, nil
	}
	field := "n"
	if of["prompt"] > 1 {
		field = "prompt"
	}
	return 0, &contract.Invalid{Violations: []contract.Violation{{
		Loc: []any{"body", field}, Type: "value_error",
		Msg: fmt.Sprintf("Value error, the number of prompts times n must not exceed %d for %s", most, p.model()),
	}}}
}
