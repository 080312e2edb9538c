package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// exchange is a record as the tests write it (internal/record).
type exchange struct {
	Spec    string
	StandIn bool
	Method  string
	URL     string
	Header  http.Header
	Body    []byte
	Unsent  bool
	Status  int
	Answer  struct {
		Header http.Header
		Body   []byte
	}
	Broken string
}

// request makes anew what was sent. The validator has it decoded.
func (e *exchange) request() (*http.Request, error) {
	u, err := url.Parse(e.URL)
	if err != nil {
		return nil, err
	}
	r := &http.Request{Method: e.Method, URL: u, Header: e.Header.Clone(), Host: u.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	if e.gzipped() {
		r.Header.Del("Content-Encoding")
	}
	carry(r, e.plain())
	return r, nil
}

// carry gives a request another body.
func carry(r *http.Request, body []byte) {
	r.Body, r.ContentLength = http.NoBody, int64(len(body))
	if len(body) > 0 {
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
}

func (e *exchange) gzipped() bool {
	return strings.EqualFold(e.Header.Get("Content-Encoding"), "gzip")
}

// plain is the body that was meant; one that is no gzip although it says so is what it is.
func (e *exchange) plain() []byte {
	if e.gzipped() {
		if plain, err := inflate(e.Body); err == nil {
			return plain
		}
	}
	return e.Body
}

func inflate(body []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func (e *exchange) response() *http.Response {
	return &http.Response{StatusCode: e.Status, Header: e.Answer.Header.Clone(), Body: io.NopCloser(bytes.NewReader(e.Answer.Body))}
}

func (e *exchange) streamed() bool {
	return e.Status == http.StatusOK && strings.HasPrefix(e.Answer.Header.Get("Content-Type"), "text/event-stream")
}

// events are the data of the whole events of a streamed answer. The gateway writes them in one form alone.
func (e *exchange) events() (all []string, others []string) {
	blocks := strings.Split(string(e.Answer.Body), "\n\n")
	for _, block := range blocks[:len(blocks)-1] { // the last is empty, or an event that was cut
		for strings.HasPrefix(block, ": ping\n") {
			block = strings.TrimPrefix(block, ": ping\n")
		}
		data, ok := strings.CutPrefix(block, "data: ")
		if ok && !strings.Contains(data, "\n") {
			all = append(all, data)
		} else {
			others = append(others, block)
		}
	}
	return all, others
}
