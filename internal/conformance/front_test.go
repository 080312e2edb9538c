package conformance_test

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/handlers"
	"github.com/specgate/specgate/internal/auth"
	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/conformance"
	"github.com/specgate/specgate/internal/localmodel"
	"github.com/specgate/specgate/internal/routing"
	"github.com/specgate/specgate/server"
)

const testKey = "sg-conformance-key"

// newSuite is the cases of the published contract.
func newSuite(tb testing.TB) *conformance.Suite {
	tb.Helper()
	suite, err := conformance.New(gen.Spec)
	if err != nil {
		tb.Fatal(err)
	}
	return suite
}

type noMetrics struct{}

func (noMetrics) Request(string, int, string)                {}
func (noMetrics) Completion(*completion.Call, time.Duration) {}
func (noMetrics) Invalid(string, string)                     {}
func (noMetrics) Unavailable(string)                         {}
func (noMetrics) Stranger(string)                            {}

// newSpecgate is the gateway on its own model.
func newSpecgate(tb testing.TB) http.Handler {
	tb.Helper()
	return newSpecgateOf(tb, gen.Spec, "phi-4")
}

// newSpecgateOf has a contract, and a second name for its model.
func newSpecgateOf(tb testing.TB, spec []byte, second string) http.Handler {
	tb.Helper()
	model, err := localmodel.New("test")
	if err != nil {
		tb.Fatal(err)
	}
	called := alias{model, second}
	front, err := server.New(server.Options{
		Spec:    spec,
		API:     &handlers.API{Backend: routing.Sole{Name: localmodel.Name, Completer: called, Lister: called}, Keepalive: time.Minute},
		Tokens:  auth.Tokens{{Hash: auth.Hash(testKey), Grant: auth.Grant{Name: "test"}}},
		Logger:  slog.New(slog.DiscardHandler),
		Metrics: noMetrics{},
		Limits: server.Limits{
			Body: 16 << 20, InflightBytes: 256 << 20, MaxConcurrent: 100,
			HeaderTimeout: time.Minute, BodyTimeout: time.Minute, WriteTimeout: time.Minute,
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return front
}
