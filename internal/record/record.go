// Package record keeps what callers send and get while the tests run, for a judge of the contract that is
// not ours (internal/crosscheck). It owns the form of the records, and when nobody asks for them it is not
// there. It must never change what passes, and knows nothing of the contract but its text. For tests only.
package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
)

// folder is the variable that names where records are kept. Empty keeps none.
const folder = "SPECGATE_RECORD"

// Exchange is a request and its answer, as the caller's transport saw them. Spec is the file of the contract
// in force, beside the record. StandIn says that what is accepted is not answered by the gateway's operations. Unsent says that the answer came before the whole request was taken, and
// Broken why the answer did not end well, or that the caller read no further.
type Exchange struct {
	Spec    string
	StandIn bool
	Method  string
	URL     string
	Header  http.Header
	Body    []byte
	Unsent  bool
	Status  int
	Answer  Answer
	Broken  string
}

// Answer is what came back.
type Answer struct {
	Header http.Header
	Body   []byte
}

// Transport is next, and keeps its exchanges with a gateway of the contract spec where records are asked
// for. Else it is next alone. A nil next is a transport that leaves everything as it comes.
func Transport(next http.RoundTripper, spec []byte) http.RoundTripper {
	dir := os.Getenv(folder)
	if dir == "" {
		return next
	}
	if next == nil {
		next = &http.Transport{DisableCompression: true}
	}
	return &transport{next: next, dir: dir, spec: spec}
}

// BeforeStandIns is Transport for a server in front of a test's own operations.
func BeforeStandIns(next http.RoundTripper, spec []byte) http.RoundTripper {
	if recording, ok := Transport(next, spec).(*transport); ok {
		recording.standIn = true
		return recording
	}
	return next
}

type transport struct {
	next    http.RoundTripper
	dir     string
	spec    []byte
	standIn bool
}

var _ http.RoundTripper = (*transport)(nil)

// CloseIdleConnections lets a client close those of the transport beneath.
func (t *transport) CloseIdleConnections() {
	if next, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		next.CloseIdleConnections()
	}
}

// RoundTrip sends the request, and keeps it once its answer has been read.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := &tee{}
	copied := r.Clone(r.Context())
	if r.Body != nil && r.Body != http.NoBody {
		sent.source = r.Body
		copied.Body = sent
	}
	resp, err := t.next.RoundTrip(copied)
	if err != nil {
		return resp, err
	}
	got := &tee{source: resp.Body}
	got.ended = func(why string) {
		body, whole := sent.kept()
		t.keep(Exchange{
			StandIn: t.standIn,
			Method:  r.Method, URL: r.URL.String(), Header: r.Header,
			Body: body, Unsent: !whole,
			Status: resp.StatusCode, Answer: Answer{resp.Header, got.bytes.Bytes()}, Broken: why,
		})
	}
	resp.Body, resp.Request = got, r
	return resp, nil
}

// tee keeps what is read through it.
type tee struct {
	source io.ReadCloser // nil for no body
	mu     sync.Mutex
	bytes  bytes.Buffer
	whole  bool             // it was read to its end
	ended  func(why string) // is called once; may be nil
	once   sync.Once
}

func (t *tee) Read(p []byte) (int, error) {
	n, err := t.source.Read(p)
	t.mu.Lock()
	t.bytes.Write(p[:n])
	t.whole = t.whole || err == io.EOF
	t.mu.Unlock()
	if err == io.EOF {
		t.end("")
	} else if err != nil {
		t.end(err.Error())
	}
	return n, err
}

func (t *tee) Close() error {
	t.end("the caller read no further")
	return t.source.Close()
}

func (t *tee) end(why string) {
	if t.ended != nil {
		t.once.Do(func() { t.ended(why) })
	}
}

// kept is what was read, and whether that was all.
func (t *tee) kept() (body []byte, whole bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.bytes.Bytes()), t.whole || t.source == nil
}

var files struct {
	sync.Mutex
	records *os.File // of this process
}

// keep writes an exchange, and the contract that it is under. A test run that was asked for records and
// cannot write them must not look complete.
func (t *transport) keep(e Exchange) {
	files.Lock()
	defer files.Unlock()
	if err := t.write(e); err != nil {
		panic(fmt.Errorf("record: %w", err))
	}
}

func (t *transport) write(e Exchange) error {
	e.Spec = fmt.Sprintf("%x.yaml", sha256.Sum256(t.spec))
	path := filepath.Join(t.dir, e.Spec)
	if _, err := os.Stat(path); err != nil {
		if err := os.WriteFile(path, t.spec, 0o600); err != nil {
			return err
		}
	}
	if files.records == nil {
		var err error
		if files.records, err = os.CreateTemp(t.dir, "*.jsonl"); err != nil {
			return err
		}
	}
	return json.NewEncoder(files.records).Encode(e)
}
