package routing_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/specgate/specgate/internal/apierror"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/routing"
)

// complaining is a backend that says something, at once or in a stream.
type complaining struct {
	backend
	says   string
	stream bool
}

func (c *complaining) Complete(context.Context, *completion.Request) (*completion.Answer, error) {
	if c.stream {
		return &completion.Answer{Stream: c}, nil
	}
	return nil, &apierror.Error{Status: 400, Message: c.says, Param: c.says, Quoted: true}
}

func (c *complaining) Next() ([]byte, error) {
	return nil, &apierror.Error{Status: 502, Message: c.says, Param: c.says, Quoted: true}
}
func (c *complaining) Close() error { return nil }

// What a backend calls a model is its operator's business, and no help to a caller.
func TestBackendsWordsOfTheModel(t *testing.T) {
	tests := map[string]string{
		"The model `org/m-1.0` does not exist.":   "The model `m` does not exist.",
		"model 'org/m-1.0' not found":             "model 'm' not found",
		"no org/m-1.0. Try \u201corg/m-1.0\u201d": "no m. Try \u201cm\u201d",
		"org/m-1.0":                          "m",
		"org/m-1.0-instruct or my-org/m-1.0": "org/m-1.0-instruct or my-org/m-1.0",
		"m-1.0 is not it":                    "m-1.0 is not it",
		"/srv/org/m-1.0/x":                   "/srv/m/x",
		"":                                   "",
	}
	for says, want := range tests {
		for _, stream := range []bool{false, true} {
			c := &complaining{backend: backend{name: "a"}, says: says, stream: stream}
			r := router(t, twice, routing.Target{Upstream: c, Completer: c, Weight: 1, Model: "org/m-1.0"})
			answer, err := r.Complete(t.Context(), &completion.Request{Body: []byte(`{"model":"m"}`), Model: "m"})
			if stream && err == nil {
				_, err = answer.Stream.Next()
			}
			var e *apierror.Error
			if !errors.As(err, &e) || e.Message != want || e.Param != want {
				t.Errorf("stream %t, %q: error %+v", stream, says, e)
			}
		}
	}
}

// The proper end of a stream stays that.
func TestEndOfAnAliasedStream(t *testing.T) {
	c := &ending{backend{name: "a"}}
	r := router(t, twice, routing.Target{Upstream: c, Completer: c, Weight: 1, Model: "other"})
	answer, err := r.Complete(t.Context(), &completion.Request{Body: []byte(`{"model":"m"}`), Model: "m"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := answer.Stream.Next(); err != io.EOF { //nolint:errorlint // bare, as the interface says
		t.Errorf("error %v", err)
	}
}

type ending struct{ backend }

func (e *ending) Complete(context.Context, *completion.Request) (*completion.Answer, error) {
	return &completion.Answer{Stream: e}, nil
}

func (e *ending) Next() ([]byte, error) { return nil, io.EOF }
func (e *ending) Close() error          { return nil }
