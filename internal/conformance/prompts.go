package conformance

import (
	"fmt"

	"github.com/specgate/specgate/gen"
)

// few asks for little, and for the likeliest.
const few = `"max_tokens":4,"temperature":0`

func (s *Suite) promptCases() []Case {
	const prompt = schemas + "/Prompt"
	const one = prompt + "/description"
	return []Case{
		required("prompts/text", "A text is a prompt, and gets one choice.", prompt+"/oneOf/0", answered(`"prompt":"The harbour is",`+few, choices(1))),
		required("prompts/texts", "A list of texts gets a choice for each, in their order.", prompt+"/oneOf/1", answered(`"prompt":["The boats","The wall","The door"],`+few, choices(3))),
		required("prompts/texts-of-one", "A list of one text gets one choice.", prompt+"/oneOf/1", answered(`"prompt":["The lighthouse is"],`+few, choices(1))),
		required("prompts/tokens", "A list of token ids is one prompt.", prompt+"/oneOf/2", answered(`"prompt":[65,66,67],`+few, choices(1))),
		required("prompts/token-lists", "A list of lists of token ids gets a choice for each.", prompt+"/oneOf/3", answered(`"prompt":[[65,66],[67,68]],`+few, choices(2))),
		required("prompts/token-lists-of-one", "A list of one list of token ids gets one choice.", prompt+"/oneOf/3", answered(`"prompt":[[68,65,66]],`+few, choices(1))),
		required("prompts/token-count", "The tokens of a prompt that is given as ids are counted as they are, or with one that begins a text.", schemas+"/CompletionUsage/properties/prompt_tokens",
			answered(`"prompt":[66,66,67,67],`+few, usage("4 tokens were sent", func(u *gen.CompletionUsage) bool { return u.PromptTokens == 4 || u.PromptTokens == 5 }))),
		required("prompts/empty-text", "The empty text is a prompt.", prompt+"/oneOf/0/type", answered(`"prompt":"",`+few, choices(1))),
		required("prompts/empty-text-in-list", "The empty text is a prompt in a list too.", prompt+"/oneOf/1/items", answered(`"prompt":["","The garden"],`+few, choices(2))),
		required("prompts/empty-list", "An empty list is a list of texts: it gets no choice, or the one that null gets.", one, answered(`"prompt":[],`+few, noneOrOne)),
		required("prompts/null", "A prompt may be null.", prompt+"/oneOf/0/nullable", answered(`"prompt":null,`+few, choices(1))),
		quality("prompts/own-choice", "Each prompt of a list is completed as it is alone.", one, eachItsOwn),
		required("prompts/number", "A number is no prompt.", prompt+"/oneOf", refused(`"max_tokens":1,"prompt":5`)),
		required("prompts/object", "An object is no prompt.", prompt+"/oneOf", refused(`"max_tokens":1,"prompt":{}`)),
		required("prompts/mixed", "A list is of texts or of ids, not of both.", prompt+"/oneOf", refused(`"max_tokens":1,"prompt":["The tea",66]`)),
		required("prompts/mixed-lists", "A list of token ids has no lists among them.", prompt+"/oneOf", refused(`"max_tokens":1,"prompt":[66,[66]]`)),
		required("prompts/null-in-list", "A text of a list may not be null.", prompt+"/oneOf/1/items", refused(`"max_tokens":1,"prompt":["The tea",null]`)),
		required("prompts/fraction", "A token id is an integer.", prompt+"/oneOf/2/items", refused(`"max_tokens":1,"prompt":[66,1.5]`)),
		required("prompts/boolean-in-list", "A boolean is no token id.", prompt+"/oneOf/2/items", refused(`"max_tokens":1,"prompt":[66,true]`)),
	}
}

// noneOrOne is what backends make of a list without a prompt.
func noneOrOne(c *gen.Completion) error {
	if len(c.Choices) > 1 {
		return fmt.Errorf("%d choices came for no prompt", len(c.Choices))
	}
	return nil
}

// eachItsOwn compares what two prompts get in a list with what each gets alone.
func eachItsOwn(t *trial) error {
	prompts := []string{`"In the morning the"`, `"On Monday four"`}
	list, err := t.texts(`"prompt":[` + prompts[0] + `,` + prompts[1] + `],"max_tokens":6,"temperature":0`)
	if err != nil {
		return err
	}
	if len(list) != len(prompts) {
		return fmt.Errorf("%d choices came instead of %d", len(list), len(prompts))
	}
	for i, prompt := range prompts {
		alone, err := t.texts(`"prompt":` + prompt + `,"max_tokens":6,"temperature":0`)
		if err != nil {
			return err
		}
		if len(alone) != 1 || alone[0] != list[i] {
			return fmt.Errorf("%s goes on with %q in a list, and with %q alone", prompt, list[i], alone)
		}
	}
	return nil
}
