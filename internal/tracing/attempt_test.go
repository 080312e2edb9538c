package tracing_test

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"testing"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/tracing"
)

func marshalKey(key any) ([]byte, error) { return x509.MarshalPKCS8PrivateKey(key) }

// completer answers with what it has, and keeps the call that it was asked with.
type completer struct {
	answer *completion.Answer
	err    error
	call   *completion.Call
}

// Complete answers.
func (c *completer) Complete(ctx context.Context, _ *completion.Request) (*completion.Answer, error) {
	c.call = completion.CallOf(ctx)
	if c.answer == nil && c.err == nil {
		panic("a bug")
	}
	return c.answer, c.err
}

// An attempt tells the backend of itself, and leaves the call of the request as it was. One that panics has its span.
func TestAttemptsHaveCallsOfTheirOwn(t *testing.T) {
	t.Parallel()
	endpoint := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer endpoint.Close()
	tr, err := tracing.New(options(endpoint.URL))
	if err != nil {
		t.Fatal(err)
	}
	call := begin(t, tr)
	before := *call
	next := &completer{answer: &completion.Answer{Body: []byte(`{"choices":[]}`)}}
	if _, err := tr.Attempts(next, tracing.Upstream{}).Complete(call, &completion.Request{}); err != nil {
		t.Fatal(err)
	}
	if *call != before {
		t.Errorf("the call was %+v and is %+v", before, *call)
	}
	if next.call.Traceparent == call.Traceparent || next.call.Traceparent[:36] != call.Traceparent[:36] || next.call.ID != "one" {
		t.Errorf("the backend is told %s of %s", next.call.Traceparent, call.Traceparent)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is lost")
			}
		}()
		_, _ = tr.Attempts(&completer{}, tracing.Upstream{}).Complete(call, &completion.Request{})
	}()
	tr.End(call, http.StatusOK)
	tr.Close()
	if tr.Exported() != 3 {
		t.Errorf("%d spans, want 3", tr.Exported())
	}
}

// A request that nobody answered, and of which nobody knows why, has failed.
func TestRequestWithoutAnEnd(t *testing.T) {
	t.Parallel()
	span := sent(t, func(tr *tracing.Tracer) { tr.End(begin(t, tr), 0) })
	if span.GetStatus().GetCode() != tracepb.Status_STATUS_CODE_ERROR {
		t.Errorf("it is told as %v", span)
	}
}
