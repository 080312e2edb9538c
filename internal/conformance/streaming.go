package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

func (s *Suite) streamCases() []Case {
	const told = post + "/description"
	const chunk = schemas + "/CompletionChunk/properties/"
	const piece = schemas + "/CompletionChunkChoice/properties/"
	const wanted = askedField + "stream_options/properties/include_usage/description"
	return []Case{
		required("streaming/content-type", "A stream is text/event-stream.", told, accepted(`"prompt":"The water is hot","stream":true,`+few)),
		required("streaming/framing", "Every event is one data line, and an empty line ends it; comments may stand between, other fields and ends of lines but \\n may not.", told, streamed(`"prompt":"The leaves are green",`+few, framed)),
		required("streaming/chunks", "Every event holds a chunk that keeps its schema.", schemas+"/CompletionChunk", streamed(`"prompt":"The stairs are long",`+few, isThere)),
		required("streaming/done", "The last event is [DONE].", told, streamed(`"prompt":"The light goes on",`+few, func(tr *transcript) error {
			if !tr.done || tr.behind > 0 {
				return fmt.Errorf("[DONE] is there: %t, and %d events follow it", tr.done, tr.behind)
			}
			return nil
		})),
		required("streaming/id", "The id is the same in all chunks.", chunk+"id/description", streamed(`"prompt":"The book is full",`+few, func(tr *transcript) error {
			for _, c := range tr.chunks {
				if c.Id != tr.chunks[0].Id {
					return fmt.Errorf("one chunk is of %q and one of %q", tr.chunks[0].Id, c.Id)
				}
			}
			return nil
		})),
		required("streaming/finish", "The last piece of a choice says why it ends, and none before it.", piece+"finish_reason/description", streamed(`"prompt":"The wall is grey",`+few, finishOnce(1))),
		required("streaming/prompts", "Each prompt has its own index.", piece+"index/description", streamed(`"prompt":["The stone is","The bridge is"],`+few, finishOnce(2))),
		required("streaming/n", "Each of n has its own index.", piece+"index/description", streamed(`"prompt":"The field is","n":2,"max_tokens":4`, finishOnce(2))),
		quality("streaming/text", "At temperature 0, a stream has the text of the plain answer.", askedField+"stream/description", streamsText(`"prompt":"The river is","temperature":0,"max_tokens":12`)),
		quality("streaming/seed", "With a seed, a stream has the text of the plain answer.", askedField+"seed/description", streamsText(`"prompt":"The mountain is","temperature":1,"seed":7,"max_tokens":12`)),
		required("streaming/usage", "include_usage brings one more chunk before [DONE], with no choices.", wanted, streamed(`"prompt":"The city is",`+few+`,"stream_options":{"include_usage":true}`, isThere, usageLast)),
		required("streaming/usage-total", "That usage adds up, and counts what was streamed.", schemas+"/CompletionUsage/properties/total_tokens/description", streamed(`"prompt":"The station is",`+few+`,"stream_options":{"include_usage":true}`, usageAddsUp)),
		required("streaming/usage-unasked", "Usage that was not asked for does not come.", wanted, streamed(`"prompt":"The ticket is",`+few, noUsage)),
		required("streaming/usage-false", "Nor does usage that was asked not to come.", wanted, streamed(`"prompt":"The window is",`+few+`,"stream_options":{"include_usage":false}`, noUsage)),
		required("streaming/options-unknown", "Other options of a stream pass.", askedField+"stream_options/additionalProperties", accepted(`"prompt":"The door is","stream":true,`+few+`,"stream_options":{"x_conformance":1}`)),
		required("streaming/stop", "A stream ends before a stop text.", schemas+"/Stop/description", stops((*trial).streamedTexts, `"The weather is never"`, (*continuation).stop)),
		required("streaming/accept", "A stream comes to whoever asks for it, whatever types they accept.", post+"/responses/200/content/text~1event-stream",
			accepted(`"prompt":"The letter is","stream":true,`+few, "Accept: application/json")),
		required("streaming/refused", "A request for a stream is refused as any other.", post+"/responses/422", refused(`"prompt":"The garden is","stream":true,"max_tokens":1,"n":0`)),
		required("streaming/model", "Every chunk is of the model that answers.", chunk+"model/description", streamed(`"prompt":"The tree is",`+few, func(tr *transcript) error {
			for _, c := range tr.chunks {
				if c.Model != tr.chunks[0].Model {
					return fmt.Errorf("one chunk is of %q and one of %q", tr.chunks[0].Model, c.Model)
				}
			}
			return nil
		})),
	}
}

// framed looks at the bytes: events of one data line, comments, empty lines that end nothing, and nothing else.
func framed(tr *transcript) error {
	var begun []byte // the data line of an event that has not ended
	for line := range bytes.Lines(tr.raw) {
		switch {
		case string(line) == "\n":
			begun = nil
		case bytes.ContainsRune(line, '\r'):
			return fmt.Errorf("a line is %q", line)
		case line[0] == ':':
		case begun != nil:
			return fmt.Errorf("no empty line follows %q", begun)
		case !bytes.HasPrefix(line, []byte("data:")):
			return fmt.Errorf("a line is %q", line)
		default:
			begun = line
		}
	}
	if begun != nil {
		return fmt.Errorf("no empty line follows %q", begun)
	}
	return nil
}

// finishOnce expects so many choices, each of which ends once.
func finishOnce(count int) func(*transcript) error {
	return func(tr *transcript) error {
		all := tr.choices()
		if len(all) != count {
			return fmt.Errorf("%d choices came instead of %d", len(all), count)
		}
		for i, c := range all {
			if len(c.reasons) != 1 || c.late {
				return fmt.Errorf("choice %d has the finish_reasons %q, with text behind them: %t", i, c.reasons, c.late)
			}
		}
		return nil
	}
}

// streamedTexts asks for a stream, and puts together what its choices say.
func (t *trial) streamedTexts(fields string) ([]string, error) {
	tr, err := t.stream(fields)
	if err != nil {
		return nil, err
	}
	return tr.texts(), nil
}

// streamsText compares a stream with the answer to the same request.
func streamsText(fields string) func(*trial) error {
	return func(t *trial) error {
		whole, err := t.texts(fields)
		if err != nil {
			return err
		}
		pieces, err := t.streamedTexts(fields)
		if err != nil {
			return err
		}
		if len(whole) == 0 || !slices.Equal(pieces, whole) {
			return fmt.Errorf("the text is %q, and %q as a stream", whole, pieces)
		}
		return nil
	}
}

// usageLast expects usage in a chunk of its own, the last.
func usageLast(tr *transcript) error {
	for i, c := range tr.chunks {
		last := i == len(tr.chunks)-1
		switch {
		case last && c.Usage == nil:
			return errors.New("the last chunk has no usage")
		case last && len(c.Choices) > 0:
			return errors.New("the chunk with the usage has choices")
		case !last && c.Usage != nil:
			return fmt.Errorf("chunk %d of %d has usage", i+1, len(tr.chunks))
		}
	}
	return nil
}

// usageAddsUp expects usageLast to count no more than was allowed.
func usageAddsUp(tr *transcript) error {
	if err := errors.Join(usageLast(tr), isThere(tr)); err != nil {
		return err
	}
	switch u := tr.chunks[len(tr.chunks)-1].Usage; {
	case u.TotalTokens != u.PromptTokens+u.CompletionTokens, u.PromptTokens < 1:
		return fmt.Errorf("usage counts %d + %d = %d", u.PromptTokens, u.CompletionTokens, u.TotalTokens)
	case u.CompletionTokens > 4, u.CompletionTokens < 1 && strings.Join(tr.texts(), "") != "":
		return fmt.Errorf("usage counts %d tokens of %q, where 4 were allowed", u.CompletionTokens, tr.texts())
	}
	return nil
}

// isThere expects a stream of anything at all.
func isThere(tr *transcript) error {
	if len(tr.chunks) == 0 {
		return errors.New("there is no chunk")
	}
	return nil
}

func noUsage(tr *transcript) error {
	for i, c := range tr.chunks {
		if c.Usage != nil {
			counts, _ := json.Marshal(c.Usage)
			return fmt.Errorf("chunk %d of %d has the usage %s", i+1, len(tr.chunks), counts)
		}
	}
	return nil
}
