package localmodel

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/specgate/specgate/gen"
)

// listing is the tokens of a text as logprobs have them: the items of four JSON arrays, each with a
// comma after it.
type listing struct{ tokens, logprobs, tops, offsets []byte }

// add lists one more token.
func (l *listing) add(v vocabulary, s scored) {
	name := quoted(v.shown(s.token))
	l.tokens = append(append(l.tokens, name...), ',')
	l.offsets = append(strconv.AppendInt(l.offsets, int64(s.offset), 10), ',')
	if s.top == nil {
		l.logprobs, l.tops = append(l.logprobs, "null,"...), append(l.tops, "null,"...)
		return
	}
	l.logprobs = append(appendNumber(l.logprobs, s.logprob), ',')
	l.tops = append(l.tops, '{')
	if !slices.ContainsFunc(s.top, func(t likely) bool { return t.token == s.token }) {
		l.tops = appendMember(l.tops, name, s.logprob)
	}
	for _, t := range s.top {
		l.tops = appendMember(l.tops, quoted(v.shown(t.token)), t.logprob)
	}
	l.tops = append(closed(l.tops, '}'), ',')
}

// reset makes it a copy of another, in the memory it has.
func (l *listing) reset(from listing) {
	l.tokens, l.logprobs = append(l.tokens[:0], from.tokens...), append(l.logprobs[:0], from.logprobs...)
	l.tops, l.offsets = append(l.tops[:0], from.tops...), append(l.offsets[:0], from.offsets...)
}

// json is the listing as the first member of a choice, with room for what else the choice has.
func (l *listing) json(room int) []byte {
	const names = 128
	out := make([]byte, 0, len(l.tokens)+len(l.logprobs)+len(l.tops)+len(l.offsets)+names+room)
	out = append(append(out, `{"logprobs":{"tokens":[`...), l.tokens...)
	out = append(append(closed(out, ']'), `,"token_logprobs":[`...), l.logprobs...)
	out = append(append(closed(out, ']'), `,"top_logprobs":[`...), l.tops...)
	out = append(append(closed(out, ']'), `,"text_offset":[`...), l.offsets...)
	return append(closed(out, ']'), '}')
}

// closed ends a list of items, the last of which needs no comma.
func closed(list []byte, with byte) []byte {
	if last := len(list) - 1; list[last] == ',' {
		list = list[:last]
	}
	return append(list, with)
}

func appendMember(object []byte, name string, value float64) []byte {
	return append(appendNumber(append(append(object, name...), ':'), value), ',')
}

func appendNumber(out []byte, x float64) []byte { return strconv.AppendFloat(out, x, 'g', -1, 64) }

// quoted is a text in JSON. As a rule that is two quotes more, and no work.
func quoted(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' }) {
		return `"` + text + `"`
	}
	out, _ := json.Marshal(text) // a string has no error
	return string(out)
}

// writer writes the choices of one prompt. What they have in common, the echo, it writes once.
type writer struct {
	*task
	echo    string
	echoed  listing
	listing listing // of the choice before this one
}

func (t *task) writer(s *start) *writer {
	w := &writer{task: t, echo: s.echo.text}
	if t.top >= 0 {
		w.list(&w.echoed, s.echo.tokens)
	}
	return w
}

func (w *writer) list(l *listing, tokens []scored) {
	for _, s := range tokens {
		l.add(w.model.vocabulary, s)
	}
}

// fields are a choice of the pieces after the echo, all but its index and the closing brace.
func (w *writer) fields(pieces []piece) ([]byte, error) {
	var text strings.Builder
	text.WriteString(w.echo)
	w.listing.reset(w.echoed)
	var finish gen.CompletionChoiceFinishReason
	for _, p := range pieces {
		text.WriteString(p.text)
		finish = p.finish
		if w.top >= 0 {
			w.list(&w.listing, p.tokens)
		}
	}
	whole, err := json.Marshal(text.String())
	if err != nil {
		return nil, fmt.Errorf("encode a text: %w", err)
	}
	logprobs := []byte(`{"logprobs":null`)
	if w.top >= 0 {
		logprobs = w.listing.json(len(whole) + len(`,"text":,"finish_reason":"length"`))
	}
	return fmt.Appendf(logprobs, `,"text":%s,"finish_reason":%q`, whole, finish), nil
}
