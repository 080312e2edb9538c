package sse

import (
	"bytes"
	"io"
)

// maxEmptyReads is how often in a row a source may give neither bytes nor an error.
const maxEmptyReads = 100

// line returns the next line without its end, valid until the next call. With an error it returns
// what there is of a line that never ended.
func (r *Reader) line() ([]byte, error) {
	for {
		if line, ok := r.nextLine(); ok {
			return r.unmark(line), r.measure(len(line))
		}
		if err := r.fill(); err != nil {
			return r.unmark(r.buffer[r.start:r.end]), err
		}
	}
}

// nextLine consumes a line, if there is a whole one in the buffer. A CR ends it at once, for an LF
// after it may be long in coming.
func (r *Reader) nextLine() ([]byte, bool) {
	if r.afterCR && r.start < r.end {
		r.afterCR = false
		if r.buffer[r.start] == '\n' {
			r.start++
			r.scanned = r.start
		}
	}
	end := lineEnd(r.buffer[r.scanned:r.end])
	if end < 0 {
		r.scanned = r.end
		return nil, false
	}
	end += r.scanned
	line := r.buffer[r.start:end]
	r.afterCR = r.buffer[end] == '\r'
	r.start, r.scanned = end+1, end+1
	return line, true
}

func lineEnd(b []byte) int {
	lf := bytes.IndexByte(b, '\n')
	if lf >= 0 {
		b = b[:lf]
	}
	if cr := bytes.IndexByte(b, '\r'); cr >= 0 {
		return cr
	}
	return lf
}

func (r *Reader) unmark(line []byte) []byte {
	if r.begun {
		return line
	}
	r.begun = true
	return bytes.TrimPrefix(line, []byte("\uFEFF"))
}

// fill reads more into the buffer, which it first makes room in.
func (r *Reader) fill() error {
	if err := r.measure(r.end - r.start); err != nil {
		return err
	}
	r.makeRoom()
	if r.wait != nil {
		r.wait()
	}
	for range maxEmptyReads {
		n, err := r.source.Read(r.buffer[r.end:])
		r.end += n
		if n > 0 { // an error that came with the bytes comes again, alone
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// measure refuses a line that is longer than an event may be, whatever field it sets.
func (r *Reader) measure(line int) error {
	if r.limit > 0 && line > r.limit+fieldRoom {
		return ErrTooLong
	}
	return nil
}

func (r *Reader) makeRoom() {
	if r.start > 0 {
		copy(r.buffer, r.buffer[r.start:r.end])
		r.end -= r.start
		r.scanned -= r.start
		r.start = 0
	}
	if r.end == len(r.buffer) {
		grown := make([]byte, max(firstBuffer, 2*len(r.buffer)))
		copy(grown, r.buffer[:r.end])
		r.buffer = grown
	}
}
