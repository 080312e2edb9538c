package tracing_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/specgate/specgate/internal/completion"
	"github.com/specgate/specgate/internal/tracing"
)

// What a request costs whose caller has it traced, and one of a caller who has not.
func BenchmarkTraced(b *testing.B) {
	endpoint := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer endpoint.Close()
	for name, flags := range map[string]string{"sampled": "01", "unsampled": "00"} {
		b.Run(name, func(b *testing.B) {
			o := options(endpoint.URL)
			o.Sampler, o.Queue, o.Batch, o.Delay = "parentbased_always_on", 2048, 512, time.Second
			tr, err := tracing.New(o)
			if err != nil {
				b.Fatal(err)
			}
			defer tr.Close()
			next := tr.Attempts(&completer{answer: &completion.Answer{Body: []byte(`{"id":"a","choices":[{"finish_reason":"stop"}]}`)}}, tracing.Upstream{})
			r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/v1/completions", nil)
			b.ReportAllocs()
			for b.Loop() {
				call := &completion.Call{Context: b.Context(), ID: "one", Began: time.Now(), Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-" + flags}
				tr.Begin(call, r, "/v1/completions")
				tr.Validate(call)("", nil, nil)
				if _, err := next.Complete(call, &completion.Request{}); err != nil {
					b.Fatal(err)
				}
				tr.End(call, http.StatusOK)
			}
		})
	}
}
