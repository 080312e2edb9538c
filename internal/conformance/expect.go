package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/contract"
)

// accepted is a request that keeps the contract: it is answered, as a whole or as a stream, with a choice for
// each prompt and each of n.
func accepted(fields string, header ...string) func(*trial) error {
	return func(t *trial) error {
		x, err := t.ask(fields, header...)
		if err != nil {
			return err
		}
		return x.hasChoices()
	}
}

// inFull expects what was sent to be answered with as many choices as it asks for, where nothing is wrong with
// the answer otherwise.
func (x *Exchange) inFull(err error) error {
	if err := orElse(err, x.mustBe(http.StatusOK)); err != nil {
		return err
	}
	return x.hasChoices()
}

// hasChoices expects as many choices as were asked for.
func (x *Exchange) hasChoices() error {
	want := asksFor(x.Body)
	if x.stream != nil {
		if came := len(x.stream.choices()); came != want {
			return fmt.Errorf("%d choices came instead of %d", came, want)
		}
		return nil
	}
	var c gen.Completion
	if err := json.Unmarshal(x.Got, &c); err != nil {
		return fmt.Errorf("the answer cannot be read: %w", err)
	}
	return choices(want)(&c)
}

// asksFor is how many choices a request asks for.
func asksFor(body []byte) int {
	var sent struct {
		Prompt json.RawMessage
		N      *float64
	}
	_ = json.Unmarshal(body, &sent) // what is encoded asks for one
	prompts, each := 1, 1
	var list []json.RawMessage
	if json.Unmarshal(sent.Prompt, &list) == nil && list != nil && (len(list) == 0 || list[0][0] == '"' || list[0][0] == '[') {
		prompts = len(list)
	}
	if sent.N != nil {
		each = int(*sent.N)
	}
	return prompts * each
}

// answered is a completion that some checks hold of.
func answered(fields string, checks ...func(*gen.Completion) error) func(*trial) error {
	return func(t *trial) error {
		c, err := t.complete(fields)
		if err != nil {
			return err
		}
		for _, check := range checks {
			if err := check(c); err != nil {
				return err
			}
		}
		return nil
	}
}

// streamed is a stream that some checks hold of.
func streamed(fields string, checks ...func(*transcript) error) func(*trial) error {
	return func(t *trial) error {
		tr, err := t.stream(fields)
		if err != nil {
			return err
		}
		for _, check := range checks {
			if err := check(tr); err != nil {
				return err
			}
		}
		return nil
	}
}

// refused is a request that breaks the contract in its fields.
func refused(fields string) func(*trial) error {
	return func(t *trial) error {
		body, err := t.body(fields)
		if err != nil {
			return err
		}
		return t.refuse(body)
	}
}

// malformed is a body that is refused whatever the model.
func malformed(body string) func(*trial) error {
	return func(t *trial) error { return t.refuse(t.named(body)) }
}

// refuse sends a body that breaks the contract, and expects the violations that the contract has in it.
func (t *trial) refuse(body string) error {
	var want *contract.Invalid
	if !errors.As(t.suite.request.Check([]byte(body), nil), &want) {
		return errForeign
	}
	x, err := t.completions(body)
	if err := orElse(err, x.mustBe(http.StatusUnprocessableEntity)); err != nil {
		return err
	}
	var got gen.ValidationError
	if err := json.Unmarshal(x.Got, &got); err != nil {
		return fmt.Errorf("the answer cannot be read: %w", err)
	}
	return compare(want.Violations, got.Detail, len(body))
}

// compare holds a list of violations to the contract's own: types and places count, words do not.
func compare(want []contract.Violation, got []gen.Violation, length int) error {
	if len(want) != len(got) {
		return fmt.Errorf("%d violations are told instead of %d: %s", len(got), len(want), listed(got))
	}
	for i, w := range want {
		g := got[i]
		if g.Type != w.Type || !samePlace(w, g.Loc, length) {
			return fmt.Errorf("violation %d is %s at %s instead of %s at %s", i+1, g.Type, dotted(g.Loc), w.Type, dotted(w.Loc))
		}
	}
	return nil
}

// samePlace compares where two violations are. Readers of JSON differ in the byte at which they give up.
func samePlace(want contract.Violation, got []any, length int) bool {
	if want.Type == "json_invalid" {
		if len(got) != 2 {
			return false
		}
		at, ok := got[1].(float64)
		return ok && got[0] == "body" && at >= 0 && at <= float64(length)
	}
	return slices.EqualFunc(want.Loc, got, func(w, g any) bool {
		if position, ok := w.(int); ok {
			return g == float64(position)
		}
		return w == g
	})
}

func listed(all []gen.Violation) string {
	text := ""
	for i, v := range all {
		if i == 3 {
			return text + ", …"
		}
		if i > 0 {
			text += ", "
		}
		text += v.Type + " at " + dotted(v.Loc)
	}
	return text
}

// choices expects so many choices, each with the index of its place.
func choices(count int) func(*gen.Completion) error {
	return func(c *gen.Completion) error {
		if len(c.Choices) != count {
			return fmt.Errorf("%d choices came instead of %d", len(c.Choices), count)
		}
		for i, choice := range c.Choices {
			if choice.Index != int64(i) {
				return fmt.Errorf("choice %d has the index %d", i, choice.Index)
			}
		}
		return nil
	}
}

func textsOf(c *gen.Completion) []string {
	all := make([]string, len(c.Choices))
	for i, choice := range c.Choices {
		all[i] = choice.Text
	}
	return all
}

// usage expects something of the counts, where there are some.
func usage(says string, holds func(u *gen.CompletionUsage) bool) func(*gen.Completion) error {
	return func(c *gen.Completion) error {
		switch u := c.Usage; {
		case u == nil:
			return errUncounted
		case !holds(u):
			return fmt.Errorf("%s, and usage counts %d + %d = %d", says, u.PromptTokens, u.CompletionTokens, u.TotalTokens)
		}
		return nil
	}
}

// one is the only choice.
func one(check func(gen.CompletionChoice) error) func(*gen.Completion) error {
	return func(c *gen.Completion) error {
		if err := choices(1)(c); err != nil {
			return err
		}
		return check(c.Choices[0])
	}
}
