package conformance

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/specgate/specgate/gen"
)

func (s *Suite) echoCases() []Case {
	const echo = askedField + "echo/description"
	const of = schemas + "/Logprobs/properties/"
	const scoring = askedField + "max_tokens/description"
	return []Case{
		required("echo/text", "The prompt stands in front of the completion.", echo, echoes(`"The radio is for"`, "The radio is for")),
		required("echo/texts", "Each prompt stands in front of its own completion.", echo, answered(`"prompt":["The stove is for","The cat is for"],"echo":true,`+few, choices(2), func(c *gen.Completion) error {
			return errors.Join(beginsWith(c.Choices[0].Text, "The stove is for"), beginsWith(c.Choices[1].Text, "The cat is for"))
		})),
		required("echo/unicode", "The prompt comes back as it was sent, whatever its letters.", echo, echoes(`"Zo\u00eb \ud83d\ude00 & <b> 日本"`, "Zoë 😀 & <b> 日本")),
		required("echo/streamed", "The prompt stands in front of a stream too.", echo, streamed(`"prompt":"The bench is for","echo":true,`+few, func(tr *transcript) error {
			return beginsWith(strings.Join(tr.texts(), "|"), "The bench is for")
		})),
		required("echo/only", "With max_tokens of 0, the prompt alone comes back.", scoring, answered(`"prompt":"The hammer is for","echo":true,"max_tokens":0`, one(says("The hammer is for")))),
		required("echo/scored", "With logprobs, and max_tokens of 0, the prompt is scored.", scoring, scored(`"The sky is blue"`, func(l *gen.Logprobs, c gen.CompletionChoice) error {
			return errors.Join(sideBySide(l, c), spellsText(l, c))
		})),
		required("echo/scored-first", "The first token of an echoed prompt has no log probability, all others have one.", of+"token_logprobs/description", scored(`"The sea is too cold"`, firstIsNull)),
		required("echo/scored-usage", "What is scored is not generated.", scoring, answered(`"prompt":"The saw is for","echo":true,"logprobs":1,"max_tokens":0`,
			usage("nothing was to be generated", func(u *gen.CompletionUsage) bool { return u.CompletionTokens == 0 }))),
		required("echo/offsets", "Offsets count code points from the start of the prompt.", of+"text_offset/description", scored(`"Caf\u00e9 Zo\u00eb has six tables"`, countsFromStart)),
		quality("echo/consistent", "A text has the log probabilities with which it was generated.", of+"token_logprobs/description", scoresAlike),
	}
}

func echoes(prompt, want string) func(*trial) error {
	return answered(`"prompt":`+prompt+`,"echo":true,`+few, one(func(c gen.CompletionChoice) error { return beginsWith(c.Text, want) }))
}

func beginsWith(text, want string) error {
	if !strings.HasPrefix(text, want) {
		return fmt.Errorf("%q does not begin with %q", text, want)
	}
	return nil
}

// scored asks for the logprobs of a prompt.
func scored(prompt string, check func(*gen.Logprobs, gen.CompletionChoice) error) func(*trial) error {
	return answered(`"prompt":`+prompt+`,"echo":true,"logprobs":1,"max_tokens":0`, one(func(c gen.CompletionChoice) error {
		if err := hasLogprobs(c); err != nil {
			return err
		}
		return check(c.Logprobs, c)
	}))
}

func firstIsNull(l *gen.Logprobs, _ gen.CompletionChoice) error {
	if len(values(l.TokenLogprobs)) == 0 {
		return errors.New("there are no token_logprobs")
	}
	for i, p := range *l.TokenLogprobs {
		if (p == nil) != (i == 0) {
			return fmt.Errorf("of %d tokens, that at position %d is the one out of order", len(*l.TokenLogprobs), i)
		}
	}
	return nil
}

func countsFromStart(l *gen.Logprobs, c gen.CompletionChoice) error {
	if err := offsetsFollow(l, c); err != nil {
		return err
	}
	if offsets := values(l.TextOffset); offsets[0] != 0 {
		return fmt.Errorf("the offsets are %d", offsets)
	}
	return nil
}

// scoresAlike scores what was generated.
func scoresAlike(t *trial) error {
	generated, err := t.complete(`"prompt":"The tools are on","echo":true,"logprobs":1,"max_tokens":4,"temperature":0`)
	if err != nil {
		return err
	}
	if err := one(hasLogprobs)(generated); err != nil {
		return err
	}
	want := values(generated.Choices[0].Logprobs.TokenLogprobs)
	return scored(quoted(generated.Choices[0].Text), func(l *gen.Logprobs, _ gen.CompletionChoice) error {
		got := values(l.TokenLogprobs)
		if len(got) == 0 || len(want) == 0 {
			return errors.New("there are no token_logprobs")
		}
		for i := range min(len(got), len(want)) {
			if math.Abs(got[i]-want[i]) > closeToScore {
				return fmt.Errorf("position %d had %g when it was generated, and has %g when it is scored", i, want[i], got[i])
			}
		}
		return nil
	})(t)
}

// closeToScore allows for sums that were made in another order.
const closeToScore = 0.05
