package upstream_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/specgate/specgate/internal/fakebackend"
)

func BenchmarkComplete(b *testing.B) {
	client := newClient(b, fakebackend.New(b, fakebackend.JSON(200, answer)).URL)
	ctx := caller(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Complete(ctx, plain()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStream gives the price of a chunk, of 1,000 in a stream.
func BenchmarkStream(b *testing.B) {
	const count = 1000
	chunks := map[string]string{
		"conforming":       chunkOf(" there", "null"),
		"zero usage":       chunkOf(" there", "null", `,"usage":`+zeroUsage),
		"without logprobs": "{" + labels + `,"choices":[{"text":" there","index":0,"finish_reason":null}]}`,
		"chat logprobs":    chatChunk(0, `{"token":" there","bytes":[32,116,104,101,114,101],"logprob":-0.1,"top_logprobs":[{"token":" there","logprob":-0.1}]}`),
	}
	for name, chunk := range chunks {
		b.Run(name, func(b *testing.B) {
			body := strings.Repeat(fakebackend.Data(chunk), count) + fakebackend.Data("[DONE]")
			client := newClient(b, fakebackend.New(b, fakebackend.Events(body)).URL)
			ctx := caller(b)
			b.ReportAllocs()
			for b.Loop() {
				answer, err := client.Complete(ctx, streamed())
				for err == nil {
					_, err = answer.Stream.Next()
				}
				if !errors.Is(err, io.EOF) {
					b.Fatal(err)
				}
				_ = answer.Stream.Close()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/count, "ns/chunk")
		})
	}
}
