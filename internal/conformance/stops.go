package conformance

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

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

// goesOn are prompts that a model says something to which has little to say to others.
var goesOn = []string{`"One, two, three, four,"`, `"Monday, Tuesday, Wednesday,"`, `"Once upon a time there was"`}

// errBrief is a model that ends early, as it may.
var errBrief = &notApplicable{"nothing comes that is long enough to be stopped"}

// continued asks for the continuation of a prompt, which is JSON, or of another where there is next to none.
func (t *trial) continued(ask asking, prompt string) (*continuation, error) {
	for _, prompt := range append([]string{prompt}, goesOn...) {
		c := &continuation{ask: ask, fields: `"prompt":` + prompt + `,"temperature":0,"max_tokens":16`}
		all, err := ask(t, c.fields)
		if err != nil {
			return nil, err
		}
		if len(all) != 1 {
			return nil, fmt.Errorf("%d choices came instead of 1", len(all))
		}
		if utf8.RuneCountInString(all[0]) >= 6 {
			return c.cut(all[0]), nil
		}
	}
	return nil, errBrief
}

// cut takes the two pieces out of a text.
func (c *continuation) cut(text string) *continuation {
	runes := []rune(text)
	third := len(runes) / 3
	c.text, c.first, c.second = text, string(runes[third:third+2]), string(runes[2*third:2*third+2])
	if strings.Index(c.text, c.second) < strings.Index(c.text, c.first) {
		c.first, c.second = c.second, c.first
	}
	return c
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
	varies, err := t.varies(c.ask, c.fields, []string{c.text})
	if err != nil || varies && len(texts) == 1 && !strings.Contains(texts[0], c.first) {
		return err
	}
	return fmt.Errorf("with the stop text %q, %q becomes %q", c.first, c.text, texts)
}

// again is how often a request is repeated before somebody is blamed: where two endpoints take turns behind an
// address, the second answer may be of the first.
const again = 3

// varies reports whether a request gets other texts than it did.
func (t *trial) varies(ask asking, fields string, texts []string) (bool, error) {
	for range again {
		now, err := ask(t, fields)
		if err != nil || !slices.Equal(now, texts) {
			return err == nil, err
		}
	}
	return false, nil
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

// endsForLength expects a text that was cut at max_tokens to say so. One that goes on no further where more is
// allowed has ended by itself, and whether the token that ends it counts is left open.
func endsForLength(t *trial) error {
	const fields = `"prompt":"There was a small","temperature":0,"max_tokens":`
	short, err := t.complete(fields + "2")
	if err != nil {
		return err
	}
	ended := func(c gen.CompletionChoice) bool { return c.FinishReason != gen.CompletionChoiceFinishReasonLength }
	if err := choices(1)(short); err != nil || !ended(short.Choices[0]) || short.Usage != nil && short.Usage.CompletionTokens < 2 {
		return err
	}
	long, err := t.texts(fields + "12")
	if err != nil {
		return err
	}
	if text := short.Choices[0].Text; len(long) == 1 && long[0] != text && strings.HasPrefix(long[0], text) {
		return fmt.Errorf("the finish_reason is %q instead of length after 2 tokens: %q, which goes on as %q", short.Choices[0].FinishReason, text, long[0])
	}
	return nil
}
