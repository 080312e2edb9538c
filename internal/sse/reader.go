// Package sse reads and writes server-sent events. It owns their framing (lines, fields, limits) and
// knows nothing of what the data of an event means, nor where the bytes come from or go to.
package sse

import (
	"bytes"
	"errors"
	"io"
)

// ErrTooLong is an event, or a line of one, that is longer than the reader's limit.
var ErrTooLong = errors.New("the event is too long")

// Kind tells what an event is.
type Kind int

// The kinds of an event. Error is not in the standard: llama.cpp once sent its errors as a line
// `error: {…}`, and its old versions still do.
const (
	Data Kind = iota
	Error
)

// Event is one event of a stream. Data is what its data lines (or its error line) hold, joined by
// newlines; it may be empty. It belongs to the caller until the next call of Next, who may change it.
type Event struct {
	Kind Kind
	Data []byte
}

const (
	firstBuffer = 1 << 10 // holds most events; the buffer doubles from here
	fieldRoom   = 16      // what a line may be longer than its value: the field's name, colon and space
)

// Reader reads the events of one stream. Lines may end in CR, LF or CRLF; comments and the fields
// event, id and retry are dropped; a byte order mark is skipped.
type Reader struct {
	source io.Reader
	limit  int // of an event's data in bytes; 0 is none

	buffer  []byte // buffer[start:end] is read and not consumed; none of start:scanned ends a line
	start   int
	scanned int
	end     int

	data    []byte // of the event that is being put together
	pending bool   // whether the event has a data line yet
	begun   bool   // whether the first line is past, which may begin with a byte order mark
	afterCR bool   // whether an LF that comes next belongs to the CR before it
	err     error

	wait func() // called before each read of the source; nil for nothing
}

// NewReader returns a reader of the events in source. An event with more than limit bytes of data
// gives ErrTooLong; a limit of 0 is none.
func NewReader(source io.Reader, limit int) *Reader {
	return &Reader{source: source, limit: limit}
}

// Next waits for the next event. It returns io.EOF where the stream ends between events,
// io.ErrUnexpectedEOF where it is cut off inside one, and otherwise what the source gave. An event
// that is not closed by an empty line is cut off, but for `data: [DONE]`, which needs nothing more.
// After an error, every call returns it again.
func (r *Reader) Next() (Event, error) {
	r.data, r.pending = r.data[:0], false
	for r.err == nil {
		line, err := r.line()
		if err != nil {
			return r.finish(line, err)
		}
		if len(line) == 0 && r.pending {
			return Event{Kind: Data, Data: r.data}, nil
		}
		if value, ok := field(line, "error"); ok {
			r.data = append(r.data[:0], value...)
			return Event{Kind: Error, Data: r.data}, nil
		}
		r.err = r.take(line)
	}
	return Event{}, r.err
}

// BeforeWait has f called each time before Next reads from the source, which it may wait for.
func (r *Reader) BeforeWait(f func()) { r.wait = f }

// finish ends the stream, whose last line was not closed, with the cause err.
func (r *Reader) finish(line []byte, err error) (Event, error) {
	r.err = err
	if !errors.Is(err, io.EOF) {
		return Event{}, err
	}
	if tooLong := r.take(line); tooLong == nil && r.pending && IsDone(r.data) {
		return Event{Kind: Data, Data: r.data}, nil
	}
	if len(line) > 0 || r.pending {
		r.err = io.ErrUnexpectedEOF
	}
	return Event{}, r.err
}

// take adds what line says to the event; of all fields only data says anything.
func (r *Reader) take(line []byte) error {
	value, ok := field(line, "data")
	if !ok {
		return nil
	}
	if r.pending {
		r.data = append(r.data, '\n')
	}
	if r.limit > 0 && len(r.data)+len(value) > r.limit {
		return ErrTooLong
	}
	r.data, r.pending = append(r.data, value...), true
	return nil
}

// field returns the value of a line that sets the field name. One space after the colon is not part
// of the value, and a line without a colon sets the field to nothing.
func field(line []byte, name string) ([]byte, bool) {
	if len(line) < len(name) || string(line[:len(name)]) != name {
		return nil, false
	}
	value := line[len(name):]
	if len(value) == 0 {
		return value, true
	}
	if value[0] != ':' {
		return nil, false
	}
	return bytes.TrimPrefix(value[1:], []byte(" ")), true
}
