package conformance

import (
	"fmt"
	"slices"

	"github.com/specgate/specgate/gen"
)

func (s *Suite) samplingCases() []Case {
	published := s.defaultTokens()
	return []Case{
		required("sampling/max-tokens", "At most max_tokens are generated.", askedField+"max_tokens/description",
			atMost(3, `"prompt":"There are ninety-two","temperature":0,"max_tokens":3`)),
		endless(required("sampling/max-tokens-default", "Where max_tokens is absent, its published default holds.", askedField+"max_tokens/default",
			atMost(published, `"prompt":"Once upon a time","temperature":0`))),
		endless(required("sampling/max-tokens-null", "A max_tokens of null is an absent one.", askedField+"max_tokens/nullable",
			atMost(published, `"prompt":"Once upon another time","temperature":0,"max_tokens":null`))),
		required("sampling/max-tokens-zero", "max_tokens of 0 generates nothing.", askedField+"max_tokens/description",
			answered(`"prompt":"There is nothing","max_tokens":0`, one(says("")))),
		required("sampling/finish-length", "A text that ends at max_tokens says so.", schemas+"/CompletionChoice/properties/finish_reason/description",
			endsForLength),
		required("sampling/stop-text", "The completion ends before a stop text.", schemas+"/Stop/description", stops((*trial).texts, `"The old man who builds"`, (*continuation).stop)),
		required("sampling/stop-list", "Of several stop texts, the first that comes up ends it.", schemas+"/Stop/description", stops((*trial).texts, `"The town is called"`, (*continuation).stopList)),
		required("sampling/stop-reason", "A text that ends at a stop text says so.", schemas+"/CompletionChoice/properties/finish_reason/description", stopsForReason),
		quality("sampling/seed", "The same seed with the same request gives the same completion.", askedField+"seed/description", repeats(`"prompt":"Dear Ana, thank","seed":42,"max_tokens":12,"temperature":1`)),
		quality("sampling/seeds", "Another seed gives another completion.", askedField+"seed/description", differ(`"prompt":"Dear Marta, thank","max_tokens":16,"temperature":1.5`, `"seed":1`, `"seed":2`, `"seed":3`)),
		quality("sampling/greedy", "At temperature 0 the same request gives the same completion.", askedField+"temperature/description", repeats(`"prompt":"On a good day","temperature":0,"max_tokens":12`)),
		quality("sampling/temperature", "At a high temperature, completions differ.", askedField+"temperature/description", differ(`"prompt":"On a bad day","max_tokens":16`, `"temperature":2`, `"temperature":2`, `"temperature":2`)),
		quality("sampling/top-p", "The smallest top_p takes the likeliest token alone, as temperature 0 does.", askedField+"top_p/description",
			agree(`"prompt":"When the wind comes","max_tokens":8`, `"temperature":0`, `"temperature":1,"top_p":0`)),
		quality("sampling/logit-bias", "A bias of 100 forces a token.", askedField+"logit_bias/description", differ(`"prompt":"How do you build","max_tokens":8,"temperature":0`, `"user":"u"`, `"logit_bias":{"70":100}`)),
		quality("sampling/frequency-penalty", "A negative frequency_penalty makes a text repeat itself.", askedField+"frequency_penalty/description",
			differ(`"prompt":"Put the onions into the","max_tokens":32,"temperature":0`, `"frequency_penalty":2`, `"frequency_penalty":-2`)),
		quality("sampling/presence-penalty", "A negative presence_penalty makes a text repeat itself.", askedField+"presence_penalty/description",
			differ(`"prompt":"Put the carrots into the","max_tokens":32,"temperature":0`, `"presence_penalty":2`, `"presence_penalty":-2`)),
		required("sampling/suffix", "A suffix may follow the completion.", askedField+"suffix/description", accepted(`"prompt":"def add(a, b):\n    ","suffix":"\n\nprint(add(1, 2))\n","max_tokens":4`)),
		required("sampling/user", "A user may be named.", askedField+"user", accepted(`"prompt":"Good morning","user":"user-1234","max_tokens":1`)),
	}
}

// defaultTokens is the published default of max_tokens, 0 where there is none.
func (s *Suite) defaultTokens() int64 {
	if ref := s.fields()["max_tokens"]; ref != nil {
		value, _ := ref.Value.Default.(float64)
		return int64(value)
	}
	return 0
}

// atMost expects no more than so many tokens.
func atMost(most int64, fields string) func(*trial) error {
	return func(t *trial) error {
		count, err := t.generated(fields)
		if err == nil && count > most {
			return fmt.Errorf("%d tokens are allowed, and %d came", most, count)
		}
		return err
	}
}

// generated counts the tokens of a completion: usage does, or else the logprobs that come to whoever asks.
func (t *trial) generated(fields string) (int64, error) {
	c, err := t.complete(fields)
	if err != nil {
		return 0, err
	}
	if c.Usage != nil {
		return c.Usage.CompletionTokens, nil
	}
	if c, err = t.complete(fields + `,"logprobs":0`); err != nil {
		return 0, err
	}
	if len(c.Choices) != 1 || hasLogprobs(c.Choices[0]) != nil {
		return 0, errUncounted
	}
	return int64(len(values(c.Choices[0].Logprobs.Tokens))), nil
}

// says expects a text.
func says(want string) func(gen.CompletionChoice) error {
	return func(c gen.CompletionChoice) error {
		if c.Text != want {
			return fmt.Errorf("the text is %q instead of %q", c.Text, want)
		}
		return nil
	}
}

// variants asks once for each of some fields beside others, and gives the texts.
func variants(t *trial, fields string, each []string) ([]string, error) {
	var all []string
	for _, more := range each {
		if more != "" {
			more = "," + more
		}
		texts, err := t.texts(fields + more)
		if err != nil {
			return nil, err
		}
		if len(texts) != 1 {
			return nil, fmt.Errorf("%d choices came instead of 1", len(texts))
		}
		all = append(all, texts[0])
	}
	return all, nil
}

func repeats(fields string) func(*trial) error { return agree(fields, "", "") }

// agree expects the same text, whichever of some fields are added.
func agree(fields string, each ...string) func(*trial) error {
	return func(t *trial) error {
		all, err := variants(t, fields, each)
		if err == nil && len(slices.Compact(slices.Clone(all))) > 1 {
			return fmt.Errorf("the texts differ: %q", all)
		}
		return err
	}
}

// differ expects that not all texts are the same.
func differ(fields string, each ...string) func(*trial) error {
	return func(t *trial) error {
		all, err := variants(t, fields, each)
		if err == nil && len(slices.Compact(slices.Clone(all))) == 1 {
			return fmt.Errorf("the texts are all %q", all[0])
		}
		return err
	}
}
