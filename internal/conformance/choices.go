package conformance

import (
	"fmt"
	"slices"

	"github.com/specgate/specgate/gen"
)

func (s *Suite) choiceCases() []Case {
	const index = schemas + "/CompletionChoice/properties/index/description"
	const counts = schemas + "/CompletionUsage/properties/"
	const drafts = askedField + "best_of/description"
	return []Case{
		required("choices/n", "n completions come back.", askedField+"n/description", answered(`"prompt":"There is a market","n":3,"max_tokens":2`, choices(3))),
		required("choices/n-of-one", "n of 1 is one completion.", askedField+"n/default", answered(`"prompt":"There is a garden","n":1,"max_tokens":2`, choices(1))),
		required("choices/prompts-times-n", "Each prompt has n choices, in the order prompt × n + choice.", index, answered(`"prompt":["There is fish","There is bread"],"n":2,"max_tokens":2`, choices(4))),
		required("choices/belong", "With n, the choices of a prompt stand side by side.", index, belong),
		quality("choices/differ", "The choices of a prompt differ.", askedField+"n/description", answered(`"prompt":"The weather in Norhaven is","n":4,"max_tokens":16,"temperature":1.5`, choices(4), func(c *gen.Completion) error {
			if all := textsOf(c); len(slices.Compact(slices.Clone(all))) == 1 {
				return fmt.Errorf("all %d are %q", len(all), all[0])
			}
			return nil
		})),
		required("choices/usage", "Usage counts the tokens of all choices.", counts+"completion_tokens/description", answered(`"prompt":"This is how you make soup","n":4,"max_tokens":2`,
			usage("4 choices of at least one token each were made", func(u *gen.CompletionUsage) bool { return u.CompletionTokens >= 4 && u.CompletionTokens <= 8 }))),
		required("choices/usage-of-prompts", "Usage counts the tokens of all prompts.", counts+"prompt_tokens/description", countsPrompts),
		required("choices/usage-total", "The total is both together.", counts+"total_tokens/description", answered(`"prompt":"This is how you make tea",`+few,
			usage("the total is not the sum", func(u *gen.CompletionUsage) bool { return u.TotalTokens == u.PromptTokens+u.CompletionTokens }))),
		required("choices/best-of", "best_of generates more than it returns.", drafts, answered(`"prompt":"This is how you make bread","best_of":3,"max_tokens":2`, choices(1))),
		required("choices/best-of-n", "The n best of best_of are returned.", drafts, answered(`"prompt":"This is how you make cake","best_of":4,"n":2,"max_tokens":2`, choices(2))),
		required("choices/best-of-usage", "Usage counts what best_of throws away.", counts+"completion_tokens/description", answered(`"prompt":"This is how you make cheese","best_of":5,"max_tokens":2`,
			usage("5 completions of at least one token each were made", func(u *gen.CompletionUsage) bool { return u.CompletionTokens >= 5 }))),
	}
}

// belong looks whether the choices at temperature 0 are alike where they are of one prompt.
func belong(t *trial) error {
	const prompts = `"prompt":["One, two, three,","Monday, Tuesday,"],"temperature":0,"max_tokens":6`
	single, err := t.texts(prompts)
	if err != nil {
		return err
	}
	double, err := t.texts(prompts + `,"n":2`)
	if err != nil {
		return err
	}
	if len(single) != 2 || len(double) != 4 {
		return fmt.Errorf("%d choices came, and %d with n of 2", len(single), len(double))
	}
	if single[0] != single[1] && (double[0] == single[1] || double[1] == single[1] || double[2] == single[0] || double[3] == single[0]) {
		varies, err := t.varies((*trial).texts, prompts, single)
		if err != nil || varies {
			return err
		}
		return fmt.Errorf("the prompts go on with %q, and with n of 2 with %q", single, double)
	}
	return nil
}

// countsPrompts compares what two prompts cost together with what each costs alone.
func countsPrompts(t *trial) error {
	var sum int64
	for _, prompt := range []string{`"The ferry comes to"`, `"The captain of the ferry is a quiet man"`, `["The ferry comes to","The captain of the ferry is a quiet man"]`} {
		c, err := t.complete(`"prompt":` + prompt + `,"max_tokens":1`)
		if err != nil {
			return err
		}
		if c.Usage == nil {
			return errUncounted
		}
		if prompt[0] == '"' {
			sum += c.Usage.PromptTokens
		} else if c.Usage.PromptTokens != sum {
			return fmt.Errorf("two prompts have %d tokens together, and %d one by one", c.Usage.PromptTokens, sum)
		}
	}
	return nil
}
