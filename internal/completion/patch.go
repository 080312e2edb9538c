package completion

import (
	"bytes"
	"encoding/json"
	"slices"
)

// With returns a request in which a field has another value: in the place of the one that it has, or
// at the end of the body where it has none. Every other byte stays. name is one of Facts that stands
// at the top, value the JSON of what the contract has there.
func (r *Request) With(name string, value []byte) *Request {
	fact := slices.Index(facts[:], name)
	at := r.places[fact]
	var other *Request
	if at.End > 0 {
		other = r.splice(at, value)
		other.places[fact] = Span{at.Start, at.Start + len(value)}
	} else {
		end := bytes.LastIndexByte(r.Body, '}')
		member := newMember(r.Body[:end], name, value)
		other = r.splice(Span{end, end}, member)
		other.places[fact] = Span{end + len(member) - len(value), end + len(member)}
	}
	other.learn(name, value)
	return other
}

// newMember writes a member that follows what begin has of an object.
func newMember(begin []byte, name string, value []byte) []byte {
	member := make([]byte, 0, len(name)+len(value)+4)
	if begin[backOver(begin, len(begin))-1] != '{' {
		member = append(member, ',')
	}
	member = append(append(append(member, '"'), name...), `":`...)
	return append(member, value...)
}

// Without returns a request that lacks a field: its key, its value and one comma are cut out, and
// every other byte stays. A request that lacks it anyway is returned itself. name is as for With.
func (r *Request) Without(name string) *Request {
	at := r.places[slices.Index(facts[:], name)]
	if at.End == 0 {
		return r
	}
	other := r.splice(r.member(at), nil)
	other.learn(name, nil)
	return other
}

// member returns the place of the member whose value stands at value, with the comma behind it, or
// the one before it where it is the last. A declared name holds no quote, so neither does its key.
func (r *Request) member(value Span) Span {
	keyEnd := backOver(r.Body, backOver(r.Body, value.Start)-1)
	start := bytes.LastIndexByte(r.Body[:keyEnd-1], '"')
	end := value.End
	for isBlank(r.Body[end]) {
		end++
	}
	if r.Body[end] == ',' {
		return Span{start, end + 1}
	}
	if before := backOver(r.Body, start); r.Body[before-1] == ',' {
		start = before - 1
	}
	return Span{start, value.End}
}

// backOver returns where the blanks begin that end at i.
func backOver(body []byte, i int) int {
	for i > 0 && isBlank(body[i-1]) {
		i--
	}
	return i
}

func isBlank(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// splice returns a copy in which other bytes stand at a place. The facts within that place are gone:
// of an include_usage that With puts there, IncludeUsage alone tells.
func (r *Request) splice(at Span, with []byte) *Request {
	other := *r
	other.Body = slices.Concat(r.Body[:at.Start], with, r.Body[at.End:])
	moved := len(with) - (at.End - at.Start)
	for i, p := range other.places {
		switch {
		case p.Start >= at.End:
			other.places[i] = Span{p.Start + moved, p.End + moved}
		case p.Start >= at.Start:
			other.places[i] = Span{}
		}
	}
	return &other
}

// learn takes a field's new value for what is known of the request, nil for none.
func (r *Request) learn(name string, value []byte) {
	switch name {
	case "model":
		r.Model = ""
		if value != nil {
			r.Model, _ = text(value)
		}
	case "stream":
		r.Stream = isTrue(value)
	case "stream_options":
		options := map[string]json.RawMessage{}
		_ = json.Unmarshal(value, &options)
		r.IncludeUsage = isTrue(options["include_usage"])
	}
}
