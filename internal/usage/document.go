package usage

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// AppendJSON adds a record to text as one JSON object, without what is empty, zero or false. It is what encoding/json
// would make of it, for less: each request has a record, and hardly a text in it needs an escape.
func (r *Record) AppendJSON(text []byte) []byte {
	begin, w := len(text), writer(text)
	w.text(`,"id":`, r.ID)
	w.number(`,"at":`, r.At)
	w.text(`,"key":`, r.Key)
	w.text(`,"organization":`, r.Organization)
	w.text(`,"project":`, r.Project)
	w.text(`,"model":`, r.Model)
	w.text(`,"upstream":`, r.Upstream)
	w.number(`,"status":`, int64(r.Status))
	w.text(`,"error":`, r.Error)
	w.number(`,"prompt":`, r.Prompt)
	w.number(`,"cached":`, r.Cached)
	w.number(`,"completion":`, r.Completion)
	w.number(`,"reasoning":`, r.Reasoning)
	w.truth(`,"reported":`, r.Reported)
	w.number(`,"duration":`, r.Duration)
	w.number(`,"first_token":`, r.FirstToken)
	w.truth(`,"streamed":`, r.Streamed)
	w.truth(`,"cancelled":`, r.Cancelled)
	w.text(`,"user":`, r.User)
	if len(w) == begin {
		return append(w, "{}"...)
	}
	w[begin] = '{' // in place of the first comma
	return append(w, '}')
}

// writer is an object that is being written. Each member comes with the comma before it.
type writer []byte

func (w *writer) text(name, value string) {
	switch {
	case value == "":
	case plain(value):
		*w = append(append(append(append(*w, name...), '"'), value...), '"')
	default:
		quoted, _ := json.Marshal(value) // of a string it never fails
		*w = append(append(*w, name...), quoted...)
	}
}

func (w *writer) number(name string, value int64) {
	if value != 0 {
		*w = strconv.AppendInt(append(*w, name...), value, 10)
	}
}

func (w *writer) truth(name string, value bool) { //nolint:revive // it writes a flag
	if value {
		*w = append(append(*w, name...), "true"...)
	}
}

// plain reports whether a text stands in JSON as it is.
func plain(text string) bool {
	for i := range len(text) {
		if escaped[text[i]] {
			return false
		}
	}
	return true
}

// escaped are the bytes that stand in JSON otherwise, or may have to.
var escaped = func() (is [256]bool) {
	for c := range is {
		is[c] = c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf
	}
	return is
}()
