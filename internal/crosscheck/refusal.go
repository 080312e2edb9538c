package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// violation is an item of a 422.
type violation struct {
	Loc       []any
	Msg, Type string
}

// Types of violations that no keyword stands for.
const (
	jsonInvalid  = "json_invalid"
	duplicateKey = "duplicate_key"
	tooMany      = "too_many_violations"
	unsupported  = "unsupported_parameter"
)

// refusal is a 422.
type refusal struct {
	Detail []*violation
	Error  struct {
		Message, Type string
		Param, Code   *string
	}
}

func readRefusal(body []byte) (*refusal, error) {
	r := &refusal{}
	if err := json.Unmarshal(body, r); err != nil {
		return nil, err
	}
	if len(r.Detail) == 0 {
		return nil, errors.New("no detail")
	}
	for _, v := range r.Detail {
		if v == nil || len(v.Loc) == 0 {
			return nil, errors.New("a violation without a place")
		}
	}
	return r, nil
}

// form returns why the error does not repeat the first violation as the contract has it; "" where it does.
func (r *refusal) form() string {
	first := r.Detail[0]
	var param *string
	if dotted := dotted(first.Loc[1:]); dotted != "" && first.Type != jsonInvalid {
		param = &dotted
	}
	message := dotted(first.Loc) + ": " + first.Msg
	switch {
	case r.Error.Code == nil || *r.Error.Code != first.Type:
		return "the code of the error is not the type of the first violation"
	case r.Error.Message != message:
		return fmt.Sprintf("the message of the error is not %q", message)
	case r.Error.Type != "invalid_request_error":
		return "the type of the error is not invalid_request_error"
	case (param == nil) != (r.Error.Param == nil) || param != nil && *param != *r.Error.Param:
		return "the param of the error is not the place of the first violation"
	}
	return ""
}

// isBackends reports whether a backend refused: its error is made into one violation, and its message is as
// it was. Its codes are its own: one of the contract's would be the gateway's word.
func (r *refusal) isBackends(types map[string]bool) bool {
	v, code := r.Detail[0], r.Error.Code
	if len(r.Detail) > 1 || v.Msg != r.Error.Message || v.Loc[0] != "body" {
		return false
	}
	if (r.Error.Param == nil) != (len(v.Loc) == 1) || r.Error.Param != nil && *r.Error.Param != dotted(v.Loc[1:]) {
		return false
	}
	if code == nil {
		return v.Type == "value_error"
	}
	return v.Type == *code && !types[*code]
}

// truncated reports whether the last item is right to say that there are more.
func (r *refusal) truncated(most int) bool {
	last := r.Detail[len(r.Detail)-1]
	var more int
	if _, err := fmt.Sscanf(last.Msg, "… and %d more", &more); err != nil || more < 1 || place(last.Loc) != "body" {
		return false
	}
	const long = 4 << 10 // of keys, in sum: the list may end earlier
	keys := 0
	for _, v := range r.Detail {
		keys += utf8.RuneCountInString(place(v.Loc))
	}
	return len(r.Detail) == most+1 || len(r.Detail) <= most && keys > long
}

// repeated finds a violation that is there twice. Keys that were cut may have been others.
func (r *refusal) repeated() *violation {
	for i, v := range r.Detail {
		whole := !slices.ContainsFunc(v.Loc, func(step any) bool { return utf8.RuneCountInString(text(step)) >= longestKey })
		if whole && slices.ContainsFunc(r.Detail[:i], func(w *violation) bool { return same(v, w) }) {
			return v
		}
	}
	return nil
}

func same(v, w *violation) bool {
	return place(v.Loc) == place(w.Loc) && v.Type == w.Type && v.Msg == w.Msg
}

// malformed returns why a body was not to be refused as malformed in these words; "" where it was.
func (d *document) malformed(v *violation, maxDepth int) string {
	offset, ok := 0.0, len(v.Loc) == 2
	if ok {
		offset, ok = v.Loc[1].(float64)
	}
	deep := fmt.Sprintf("JSON decode error: nesting deeper than %d", maxDepth)
	switch at := int(offset); {
	case !d.broken && !d.deep:
		return "the body is JSON"
	case !ok || at < 0 || at > len(d.text):
		return "the place is no offset in the body"
	case v.Msg == deep && (at == len(d.text) || deepest(d.text[:at]) != maxDepth || deepest(d.text[:at+1]) != maxDepth+1):
		return "the body is not too deep there"
	case v.Msg != deep && !d.broken:
		return "the body is too deep, and nothing else"
	case !begins(d.text[:at]):
		return "the body is malformed before there"
	}
	return ""
}

// isSyntax tells a text that is no JSON from one that ends too early.
func isSyntax(err error) bool {
	return !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF)
}

func dotted(loc []any) string {
	steps := make([]string, len(loc))
	for i, step := range loc {
		steps[i] = text(step)
	}
	return strings.Join(steps, ".")
}

// longestKey is how many characters of a key a 422 has.
const longestKey = 64

func cut(key string) string {
	if utf8.RuneCountInString(key) <= longestKey {
		return key
	}
	return string([]rune(key)[:longestKey])
}

// text is a step of a loc.
func text(step any) string {
	if n, ok := step.(float64); ok {
		return strconv.FormatFloat(n, 'f', -1, 64)
	}
	return fmt.Sprint(step)
}

// without is the body with the first alone of keys that stand twice.
func without(value any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(value) != nil {
		return nil
	}
	return out.Bytes()
}
