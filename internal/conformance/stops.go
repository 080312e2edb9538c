package conformance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/specgate/specgate/gen"
)

// asking gives the texts of the choices that fields get, as a whole or as a stream.
type asking func(t *trial, fields string) ([]string, error)

// continuation is what a prompt is followed by at temperature 0, and two pieces of it to stop at.
type continuation struct {
	ask    asking
	fields string // of the request
	text   string
	first  string // the piece that comes up first
	second string
}

// continued asks for the continuation of a prompt, which is JSON.
func (t *trial) continued(ask asking, prompt string) (*continuation, error) {
	c := &continuation{ask: ask, fields: `"prompt":` + prompt + `,"temperature":0,"max_tokens":16`}
	all, err := ask(t, c.fields)
	if err != nil {
		return nil, err
	}
	if len(all) != 1 || len([]rune(all[0])) < 6 {
		return nil, fmt.Errorf("there is nothing to stop at in %q", all)
	}
	runes := []rune(all[0])
	third := len(runes) / 3
	c.text, c.first, c.second = all[0], string(runes[third:third+2]), string(runes[2*third:2*third+2])
	if strings.Index(c.text, c.second) < strings.Index(c.text, c.first) {
		c.first, c.second = c.second, c.first
	}
	return c, nil
}

// before is what stands in front of the stop that comes up first.
func (c *continuation) before() string { return c.text[:strings.Index(c.text, c.first)] }

// stop and stopList are the request with stop texts. In the list, that which comes up first stands last.
func (c *continuation) stop() string { return c.fields + `,"stop":` + quoted(c.first) }

func (c *continuation) stopList() string {
	return c.fields + `,"stop":[` + quoted(c.second) + `,` + quoted(c.first) + `]`
}

// endsBefore expects texts to be what stands before the stop. The contract promises nobody that a text comes
// twice: where the whole of it does not, it is enough that the stop is not there.
func (c *continuation) endsBefore(t *trial, texts []string) error {
	if slices.Equal(texts, []string{c.before()}) {
		return nil
	}
	again, err := c.ask(t, c.fields)
	if err != nil {
		return err
	}
	if varies := !slices.Equal(again, []string{c.text}); varies && len(texts) == 1 && !strings.Contains(texts[0], c.first) {
		return nil
	}
	return fmt.Errorf("with the stop text %q, %q becomes %q", c.first, c.text, texts)
}

// stops expects a stop text to end a completion that would have it.
func stops(ask asking, prompt string, with func(*continuation) string) func(*trial) error {
	return func(t *trial) error {
		c, err := t.continued(ask, prompt)
		if err != nil {
			return err
		}
		texts, err := ask(t, with(c))
		if err != nil {
			return err
		}
		return c.endsBefore(t, texts)
	}
}

// stopsForReason expects a text that was cut at a stop to say so.
func stopsForReason(t *trial) error {
	c, err := t.continued((*trial).texts, `"The train leaves at"`)
	if err != nil {
		return err
	}
	return answered(c.stop(), one(func(choice gen.CompletionChoice) error {
		if choice.Text == c.before() && choice.FinishReason != gen.CompletionChoiceFinishReasonStop {
			return fmt.Errorf("the finish_reason is %q instead of stop: %q ends before %q", choice.FinishReason, choice.Text, c.first)
		}
		return nil
	}))(t)
}
