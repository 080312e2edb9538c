package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/auth"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/server"
)

// discard takes an answer and forgets it.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header             { return d.header }
func (d *discard) Write(p []byte) (int, error)     { return len(p), nil }
func (d *discard) WriteHeader(int)                 {}
func (d *discard) SetReadDeadline(time.Time) error { return nil }

// rewound is a body that can be sent again, as net/http hands it over.
type rewound struct {
	bytes.Reader
	data []byte
}

func (*rewound) Close() error { return nil }

// Read gives the end together with the last bytes, as net/http does.
func (r *rewound) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err == nil && r.Len() == 0 {
		err = io.EOF
	}
	return n, err
}

// asker asks a handler for the same thing over and over, without a cost of its own.
type asker struct {
	handler  http.Handler
	template http.Request
	request  http.Request
	body     rewound
	answer   discard
}

func newAsker(tb testing.TB, h http.Handler, body []byte) *asker {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, "/v1/completions", nil)
	if err != nil {
		tb.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	r.ContentLength = int64(len(body))
	return &asker{handler: h, template: *r, body: rewound{data: body}, answer: discard{header: http.Header{}}}
}

func (a *asker) ask() {
	a.request = a.template
	a.body.Reset(a.body.data)
	a.request.Body = &a.body
	clear(a.answer.header)
	a.handler.ServeHTTP(&a.answer, &a.request)
}

func benchServer(tb testing.TB) http.Handler {
	tb.Helper()
	s, err := server.New(server.Options{
		Spec:    gen.Spec,
		API:     &operations{complete: relayed},
		Tokens:  auth.Tokens{{Hash: auth.Hash(token)}},
		Logger:  slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError})), //nolint:sloglint // a line is to cost what it costs
		Metrics: uncounted{},
		Limits: server.Limits{
			Body: 16 << 20, InflightBytes: 512 << 20, MaxConcurrent: 64,
			HeaderTimeout: time.Minute, BodyTimeout: time.Minute, WriteTimeout: time.Minute,
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

type uncounted struct{}

func (uncounted) Request(string, int, string)                {}
func (uncounted) Completion(*completion.Call, time.Duration) {}
func (uncounted) Invalid(string, string)                     {}
func (uncounted) Unavailable(string)                         {}
func (uncounted) Stranger(string)                            {}

// relay sends a body on and reads the answer, by net/http, but for the network.
func relay(ctx context.Context, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://127.0.0.1:8000/v1/completions", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer k")
	resp, err := loop{}.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	return io.ReadAll(resp.Body)
}

func relayed(ctx context.Context, in *completion.Request) (gen.CreateCompletionResponseObject, error) {
	answer, err := relay(ctx, in.Body)
	return raw(answer), err
}

// loop is a transport to nowhere.
type loop struct{}

func (loop) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	answer := `{"id":"c","object":"text_completion","created":1,"model":"m","choices":[{"text":" on","index":0,"logprobs":null,"finish_reason":"stop"}]}`
	return &http.Response{
		StatusCode: http.StatusOK,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       io.NopCloser(strings.NewReader(answer)),
	}, nil
}

// fields are those of a request that have a limit; the unions are left as they are.
type fields struct {
	Model            string             `json:"model"`
	Prompt           json.RawMessage    `json:"prompt"`
	BestOf           *int               `json:"best_of"`
	Echo             *bool              `json:"echo"`
	FrequencyPenalty *float64           `json:"frequency_penalty"`
	LogitBias        map[string]float64 `json:"logit_bias"`
	Logprobs         *int               `json:"logprobs"`
	MaxTokens        *int               `json:"max_tokens"`
	N                *int               `json:"n"`
	PresencePenalty  *float64           `json:"presence_penalty"`
	Seed             *int64             `json:"seed"`
	Stop             json.RawMessage    `json:"stop"`
	Stream           *bool              `json:"stream"`
	StreamOptions    json.RawMessage    `json:"stream_options"`
	Suffix           *string            `json:"suffix"`
	Temperature      *float64           `json:"temperature"`
	TopP             *float64           `json:"top_p"`
	User             *string            `json:"user"`
}

// yardstick is the least that a gateway could do that looks at a body at all: Echo, one pass of
// encoding/json that decodes no prompt and checks no limit, and the body handed on.
func yardstick() http.Handler {
	e := echo.New()
	e.POST("/v1/completions", func(c echo.Context) error {
		body, err := io.ReadAll(c.Request().Body)
		if err != nil {
			return err
		}
		var asked fields
		if err := json.Unmarshal(body, &asked); err != nil {
			return err
		}
		answer, err := relay(c.Request().Context(), body)
		if err != nil {
			return err
		}
		return c.JSONBlob(http.StatusOK, answer)
	})
	return e
}

// benchBodies are requests that keep the contract.
func benchBodies() []struct{ name, body string } {
	prose := "The quick brown fox jumps over the lazy dog, twice.\\n"
	request := func(prompt string) string {
		return `{"model":"llama3.1:8b","prompt":` + prompt + `,"max_tokens":64,"temperature":0.7}`
	}
	list := func(n int, format string) string {
		items := make([]string, n)
		for i := range items {
			items[i] = fmt.Sprintf(format, i*7919%128_000)
		}
		return "[" + strings.Join(items, ",") + "]"
	}
	return []struct{ name, body string }{
		{"100B", request(`"Hello World"`)},
		{"1KB", `{"model":"llama3.1:8b","prompt":"` + strings.Repeat(prose, 12) + `","max_tokens":256,"temperature":0.7,` +
			`"top_p":0.95,"n":1,"stream":false,"stop":["\n\n","END"],"seed":42,"frequency_penalty":0.5,` +
			`"presence_penalty":0,"logit_bias":{"50256":-100,"198":1.5},"user":"user-1234","top_k":40,"min_p":0.05}`},
		{"100KB", request(`"` + strings.Repeat(prose, 1950) + `"`)},
		{"1MB", request(`"` + strings.Repeat(prose, 19_500) + `"`)},
		{"2k-ids", request(list(2_000, "%d"))},
		{"100k-ids", request(list(100_000, "%d"))},
		{"1000-strings", request(list(1_000, `"What is the capital of country %d?"`))},
	}
}

// BenchmarkAccepted is the whole way in and out of an accepted request, but for the network and the
// backend: authentication, validation, the answer, the access log. of-json is its time as a share of
// the yardstick's, in turns within one run.
func BenchmarkAccepted(b *testing.B) {
	h, other := benchServer(b), yardstick()
	for _, t := range benchBodies() {
		b.Run(t.name, func(b *testing.B) {
			ours, theirs := newAsker(b, h, []byte(t.body)), newAsker(b, other, []byte(t.body))
			inTurns(b, 1+20_000/len(t.body), ours.ask, theirs.ask)
			b.ReportMetric(testing.AllocsPerRun(100, ours.ask), "allocs/request")
		})
	}
}

// inTurns runs two things in turns, each as often as batch says, and reports what the first takes as
// a share of what the second does: the ratio of the fastest turns, which other programs disturb least.
func inTurns(b *testing.B, batch int, first, second func()) {
	b.Helper()
	time1 := func(f func()) float64 {
		start := time.Now()
		for range batch {
			f()
		}
		return float64(time.Since(start).Nanoseconds()) / float64(batch)
	}
	mine, other := math.Inf(1), math.Inf(1)
	for b.Loop() {
		mine, other = min(mine, time1(first)), min(other, time1(second))
	}
	b.ReportMetric(mine, "ns/request")
	b.ReportMetric(mine/other, "of-json")
	b.ReportMetric(0, "ns/op") // that of a batch of both says nothing
}
