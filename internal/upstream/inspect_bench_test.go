package upstream_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/specgate/specgate/internal/upstream"
)

// BenchmarkInspect is the check of an answer that keeps the contract; of-valid is its time as a share of
// what json.Valid takes for the same bytes, in turns within one run.
func BenchmarkInspect(b *testing.B) {
	programs, err := schemas()
	if err != nil {
		b.Fatal(err)
	}
	inspect := upstream.Inspectors(programs.completion, programs.chunk)
	completion := func(text, logprobs string) string {
		return `{"id":"cmpl-0f8fad5b7d9e4c3ab1e2c3d4e5f60718","object":"text_completion","created":1795353600,"model":"llama3.1:8b",` +
			`"choices":[{"index":0,"text":"` + text + `","logprobs":` + logprobs + `,"finish_reason":"length","stop_reason":null}],` +
			`"usage":{"prompt_tokens":251,"total_tokens":291,"completion_tokens":40,"prompt_tokens_details":null}}`
	}
	chunk := func(logprobs string) string { // as vLLM writes it
		return `{"id":"cmpl-0f8fad5b7d9e4c3ab1e2c3d4e5f60718","object":"text_completion","created":1795353600,"model":"llama3.1:8b",` +
			`"choices":[{"index":0,"text":" Seine","logprobs":` + logprobs + `,"finish_reason":null,"stop_reason":null}],"usage":null}`
	}
	for _, t := range []struct{ name, schema, document string }{
		{"1KB", "Completion", completion(strings.Repeat("It lies on the Seine. ", 32), "null")},
		{"100KB-logprobs", "Completion", completion(strings.Repeat(" Seine", 500), manyLogprobs(500))},
		{"event", "CompletionChunk", chunk("null")},
		{"event-logprobs", "CompletionChunk", chunk(manyLogprobs(1))},
	} {
		b.Run(t.name, func(b *testing.B) {
			document := []byte(t.document)
			b.SetBytes(int64(len(document)))
			check := func() {
				if _, err := inspect[t.schema](document); err != nil {
					b.Fatal(err)
				}
			}
			valid := func() {
				if !json.Valid(document) {
					b.Fatal("invalid")
				}
			}
			batch := 1 + 100_000/len(document)
			ours, theirs := math.Inf(1), math.Inf(1)
			for b.Loop() {
				ours, theirs = min(ours, took(batch, check)), min(theirs, took(batch, valid))
			}
			b.ReportMetric(ours/theirs, "of-valid")
			b.ReportMetric(ours, "ns/document")
			b.ReportMetric(0, "ns/op") // that of a batch of both says nothing
		})
	}
}

// took is how many nanoseconds one of batch calls takes.
func took(batch int, f func()) float64 {
	start := time.Now()
	for range batch {
		f()
	}
	return float64(time.Since(start).Nanoseconds()) / float64(batch)
}

// manyLogprobs are those of n tokens, with five alternatives each.
func manyLogprobs(n int) string {
	var tokens, logprobs, top, offsets []string
	for i := range n {
		tokens = append(tokens, `" Seine"`)
		logprobs = append(logprobs, fmt.Sprint(-math.Log(float64(i+2))))
		top = append(top, fmt.Sprintf(`{" Seine":%v," river":%v," left":-2.184357686042786," right":-3.059357686042786," banks":-4.746857686042786}`,
			-math.Log(float64(i+2)), -math.Log(float64(i+3))))
		offsets = append(offsets, fmt.Sprint(6*i))
	}
	list := func(items []string) string { return "[" + strings.Join(items, ",") + "]" }
	return `{"tokens":` + list(tokens) + `,"token_logprobs":` + list(logprobs) + `,"top_logprobs":` + list(top) + `,"text_offset":` + list(offsets) + `}`
}
