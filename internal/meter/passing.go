package meter

import (
	"bytes"
	"time"

	"github.com/specgate/specgate/internal/completion"
)

// pass notes of an answer that nobody counts what it tells anyway. Nothing is asked for to that end, and
// nothing estimated.
func (m *Meter) pass(call *completion.Call, answer *completion.Answer) *completion.Answer {
	if answer.Stream == nil {
		call.Tokens, _ = usageNearEnd(answer.Body)
		return answer
	}
	m.streams.Add(1)
	wrapped := *answer
	wrapped.Stream = &passing{Stream: answer.Stream, meter: m, call: call}
	return &wrapped
}

// passing is a stream that nobody counts.
type passing struct {
	completion.Stream
	meter  *Meter
	call   *completion.Call
	closed bool
}

var (
	_ completion.Stream  = (*passing)(nil)
	_ completion.Waiting = (*passing)(nil)
)

// BeforeWait is that of the stream within.
func (p *passing) BeforeWait(f func()) bool { return completion.BeforeWait(p.Stream, f) }

// Next gives the next chunk as it comes.
func (p *passing) Next() ([]byte, error) {
	chunk, err := p.Stream.Next()
	if err != nil {
		return nil, err
	}
	if bytes.Contains(chunk, usageKey) {
		if used, ok := usageIn(chunk); ok {
			p.call.Tokens = used
		}
		if isUsage(chunk) {
			return chunk, nil
		}
	}
	if p.call.FirstToken.IsZero() {
		p.call.FirstToken = time.Now()
	}
	return chunk, nil
}

// Close gives the backend up.
func (p *passing) Close() error {
	if !p.closed {
		p.closed = true
		p.meter.streams.Add(-1)
	}
	return p.Stream.Close()
}

// nearEnd is how far before the end of an answer its usage may begin: texts come before it, and little after.
const nearEnd = 1 << 10

// usageNearEnd is usageIn for an answer whose texts are not to be gone through. What stands elsewhere is not
// found.
func usageNearEnd(doc []byte) (used completion.Tokens, ok bool) {
	end := doc[max(0, len(doc)-nearEnd):]
	at := bytes.LastIndex(end, usageKey)
	if at < 1 || end[at-1] == '\\' { // the end of another name
		return used, false
	}
	rest := bytes.TrimLeft(end[at+len(usageKey):], blanks)
	if len(rest) == 0 || rest[0] != ':' || !endsWithin(rest) { // it may be a text as well
		return used, false
	}
	return usageOf(bytes.TrimLeft(rest[1:], blanks))
}

const blanks = " \t\r\n"

// endsWithin reports whether nothing comes after the object that doc is the rest of: a usage that stands deeper within
// an answer is followed by more ends than its own.
func endsWithin(doc []byte) bool {
	depth := 1
	for i := 0; i < len(doc); i++ {
		switch doc[i] {
		case '"':
			for i++; i < len(doc) && doc[i] != '"'; i++ {
				if doc[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return len(bytes.TrimRight(doc[i+1:], blanks)) == 0
			}
		}
	}
	return false
}
