// Package completion is what travels between the server and a backend: a validated request (its
// bytes as they came and the facts found while they were validated), the call that it is part of,
// and the answer. It knows no HTTP server, no HTTP client and no schema.
package completion

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Request is a validated request. Body is what the caller sent, decoded from gzip where it came so;
// a backend forwards it byte for byte, but for a field that it has a stated reason to patch.
type Request struct {
	Body         []byte
	Model        string // the model's id, unescaped
	Stream       bool   // whether the answer is to be a stream
	IncludeUsage bool   // whether a stream is to end with a chunk that holds the usage
}

// Span is the place of a value in a body: Body[Span.Start:Span.End]. The zero Span is that of a
// value that is absent.
type Span = struct{ Start, End int }

// Facts lists, in the order in which NewRequest takes their places, the fields of a request that
// the gateway itself acts on.
func Facts() []string {
	return []string{"model", "stream", "stream_options.include_usage"}
}

// NewRequest reads the facts of a body that keeps the contract. spans are the places of the fields
// that Facts lists. A body that was not validated may give an error.
func NewRequest(body []byte, spans []Span) (*Request, error) {
	r := &Request{Body: body}
	if s := spans[0]; s.End > s.Start {
		var err error
		if r.Model, err = text(body[s.Start:s.End]); err != nil {
			return nil, fmt.Errorf("read model: %w", err)
		}
	}
	r.Stream = isTrue(body, spans[1])
	r.IncludeUsage = isTrue(body, spans[2])
	return r, nil
}

func isTrue(body []byte, s Span) bool { return string(body[s.Start:s.End]) == "true" }

// text unquotes a JSON string, without a decoder where it holds no escape.
func text(quoted []byte) (string, error) {
	for _, c := range quoted {
		if c == '\\' {
			var s string
			err := json.Unmarshal(quoted, &s)
			return s, err
		}
	}
	return string(quoted[1 : len(quoted)-1]), nil
}

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
