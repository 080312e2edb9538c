package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// endpoint is what is held to the contract.
type endpoint struct {
	base      *url.URL // an SDK's base URL
	key       string
	model     string
	noModel   error    // why there is none
	demanded  []string // headers that the contract demands of every request, «Name: value»
	answered  bool     // whether anything ever came, and ended
	transport http.RoundTripper
}

// request is what a case sends.
type request struct {
	method, path string   // the path begins behind that of the base URL
	header       []string // «Name: value»; one without a value takes the header away
	body         string
	length       int64 // that is declared where it is not the body's; negative to send chunks
}

// Exchange is a request and what came.
type Exchange struct {
	Method string
	Path   string
	Header http.Header // all that the case sent but its key
	Body   []byte
	Status int // 0 where nothing came
	Answer http.Header
	Got    []byte
	Err    error // why nothing came, or not all

	foreign bool        // what was sent does not keep the contract
	sound   bool        // what came keeps its schema
	excuse  string      // the field for which it was refused, where that is an excuse
	stream  *transcript // what came, where that is a stream that keeps its schema
}

// mostAnswer bounds what is read of one answer, in bytes: far more than what is asked for comes to, and no more
// than is held to its schema while somebody waits for the end of a run.
const mostAnswer = 16 << 20

var errTooMuch = fmt.Errorf("the answer has more than %d bytes", mostAnswer)

// do makes an exchange. Redirects are not followed, and nothing is decoded.
func (e *endpoint) do(ctx context.Context, r request) *Exchange {
	x := &Exchange{Method: r.method, Path: r.path, Body: []byte(r.body), Header: http.Header{}}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sent, err := e.build(ctx, r)
	if err != nil {
		x.Err = err
		return x
	}
	for name, values := range sent.Header {
		if name != "Authorization" || e.key == "" || !strings.Contains(values[0], e.key) {
			x.Header[name] = values
		}
	}
	came, err := e.transport.RoundTrip(sent)
	if err != nil {
		x.Err = e.explain(ctx, err)
		return x
	}
	defer func() { _ = came.Body.Close() }()
	x.Status, x.Answer = came.StatusCode, came.Header
	x.Got, err = io.ReadAll(io.LimitReader(came.Body, mostAnswer+1))
	if err != nil {
		x.Err = fmt.Errorf("the answer does not end well: %w", e.explain(ctx, err))
	} else if len(x.Got) > mostAnswer {
		x.Err = errTooMuch
	}
	e.answered = e.answered || x.Err == nil
	return x
}

// build makes the request of a case, with what every one has.
func (e *endpoint) build(ctx context.Context, r request) (*http.Request, error) {
	var body io.Reader = strings.NewReader(r.body)
	if r.length > 0 { // the rest of it never comes
		body = io.MultiReader(body, silence{ctx})
	}
	sent, err := http.NewRequestWithContext(ctx, r.method, e.at(r.path), body)
	if err != nil {
		return nil, err
	}
	if r.length != 0 {
		sent.ContentLength = r.length
	}
	if sent.ContentLength == 0 {
		sent.Body = http.NoBody
	}
	sent.Close = asksForStream([]byte(r.body)) // llama.cpp ends the connection of a stream, and does not say so
	sent.Header.Set("User-Agent", "specgate-conformance")
	sent.Header.Set("Accept-Encoding", "identity")
	if r.method == http.MethodPost {
		sent.Header.Set("Content-Type", jsonMedia)
	}
	if e.key != "" {
		sent.Header.Set("Authorization", "Bearer "+e.key)
	}
	for _, line := range slices.Concat(e.demanded, r.header) {
		name, value, _ := strings.Cut(line, ":")
		sent.Header.Del(name)
		if value != "" {
			sent.Header.Set(name, strings.TrimPrefix(value, " "))
		}
	}
	return sent, nil
}

// at is the address of a path behind the base URL, whose query goes with every request.
func (e *endpoint) at(path string) string {
	bare := *e.base
	bare.RawQuery, bare.ForceQuery, bare.Fragment, bare.RawFragment = "", false, "", ""
	address := strings.TrimSuffix(bare.String(), "/") + path
	if e.base.RawQuery != "" {
		address += "?" + e.base.RawQuery
	}
	return address
}

// shown is the base URL as a report has it: what a query or a password says may be as secret as a key.
func (e *endpoint) shown() string {
	bare := *e.base
	bare.Fragment, bare.RawFragment = "", ""
	if bare.RawQuery != "" {
		bare.RawQuery = "…"
	}
	return bare.Redacted()
}

// explain says it where it was the time that ran out.
func (e *endpoint) explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return err
}

// silence is a body that says nothing until its request is over.
type silence struct{ ctx context.Context }

// Read waits for the end of the request.
func (s silence) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, io.ErrUnexpectedEOF
}
