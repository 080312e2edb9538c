package upstream

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// complaint is what a backend says in one of the many shapes of an error. Whatever it does not say,
// or says in another type, is empty.
type complaint struct {
	message string
	typ     string
	param   string
	code    string
}

// How much of a backend's words is passed on, in bytes.
const (
	maxMessage = 4 << 10
	maxLabel   = 256
)

// complaintIn reads the body of an error. HTML and everything else that is no JSON object says
// nothing.
func complaintIn(body []byte) complaint {
	if !json.Valid(body) {
		return complaint{}
	}
	return complaintOf(bytes.TrimSpace(body)).bounded()
}

// complaintOf reads an error, which is valid JSON: OpenAI's and vLLM's nested in error, TGI's with a
// text there, FastAPI's in detail, and the flat one of SGLang and the older vLLM.
func complaintOf(raw []byte) complaint {
	o, ok := members(raw)
	if !ok {
		return complaint{message: text(raw)}
	}
	if c, ok := nested(o); ok {
		return c
	}
	switch detail := o.get("detail"); {
	case isText(detail):
		return complaint{message: text(detail)}
	case isObject(detail):
		return detailed(detail)
	case isArray(detail):
		return violations(detail)
	}
	return flat(raw)
}

// nested reads an error that stands in the key error, and reports whether one does.
func nested(o object) (complaint, bool) {
	switch inner := o.get("error"); {
	case isObject(inner):
		return flat(inner), true
	case isText(inner):
		c := complaint{message: text(inner), typ: text(o.get("error_type"))}
		if c.typ == "" {
			c.typ = text(o.get("type"))
		}
		return c, true
	}
	return complaint{}, false
}

// detailed reads an error in detail. A detail within is not looked at: thousands of them, one in the
// other, would each be split anew.
func detailed(raw []byte) complaint {
	o, _ := members(raw)
	if c, ok := nested(o); ok {
		return c
	}
	return flat(raw)
}

// flat reads an error whose parts stand side by side.
func flat(raw []byte) complaint {
	o, _ := members(raw)
	c := complaint{
		message: text(o.get("message")),
		typ:     text(o.get("type")),
		param:   text(o.get("param")),
		code:    text(o.get("code")),
	}
	if code := o.get("code"); isDecimal(code) {
		c.code = string(code)
	}
	return c
}

// violations reads FastAPI's list of them: param is the place of the first, message has all.
func violations(raw []byte) complaint {
	items, _ := elements(raw)
	var c complaint
	var messages []string
	for _, item := range items {
		o, _ := members(item)
		message, place := text(o.get("msg")), placeOf(o.get("loc"))
		if message == "" {
			continue
		}
		if place != "" {
			message = place + ": " + message
		}
		if messages == nil {
			c.param = strings.TrimPrefix(place, "body.")
			c.code = text(o.get("type"))
		}
		if messages = append(messages, message); len(messages) == 16 {
			break
		}
	}
	c.message = strings.Join(messages, "; ")
	return c
}

// placeOf joins a loc with dots: body.prompt.3.
func placeOf(loc []byte) string {
	steps, _ := elements(loc)
	var parts []string
	for _, step := range steps {
		if s := text(step); s != "" {
			parts = append(parts, s)
		} else if isDecimal(step) {
			parts = append(parts, string(step))
		}
	}
	return strings.Join(parts, ".")
}

func (c complaint) bounded() complaint {
	return complaint{
		message: cut(c.message, maxMessage),
		typ:     cut(c.typ, maxLabel),
		param:   cut(c.param, maxLabel),
		code:    cut(c.code, maxLabel),
	}
}

// cut shortens valid UTF-8 to at most limit bytes, and not inside a character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
