package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

func (s *Suite) streamCases() []Case {
	const told = post + "/description"
	const chunk = schemas + "/CompletionChunk/properties/"
	const piece = schemas + "/CompletionChunkChoice/properties/"
	const wanted = askedField + "stream_options/properties/include_usage/description"
	return []Case{
		required("streaming/content-type", "A stream is text/event-stream.", told, accepted(`"prompt":"The water is hot","stream":true,`+few)),
		required("streaming/framing", "Every event is one data line, and an empty line ends it.", told, streamed(`"prompt":"The leaves are green",`+few, framed)),
		required("streaming/chunks", "Every event holds a chunk that keeps its schema.", schemas+"/CompletionChunk", streamed(`"prompt":"The stairs are long",`+few, func(tr *transcript) error {
			if len(tr.chunks) == 0 {
				return errors.New("there is no chunk")
			}
			return nil
		})),
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
		required("streaming/usage", "include_usage brings one more chunk before [DONE], with no choices.", wanted, streamed(`"prompt":"The city is",`+few+`,"stream_options":{"include_usage":true}`, usageLast)),
		required("streaming/usage-total", "That usage adds up, and counts what was streamed.", schemas+"/CompletionUsage/properties/total_tokens/description", streamed(`"prompt":"The station is",`+few+`,"stream_options":{"include_usage":true}`, usageAddsUp)),
		required("streaming/usage-unasked", "Usage that was not asked for does not come.", wanted, streamed(`"prompt":"The ticket is",`+few, noUsage)),
		required("streaming/usage-false", "Nor does usage that was asked not to come.", wanted, streamed(`"prompt":"The window is",`+few+`,"stream_options":{"include_usage":false}`, noUsage)),
		required("streaming/options-unknown", "Other options of a stream pass.", askedField+"stream_options/additionalProperties", streamed(`"prompt":"The door is",`+few+`,"stream_options":{"x_conformance":1}`)),
		required("streaming/stop", "A stream ends before a stop text.", schemas+"/Stop/description", streamsToStop),
		required("streaming/accept", "A stream comes to whoever asks for it, whatever types they accept.", post+"/responses/200/content/text~1event-stream", func(t *trial) error {
			_, err := t.stream(`"prompt":"The letter is",`+few, "Accept: application/json")
			return err
		}),
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

// framed looks at the bytes: events of one data line, comments, and nothing else.
func framed(tr *transcript) error {
	rest := tr.raw
	for len(rest) > 0 {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		rest = after
		switch {
		case !ended:
			return fmt.Errorf("the stream ends within the line %q", line)
		case bytes.HasPrefix(line, []byte(":")):
			continue
		case !bytes.HasPrefix(line, []byte("data:")) || bytes.HasSuffix(line, []byte("\r")):
			return fmt.Errorf("a line is %q", line)
		case !bytes.HasPrefix(rest, []byte("\n")):
			return fmt.Errorf("no empty line follows %q", line)
		}
		rest = rest[1:]
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

// streamsText compares a stream with the answer to the same request.
func streamsText(fields string) func(*trial) error {
	return func(t *trial) error {
		whole, err := t.texts(fields)
		if err != nil {
			return err
		}
		tr, err := t.stream(fields)
		if err != nil {
			return err
		}
		if pieces := tr.texts(); strings.Join(pieces, "\x00") != strings.Join(whole, "\x00") {
			return fmt.Errorf("the text is %q, and %q as a stream", whole, pieces)
		}
		return nil
	}
}

func usageLast(tr *transcript) error {
	for i, c := range tr.chunks {
		last := i == len(tr.chunks)-1
		if last && (c.Usage == nil || len(c.Choices) > 0) {
			return errors.New("the last chunk has no usage, or choices beside it")
		}
		if !last && c.Usage != nil {
			return fmt.Errorf("chunk %d of %d has usage", i+1, len(tr.chunks))
		}
	}
	return nil
}

func usageAddsUp(tr *transcript) error {
	for i := len(tr.chunks) - 1; i >= 0; i-- {
		if u := tr.chunks[i].Usage; u != nil {
			if u.TotalTokens != u.PromptTokens+u.CompletionTokens || u.CompletionTokens > 4 || u.PromptTokens == 0 {
				return fmt.Errorf("usage counts %d + %d = %d, where 4 tokens were allowed", u.PromptTokens, u.CompletionTokens, u.TotalTokens)
			}
			return nil
		}
	}
	return errors.New("there is no usage")
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

// streamsToStop expects a stop text to end a stream that would have it.
func streamsToStop(t *trial) error {
	const prompt = `"The weather is never"`
	_, stop, err := stopText(t, prompt)
	if err != nil {
		return err
	}
	tr, err := t.stream(`"prompt":` + prompt + `,"temperature":0,"max_tokens":16,"stop":` + quoted(stop))
	if err == nil && strings.Contains(strings.Join(tr.texts(), "|"), stop) {
		return fmt.Errorf("with the stop text %q, the text is %q", stop, tr.texts())
	}
	return err
}
