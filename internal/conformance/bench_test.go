package conformance_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/specgate/specgate/internal/conformance"
)

// seen is a request, as a deviation sees and may change it.
type seen struct {
	method, path string
	header       http.Header
	body         string
	came         reply // the conforming answer, where the request was recorded
}

// reply is an answer, as a deviation may change it.
type reply struct {
	status int
	header http.Header
	body   string
}

// deviation breaks one rule of the contract, in front of a gateway that keeps it.
type deviation struct {
	when   func(*seen) bool // which requests it touches; it looks at nothing else
	ask    func(*seen)      // what it makes of the request; nil for nothing
	answer func(*reply)     // what it makes of the answer; nil for nothing
}

// deviant is a gateway that deviates; a nil deviation keeps the contract.
type deviant struct {
	specgate http.Handler
	deviation
	record func(seen) // may be nil
}

// beyondReading tells the body that is only declared.
const beyondReading = 1 << 30

func (d deviant) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := seen{method: r.Method, path: r.URL.Path, header: r.Header.Clone()}
	declared := r.ContentLength
	if declared < beyondReading {
		raw, _ := io.ReadAll(r.Body)
		s.body, declared = string(raw), min(declared, int64(len(raw)))
	}
	touched := d.when != nil && d.when(&s)
	if touched && d.ask != nil {
		d.ask(&s)
		declared = int64(len(s.body))
	}
	inner := r.Clone(r.Context())
	inner.Method, inner.URL.Path, inner.Header, inner.ContentLength = s.method, s.path, s.header, declared
	inner.Body = io.NopCloser(strings.NewReader(s.body))
	if s.body == "" && declared == 0 {
		inner.Body = http.NoBody
	}
	came := httptest.NewRecorder()
	d.specgate.ServeHTTP(came, inner)
	a := reply{came.Code, came.Header(), came.Body.String()}
	if d.record != nil {
		s.came = reply{a.status, a.header.Clone(), a.body}
		d.record(s)
	}
	if touched && d.answer != nil {
		d.answer(&a)
		a.header.Del("Content-Length")
	}
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	_, _ = io.Copy(w, bytes.NewReader([]byte(a.body)))
}

// fields are what a request says, as far as it is JSON.
func (s *seen) fields() map[string]json.RawMessage {
	var all map[string]json.RawMessage
	_ = json.Unmarshal([]byte(s.body), &all)
	return all
}

// set changes one field of a request; an empty value takes it away.
func set(field, value string) func(*seen) {
	return func(s *seen) {
		all := s.fields()
		delete(all, field)
		if value != "" {
			all[field] = json.RawMessage(value)
		}
		raw, _ := json.Marshal(all)
		s.body = string(raw)
	}
}

// bench runs cases against deviants.
type bench struct {
	suite    *conformance.Suite
	specgate http.Handler
	mu       sync.Mutex
	current  string
	requests map[string][]seen // that each case makes of an endpoint that conforms
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{suite: newSuite(t), specgate: newSpecgate(t), requests: map[string][]seen{}}
	b.run(t, deviant{specgate: b.specgate, record: func(s seen) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.requests[b.current] = append(b.requests[b.current], s)
	}})
	return b
}

// run holds a deviant to some cases, or to all.
func (b *bench) run(t *testing.T, d deviant, only ...string) []conformance.Result {
	t.Helper()
	front := httptest.NewServer(d)
	defer front.Close()
	target := conformance.Target{URL: front.URL + "/v1", Key: testKey, Model: "specgate-1"}
	report, err := b.suite.Run(t.Context(), target, conformance.Options{Only: only, Timeout: time.Minute, Progress: func(s conformance.Step) {
		if d.record != nil {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.current = s.Next
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	return report.Results
}

// touched are the cases with a request that a deviation does something about. All others get from it what
// they get from an endpoint that conforms: what a case sends depends on nothing but what came before.
func (b *bench) touched(d deviation) []string {
	var all []string
	for _, c := range b.suite.Cases() {
		for _, s := range b.requests[c.ID] {
			if d.when(&s) {
				all = append(all, c.ID)
				break
			}
		}
	}
	return all
}
