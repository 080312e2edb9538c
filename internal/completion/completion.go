// Package completion is what travels between the server and a backend: a validated request (its
// bytes as they came and the places of its fields, found while they were validated), the call that
// it is part of, and the answer. It knows no HTTP server, no HTTP client and no schema.
package completion

import "net/http"

// Span is the place of a value in a body: Body[Span.Start:Span.End]. The zero Span is that of a
// value that is absent.
type Span = struct{ Start, End int }

// Answer is what a backend made of a request: a Body, or a Stream where the request asked for one.
type Answer struct {
	Header http.Header // what the backend's limits are, to be passed on; may be nil
	Body   []byte      // the JSON of a Completion; nil where Stream is set
	Stream Stream
}

// Stream gives the chunks of a streamed completion. It is read by one goroutine, and closed by it.
type Stream interface {
	// Next waits for the next chunk and returns the JSON of a CompletionChunk, with no newline in it
	// and valid until the next call. io.EOF is the proper end; every other error is a stream that
	// broke, and nothing comes after it.
	Next() ([]byte, error)
	// Close gives the backend up, whether the stream has ended or not.
	Close() error
}

// Waiting is a Stream that tells when it has to wait, so that chunks which came together can be sent on
// together, and none is held back.
type Waiting interface {
	// BeforeWait has f called within Next, each time before that waits for the backend. It reports
	// whether f will be.
	BeforeWait(f func()) bool
}

// BeforeWait is that of s, if it has one.
func BeforeWait(s Stream, f func()) bool {
	w, ok := s.(Waiting)
	return ok && w.BeforeWait(f)
}
