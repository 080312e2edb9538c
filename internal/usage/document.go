package usage

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// AppendJSON adds a record to text as one JSON object, without what is empty, zero or false. It is what encoding/json
// would make of it, for less: each request has a record, and hardly a text in it needs an escape.
func (r *Record) AppendJSON(text []byte) []byte {
	w := writer(append(text, '{'))
	w.text("id", r.ID)
	w.number("at", r.At)
	w.text("key", r.Key)
	w.text("organization", r.Organization)
	w.text("project", r.Project)
	w.text("model", r.Model)
	w.text("upstream", r.Upstream)
	w.number("status", int64(r.Status))
	w.text("error", r.Error)
	w.number("prompt", r.Prompt)
	w.number("cached", r.Cached)
	w.number("completion", r.Completion)
	w.number("reasoning", r.Reasoning)
	w.truth("reported", r.Reported)
	w.number("duration", r.Duration)
	w.number("first_token", r.FirstToken)
	w.truth("streamed", r.Streamed)
	w.truth("cancelled", r.Cancelled)
	w.text("user", r.User)
	return append(w, '}')
}

// writer is an object that is being written.
type writer []byte

func (w *writer) name(name string) {
	if (*w)[len(*w)-1] != '{' {
		*w = append(*w, ',')
	}
	*w = append(append(append(*w, '"'), name...), `":`...)
}

func (w *writer) text(name, value string) {
	if value == "" {
		return
	}
	w.name(name)
	if !plain(value) {
		quoted, _ := json.Marshal(value) // of a string it never fails
		*w = append(*w, quoted...)
		return
	}
	*w = append(append(append(*w, '"'), value...), '"')
}

func (w *writer) number(name string, value int64) {
	if value != 0 {
		w.name(name)
		*w = strconv.AppendInt(*w, value, 10)
	}
}

func (w *writer) truth(name string, value bool) { //nolint:revive // it writes a flag
	if value {
		w.name(name)
		*w = append(*w, "true"...)
	}
}

// plain reports whether a text stands in JSON as it is.
func plain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
