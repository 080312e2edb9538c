package conformance

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/specgate/specgate/gen"
)

// canned answers every request with the same stream.
type canned string

func (c canned) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {streamMedia}}, Body: io.NopCloser(strings.NewReader(string(c)))}, nil
}

const shortStream = `data: {"id":"c","object":"text_completion","created":1,"model":"m","choices":[]}` + "\n\ndata: [DONE]\n\n"

func newTrial(t *testing.T, transport http.RoundTripper) *trial {
	t.Helper()
	suite, err := New(gen.Spec)
	if err != nil {
		t.Fatal(err)
	}
	base := &url.URL{Scheme: "http", Host: "h", Path: "/v1"}
	return &trial{endpoint: &endpoint{base: base, model: "m", transport: transport}, suite: suite, of: &suite.cases[0], ctx: t.Context()}
}

func TestStreamsAreReadOnce(t *testing.T) {
	t.Parallel()
	trial := newTrial(t, canned(shortStream))
	got, err := trial.stream(`"prompt":"x","max_tokens":1`)
	if err != nil || len(got.chunks) != 1 || !got.done {
		t.Fatalf("%+v, error %v", got, err)
	}
	if got != trial.exchanges[0].stream {
		t.Error("what was held to its schema was read again")
	}
}

// Reading ends with the run, however much is left.
func TestReadingEnds(t *testing.T) {
	t.Parallel()
	trial := newTrial(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := trial.suite.read(ctx, []byte(shortStream)); !errors.Is(err, context.Canceled) {
		t.Errorf("%+v, error %v", got, err)
	}
}

// One answer is enough for the count of those in a row without one to begin again.
func TestSilenceInARow(t *testing.T) {
	t.Parallel()
	silent := &Exchange{Err: errTimeout(1)}
	for name, test := range map[string]struct {
		exchanges []*Exchange
		late      bool
		want      int
	}{
		"no answer":             {[]*Exchange{silent}, false, 4},
		"an answer, then none":  {[]*Exchange{{Status: 200}, silent}, false, 0},
		"none to what is heavy": {[]*Exchange{silent}, true, 3},
		"nothing sent":          {nil, false, 3},
		"no connection":         {[]*Exchange{{Err: io.EOF}}, false, 3},
	} {
		result := Result{Case: Case{late: test.late}, heard: (&trial{exchanges: test.exchanges}).heard()}
		if got := result.silent(3); got != test.want {
			t.Errorf("%s: %d in a row after 3", name, got)
		}
	}
}

// What is needed beside what a pointer says is needed by cases that are there.
func TestNeededAreCases(t *testing.T) {
	t.Parallel()
	suite := newTrial(t, nil).suite
	for id := range needed {
		if suite.place(id) < 0 {
			t.Errorf("%s is no case", id)
		}
	}
}
