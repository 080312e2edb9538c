package conformance_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"maps"
	"strings"

	"github.com/specgate/specgate/gen"
)

type object = map[string]any

// edit changes an answer of JSON, and each chunk of one that is a stream.
func edit(change func(object)) func(*reply) {
	return chunks(func(all []object) []object {
		for _, chunk := range all {
			change(chunk)
		}
		return all
	})
}

// chunks changes the list of what comes: of a whole answer, which is one, or of the events before [DONE].
// Where it changes nothing, not a byte is another.
func chunks(change func([]object) []object) func(*reply) {
	return func(a *reply) {
		frame := func(all []object) string { return encoded(all[0]) }
		if isStream(*a) {
			frame = events
		}
		all := objects(a.body)
		if len(all) == 0 {
			return
		}
		before := frame(all)
		if after := frame(change(all)); after != before {
			a.body = after
		}
	}
}

// objects are those of an answer, or of the events of a stream.
func objects(body string) []object {
	var all []object
	for event := range strings.SplitSeq(body, "\n\n") {
		if o, ok := decoded(strings.TrimPrefix(event, "data: ")); ok {
			all = append(all, o)
		}
	}
	return all
}

func events(all []object) string {
	var out strings.Builder
	for _, chunk := range all {
		out.WriteString("data: " + encoded(chunk) + "\n\n")
	}
	return out.String() + "data: [DONE]\n\n"
}

func decoded(text string) (o object, ok bool) {
	numbers := json.NewDecoder(strings.NewReader(text))
	numbers.UseNumber()
	return o, numbers.Decode(&o) == nil
}

func encoded(o object) string {
	var out bytes.Buffer
	numbers := json.NewEncoder(&out)
	numbers.SetEscapeHTML(false)
	_ = numbers.Encode(o)
	return strings.TrimSpace(out.String())
}

func choicesOf(chunk object) []object {
	var all []object
	list, _ := chunk["choices"].([]any)
	for _, item := range list {
		all = append(all, item.(object))
	}
	return all
}

// choice changes every choice.
func choice(change func(object)) func(*reply) {
	return edit(func(chunk object) {
		for _, c := range choicesOf(chunk) {
			change(c)
		}
	})
}

// choiceWith gives one key of every choice a value; nil is null.
func choiceWith(key string, value any) func(*reply) {
	return choice(func(c object) { c[key] = value })
}

// logprobs changes those of every choice that has some.
func logprobs(change func(object)) func(*reply) {
	return choice(func(c object) {
		if l, ok := c["logprobs"].(object); ok {
			change(l)
		}
	})
}

// noList takes one of the lists of logprobs away.
func noList(name string) func(*reply) {
	return logprobs(func(l object) { l[name] = nil })
}

// nullFirst empties the first place of one of the lists of logprobs.
func nullFirst(name string) func(*reply) {
	return logprobs(func(l object) { l[name].([]any)[0] = nil })
}

// fewerTops leaves the likeliest token of each position alone, or fewer.
func fewerTops(left int) func(*reply) {
	return logprobs(func(l object) {
		tops, _ := l["top_logprobs"].([]any)
		for _, item := range tops {
			top, _ := item.(object)
			maps.DeleteFunc(top, func(string, any) bool { return len(top) > left })
		}
	})
}

// counts changes usage, where there is some.
func counts(change func(object)) func(*reply) {
	return edit(func(chunk object) {
		if u, ok := chunk["usage"].(object); ok {
			change(u)
		}
	})
}

// counting replaces counts; the total stays what it has to be.
func counting(prompt, completion int) func(*reply) {
	return counts(func(u object) {
		u["prompt_tokens"], u["completion_tokens"], u["total_tokens"] = prompt, completion, prompt+completion
	})
}

func noUsage(a *reply) { edit(func(chunk object) { delete(chunk, "usage") })(a) }

// violations changes what a refusal tells.
func violations(change func([]gen.Violation) []gen.Violation) func(*reply) {
	return func(a *reply) {
		var told gen.ValidationError
		if a.status != 422 || json.Unmarshal([]byte(a.body), &told) != nil {
			return
		}
		told.Detail = change(told.Detail)
		raw, _ := json.Marshal(told)
		a.body = string(raw)
	}
}

// violation changes each of them.
func violation(change func(*gen.Violation)) func(*reply) {
	return violations(func(all []gen.Violation) []gen.Violation {
		for i := range all {
			change(&all[i])
		}
		return all
	})
}

func anotherType(v *gen.Violation) {
	if v.Type != "union_error" {
		v.Type = "union_error"
	} else {
		v.Type = "missing"
	}
}

func anotherPlace(v *gen.Violation) { v.Loc = append(v.Loc, "x") }

func placed(loc ...any) func(*reply) {
	return violation(func(v *gen.Violation) { v.Loc = loc })
}

func zipped(text string) string {
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	_, _ = zip.Write([]byte(text)) // a buffer takes everything
	_ = zip.Close()
	return out.String()
}
