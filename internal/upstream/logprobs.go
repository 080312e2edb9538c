package upstream

import (
	"bytes"
	"unicode/utf8"
)

// logprobs repairs those of one choice. raw is nil where there are none.
func (r *repair) logprobs(raw []byte, choice int64) []byte {
	if raw == nil {
		r.note(repairedLogprobsMissing)
		return null
	}
	if isNull(raw) {
		return raw
	}
	o, ok := members(raw)
	if !ok {
		r.note(repairedLogprobs)
		return null
	}
	if isChat(o) {
		r.note(repairedLogprobsChat)
		return r.legacy(o.get("content"), choice)
	}
	o = r.list(o, "tokens", isText)
	o = r.list(o, "token_logprobs", isFloat)
	o = r.list(o, "top_logprobs", areLogprobs)
	o = r.list(r.inDigits(o, "text_offset"), "text_offset", isDecimal)
	return o.bytes()
}

func isChat(logprobs object) bool {
	return logprobs.index("content") >= 0 && logprobs.index("tokens") < 0
}

// hasChatLogprobs looks for logprobs in the shape of a chat in an answer that was accepted: the
// contract admits them, as an object with none of its arrays. Hardly any other answer has the key.
func hasChatLogprobs(doc []byte) bool {
	if !bytes.Contains(doc, []byte(`"content"`)) {
		return false
	}
	o, _ := members(bytes.TrimSpace(doc))
	choices, _ := elements(o.get("choices"))
	for _, raw := range choices {
		choice, _ := members(raw)
		if logprobs, ok := members(choice.get("logprobs")); ok && isChat(logprobs) {
			return true
		}
	}
	return false
}

// list makes null of an array whose items are neither null nor fit.
func (r *repair) list(o object, name string, fits func([]byte) bool) object {
	raw, ok := o.find(name)
	if !ok || isNull(raw) {
		return o
	}
	items, ok := elements(raw)
	for _, item := range items {
		ok = ok && (isNull(item) || fits(item))
	}
	if !ok {
		r.note(repairedLogprobs)
		return o.set(name, null)
	}
	return o
}

// inDigits writes the integers in an array as digits alone.
func (r *repair) inDigits(o object, name string) object {
	items, _ := elements(o.get(name))
	changed := false
	for i, item := range items {
		if n, ok := integer(item); ok && !isDecimal(item) {
			items[i], changed = decimal(n), true
		}
	}
	if !changed {
		return o
	}
	r.note(repairedLogprobs)
	return o.set(name, array(items))
}

// areLogprobs reports whether raw maps tokens to numbers.
func areLogprobs(raw []byte) bool {
	o, ok := members(raw)
	for _, m := range o {
		ok = ok && isFloat(m.value)
	}
	return ok
}

// legacy turns the logprobs of a chat answer, {"content":[{"token":…,"logprob":…,"top_logprobs":[…]}]},
// which llama.cpp gives for completions too, into the four arrays. text_offset counts from the start
// of the choice's text, in a stream across its chunks: where that begins in the prompt's text is not
// known here.
func (r *repair) legacy(content []byte, choice int64) []byte {
	items, ok := elements(content)
	if !ok {
		return null
	}
	var tokens, logprobs, tops, offsets [][]byte
	anyTop := false
	for _, item := range items {
		o, _ := members(item)
		token := o.get("token")
		tokens = append(tokens, orNull(token, isText))
		logprobs = append(logprobs, orNull(o.get("logprob"), isFloat))
		top := likeliest(o.get("top_logprobs"))
		tops = append(tops, orNull(top, isObject))
		anyTop = anyTop || top != nil
		offsets = append(offsets, decimal(r.advance(choice, o)))
	}
	topLogprobs := null
	if anyTop || len(items) == 0 {
		topLogprobs = array(tops)
	}
	return object{
		{key: quote("tokens"), value: array(tokens)},
		{key: quote("token_logprobs"), value: array(logprobs)},
		{key: quote("top_logprobs"), value: topLogprobs},
		{key: quote("text_offset"), value: array(offsets)},
	}.bytes()
}

func orNull(raw []byte, fits func([]byte) bool) []byte {
	if fits(raw) {
		return raw
	}
	return null
}

// likeliest turns [{"token":…,"logprob":…}] into {token: logprob}, nil where there is nothing in it.
// Two tokens may read the same; the likelier one, which comes first, stays.
func likeliest(raw []byte) []byte {
	items, _ := elements(raw)
	var top object
	for _, item := range items {
		o, _ := members(item)
		token, logprob := o.get("token"), o.get("logprob")
		if name := text(token); isText(token) && isFloat(logprob) && top.index(name) < 0 {
			top = append(top, member{[]byte(name), token, logprob})
		}
		if len(top) == maxUnique {
			break
		}
	}
	if top == nil {
		return nil
	}
	return top.bytes()
}

// advance returns where a token begins in the text of its choice, and moves on to its end.
func (r *repair) advance(choice int64, token object) int64 {
	if r.offsets == nil {
		r.offsets = map[int64]int64{}
	}
	at := r.offsets[choice]
	r.offsets[choice] = at + codePoints(token)
	return at
}

// codePoints counts those that begin in a token. A token may hold only a part of a character, which
// its bytes show and its text, U+FFFD, does not.
func codePoints(token object) int64 {
	list, ok := elements(token.get("bytes"))
	if !ok {
		return int64(utf8.RuneCountInString(text(token.get("token"))))
	}
	var n int64
	for _, b := range list {
		if value, ok := integer(b); ok && value&0xC0 != 0x80 {
			n++
		}
	}
	return n
}
