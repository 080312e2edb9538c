package conformance

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/specgate/specgate/gen"
)

func (s *Suite) logprobsCases() []Case {
	const of = schemas + "/Logprobs"
	const field = askedField + "logprobs/description"
	return []Case{
		required("logprobs/none", "Where logprobs are not asked for, they are null.", of+"/description", answered(`"prompt":"Under the apple tree",`+few, one(func(c gen.CompletionChoice) error {
			if c.Logprobs != nil {
				return errors.New("there are logprobs")
			}
			return nil
		}))),
		required("logprobs/side-by-side", "The arrays run side by side, one entry a token.", of+"/description", listing(`"prompt":"In March the ground"`, sideBySide)),
		required("logprobs/tokens", "The tokens are those of the text.", of+"/properties/tokens/description", listing(`"prompt":"In April you put"`, spellsText)),
		required("logprobs/offsets", "Each token begins where the one before it ends, in code points.", of+"/properties/text_offset/description", listing(`"prompt":"In May the first"`, offsetsFollow)),
		required("logprobs/top", "At each position as many of the likeliest tokens are listed as were asked for, beside the sampled one.", field, listing(`"prompt":"In June you give"`, topsAreFew)),
		required("logprobs/negative", "A logarithm of a probability is not above 0.", of+"/properties/token_logprobs/description", listing(`"prompt":"In July you give"`, notPositive)),
		required("logprobs/sampled", "A token has one log probability, wherever it is listed.", of+"/properties/top_logprobs/description", listing(`"prompt":"In August there are"`, sameInTop)),
		required("logprobs/zero", "0 gives the log probability of the sampled token alone.", field, answered(`"prompt":"In September there are","logprobs":0,`+few, one(sampledAlone))),
		quality("logprobs/greedy", "At temperature 0 the sampled token is the likeliest.", askedField+"temperature/description", listing(`"prompt":"In October you take"`, sampledIsLikeliest)),
		quality("logprobs/mass", "The probabilities at a position do not add up to more than 1.", of+"/properties/top_logprobs/description", listing(`"prompt":"In November you put"`, massIsOne)),
		quality("logprobs/streamed", "A stream has the logprobs of the plain answer.", of+"/description", streamsLogprobs),
		required("logprobs/streamed-pieces", "The tokens of a stream are those of its text.", of+"/properties/tokens/description", streamed(`"prompt":"The snails come at","logprobs":2,`+few, func(tr *transcript) error {
			all := tr.choices()
			if len(all) != 1 || len(all[0].tokens) == 0 {
				return fmt.Errorf("%d choices came, or no logprobs", len(all))
			}
			return sameText(all[0].tokens, all[0].text)
		})),
	}
}

// mostTop is how many of the likeliest tokens the cases ask for.
const mostTop = 2

// listing asks for the logprobs of a few tokens at temperature 0, which a check holds of.
func listing(prompt string, check func(*gen.Logprobs, gen.CompletionChoice) error) func(*trial) error {
	return answered(fmt.Sprintf(`%s,"logprobs":%d,"max_tokens":6,"temperature":0`, prompt, mostTop), one(func(c gen.CompletionChoice) error {
		if err := hasLogprobs(c); err != nil {
			return err
		}
		return check(c.Logprobs, c)
	}))
}

// hasLogprobs expects what was asked for, of one token at least.
func hasLogprobs(c gen.CompletionChoice) error {
	if c.Logprobs == nil || len(values(c.Logprobs.Tokens)) == 0 {
		return errors.New("there are no logprobs")
	}
	return nil
}

func sideBySide(l *gen.Logprobs, _ gen.CompletionChoice) error {
	n := len(values(l.Tokens))
	if each, tops, offsets := len(values(l.TokenLogprobs)), len(values(l.TopLogprobs)), len(values(l.TextOffset)); each != n || tops != n || offsets != n {
		return fmt.Errorf("there are %d tokens, %d token_logprobs, %d top_logprobs and %d text_offset", n, each, tops, offsets)
	}
	return nil
}

func spellsText(l *gen.Logprobs, c gen.CompletionChoice) error {
	return sameText(values(l.Tokens), c.Text)
}

// spellsBytes reports whether a text has parts of characters, which have names of their own or are all written as
// U+FFFD: how long they are is not to be told, nor which of them is which.
func spellsBytes(text string) bool {
	return strings.Contains(text, "bytes:") || strings.ContainsRune(text, utf8.RuneError)
}

// sameText joins tokens. One that is a part of a character spells nothing.
func sameText(tokens []string, text string) error {
	joined := strings.Join(tokens, "")
	if joined != text && !spellsBytes(joined) && !spellsBytes(text) {
		return fmt.Errorf("the tokens spell %q, and the text is %q", joined, text)
	}
	return nil
}

// given expects a list to have a value for each token.
func given[T any](name string, list *[]*T, l *gen.Logprobs) error {
	tokens := len(values(l.Tokens))
	switch {
	case list == nil || len(*list) != tokens:
		return fmt.Errorf("there are %d %s for %d tokens", len(values(list)), name, tokens)
	case slices.Contains(*list, nil):
		return fmt.Errorf("of the %s, that at position %d is null", name, slices.Index(*list, nil))
	}
	return nil
}

func offsetsFollow(l *gen.Logprobs, _ gen.CompletionChoice) error {
	if err := given("text_offset", l.TextOffset, l); err != nil {
		return err
	}
	tokens, offsets := values(l.Tokens), values(l.TextOffset)
	for i := 1; i < len(tokens); i++ {
		if length := int64(utf8.RuneCountInString(tokens[i-1])); offsets[i]-offsets[i-1] != length && !spellsBytes(tokens[i-1]) {
			return fmt.Errorf("%q begins at %d, %d behind %q, which has %d code points", tokens[i], offsets[i], offsets[i]-offsets[i-1], tokens[i-1], length)
		}
	}
	return nil
}

func topsAreFew(l *gen.Logprobs, _ gen.CompletionChoice) error {
	if err := given("top_logprobs", l.TopLogprobs, l); err != nil {
		return err
	}
	for i, top := range values(l.TopLogprobs) {
		few := len(top) < mostTop && !slices.ContainsFunc(slices.Collect(maps.Keys(top)), spellsBytes) // of which several are one key
		if few || len(top) > mostTop+1 {
			return fmt.Errorf("position %d lists %d tokens, where %d were asked for", i, len(top), mostTop)
		}
	}
	return nil
}

func notPositive(l *gen.Logprobs, _ gen.CompletionChoice) error {
	if err := given("token_logprobs", l.TokenLogprobs, l); err != nil {
		return err
	}
	for i, p := range values(l.TokenLogprobs) {
		if p > 0 {
			return fmt.Errorf("the log probability at position %d is %g", i, p)
		}
	}
	return nil
}

// closeTo is how far two numbers that are one may be apart, for how they are written.
const closeTo = 1e-3

// scoredAtAll expects both lists of log probabilities.
func scoredAtAll(l *gen.Logprobs) error {
	return errors.Join(given("token_logprobs", l.TokenLogprobs, l), given("top_logprobs", l.TopLogprobs, l))
}

func sameInTop(l *gen.Logprobs, _ gen.CompletionChoice) error {
	if err := scoredAtAll(l); err != nil {
		return err
	}
	tokens, each := values(l.Tokens), values(l.TokenLogprobs)
	for i, top := range values(l.TopLogprobs) {
		if p, ok := top[tokens[i]]; ok && math.Abs(p-each[i]) > closeTo {
			return fmt.Errorf("%q has %g in token_logprobs and %g in top_logprobs", tokens[i], each[i], p)
		}
	}
	return nil
}

func sampledIsLikeliest(l *gen.Logprobs, _ gen.CompletionChoice) error {
	if err := scoredAtAll(l); err != nil {
		return err
	}
	each := values(l.TokenLogprobs)
	for i, top := range values(l.TopLogprobs) {
		for token, p := range top {
			if p > each[i]+closeTo {
				return fmt.Errorf("at position %d %q has %g, and the sampled token %g", i, token, p, each[i])
			}
		}
	}
	return nil
}

func massIsOne(l *gen.Logprobs, _ gen.CompletionChoice) error {
	if err := given("top_logprobs", l.TopLogprobs, l); err != nil {
		return err
	}
	for i, top := range values(l.TopLogprobs) {
		mass := 0.0
		for _, p := range top {
			mass += math.Exp(p)
		}
		if mass > 1+closeTo {
			return fmt.Errorf("at position %d they add up to %g", i, mass)
		}
	}
	return nil
}

func sampledAlone(c gen.CompletionChoice) error {
	if err := hasLogprobs(c); err != nil {
		return err
	}
	if err := given("token_logprobs", c.Logprobs.TokenLogprobs, c.Logprobs); err != nil {
		return err
	}
	for i, top := range values(c.Logprobs.TopLogprobs) {
		if len(top) > 1 {
			return fmt.Errorf("position %d lists %d tokens", i, len(top))
		}
	}
	return nil
}

// streamsLogprobs compares the tokens of a stream with those of an answer.
func streamsLogprobs(t *trial) error {
	const fields = `"prompt":"In December you look","logprobs":2,"max_tokens":6,"temperature":0`
	c, err := t.complete(fields)
	if err != nil {
		return err
	}
	tr, err := t.stream(fields)
	if err != nil {
		return err
	}
	streamed := tr.choices()
	if len(c.Choices) != 1 || len(streamed) != 1 {
		return fmt.Errorf("%d choices came, and %d as a stream", len(c.Choices), len(streamed))
	}
	if err := hasLogprobs(c.Choices[0]); err != nil {
		return err
	}
	if whole := values(c.Choices[0].Logprobs.Tokens); strings.Join(whole, "|") != strings.Join(streamed[0].tokens, "|") {
		return fmt.Errorf("the tokens are %q, and %q as a stream", whole, streamed[0].tokens)
	}
	return nil
}
