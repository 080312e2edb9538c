package upstream_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"go.uber.org/goleak"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/contract"
	"github.com/specgate/specgate/internal/fakebackend"
	"github.com/specgate/specgate/internal/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	requestID = "req_0123456789"
	soon      = 60 * time.Millisecond // a timeout that a test waits for
)

// schemas are the two checkers of answers, made once.
var schemas = sync.OnceValues(func() (c struct{ completion, chunk *contract.Program }, err error) {
	doc, err := contract.Load(gen.Spec)
	if err != nil {
		return c, err
	}
	if c.completion, err = contract.Compile(doc.Components.Schemas["Completion"], upstream.CompletionFacts()...); err != nil {
		return c, err
	}
	c.chunk, err = contract.Compile(doc.Components.Schemas["CompletionChunk"], upstream.ChunkFacts()...)
	return c, err
})

// oracle is the contract as an independent validator reads it.
var oracle = sync.OnceValues(func() (*openapi3.T, error) { return openapi3.NewLoader().LoadFromData(gen.Spec) })

// mustKeep fails the test where doc breaks the schema.
func mustKeep(t *testing.T, schema string, doc []byte) {
	t.Helper()
	spec, err := oracle()
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(doc))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Errorf("%s: %v", doc, err)
		return
	}
	if err := spec.Components.Schemas[schema].Value.VisitJSON(value); err != nil {
		t.Errorf("%s breaks %s: %v", doc, schema, err)
	}
}

// repairs collects what Options.Repaired is told.
type repairs struct {
	mu    sync.Mutex
	kinds []string
}

func (r *repairs) add(name, kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if name != "main" {
		kind = name + "?" + kind
	}
	r.kinds = append(r.kinds, kind)
}

func (r *repairs) sorted() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(slices.Values(r.kinds))
}

// newClient returns a client of the backend at base, with what set changes.
func newClient(tb testing.TB, base string, set ...func(*upstream.Options)) *upstream.Client {
	tb.Helper()
	programs, err := schemas()
	if err != nil {
		tb.Fatal(err)
	}
	u, err := url.Parse(base + "/v1")
	if err != nil {
		tb.Fatal(err)
	}
	o := upstream.Options{Name: "main", BaseURL: u, Completion: programs.completion, Chunk: programs.chunk}
	for _, f := range set {
		f(&o)
	}
	c := upstream.New(o)
	tb.Cleanup(c.Close)
	return c
}

// plain is a request for a whole answer, streamed one for a stream.
func plain() *completion.Request {
	return &completion.Request{Body: []byte(`{"model":"m","prompt":"x"}`), Model: "m"}
}

func streamed() *completion.Request {
	return &completion.Request{Body: []byte(`{"model":"m","prompt":"x","stream":true}`), Model: "m", Stream: true}
}

// caller is the context of a request as the server makes it.
func caller(tb testing.TB) context.Context {
	tb.Helper()
	return &completion.Call{Context: tb.Context(), ID: requestID, UserAgent: "test/1"}
}

// complete asks a backend that answers with reply for a whole answer.
func complete(t *testing.T, reply fakebackend.Reply, set ...func(*upstream.Options)) (*completion.Answer, error) {
	t.Helper()
	backend := fakebackend.New(t, reply)
	return newClient(t, backend.URL, set...).Complete(caller(t), plain())
}

// told is how an error is told to the caller.
type told struct {
	Status  int
	Type    string
	Code    string
	Param   string
	Message string
	NoRetry bool
}

func toldOf(t *testing.T, err error) told {
	t.Helper()
	var e *apierror.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v is no *apierror.Error", err)
	}
	return told{e.Status, e.Type, e.Code, e.Param, e.Message, e.Header.Get("X-Should-Retry") == "false"}
}

func upstreamError(message string) told {
	return told{Status: http.StatusBadGateway, Type: "server_error", Code: "upstream_error", Message: message}
}

func timedOut() told {
	return told{Status: http.StatusGatewayTimeout, Type: "server_error", Code: "upstream_timeout", Message: "The backend took too long to answer."}
}

// spent is an error that must not be tried again.
func spent(e told) told {
	e.NoRetry = true
	return e
}

func timeouts(to upstream.Timeouts) func(*upstream.Options) {
	return func(o *upstream.Options) { o.Timeouts = to }
}

// impatient waits only a moment for the backend where the case is one of a stall; all others have the
// time that a busy machine takes.
func impatient(name string) func(*upstream.Options) {
	if !strings.HasPrefix(name, "stall") {
		return func(*upstream.Options) {}
	}
	return timeouts(upstream.Timeouts{FirstByte: soon, Idle: soon})
}
