package contract

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// body is a request whose prompt is the given JSON.
func body(prompt string) string {
	return `{"model":"llama3.1:8b","prompt":` + prompt + `,"max_tokens":64,"temperature":0.7}`
}

func repeat(n int, item func(i int) string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = item(i)
	}
	return "[" + strings.Join(items, ",") + "]"
}

func BenchmarkAccept(b *testing.B) {
	id := func(i int) string { return fmt.Sprint(i * 7919 % 128_000) }
	prose := "The quick brown fox jumps over the lazy dog, twice.\\n"
	documents := []struct{ name, text string }{
		{"100B", body(`"Hello World"`)},
		{"1KB", `{"model":"llama3.1:8b","prompt":"` + strings.Repeat(prose, 12) + `","max_tokens":256,"temperature":0.7,` +
			`"top_p":0.95,"n":1,"stream":true,"stream_options":{"include_usage":true},"stop":["\n\n","END"],"seed":42,` +
			`"frequency_penalty":0.5,"presence_penalty":0,"logit_bias":{"50256":-100,"198":1.5},"user":"user-1234","top_k":40}`},
		{"100KB", body(`"` + strings.Repeat("All work and no play. ", 4700) + `"`)},
		{"100KB-prose", body(`"` + strings.Repeat(prose, 2000) + `"`)},
		{"100KB-wide", body(`"` + strings.Repeat("日本語の文章。", 4900) + `"`)},
		{"2k-ids", body(repeat(2_000, id))},
		{"100k-ids", body(repeat(100_000, id))},
		{"1000-strings", body(repeat(1_000, func(i int) string { return fmt.Sprintf(`"What is the capital of country %d?"`, i) }))},
	}
	p := program(b, "CompletionRequest", "model", "stream", "stream_options.include_usage")
	spans := make([]Span, 3)
	for _, d := range documents {
		document := []byte(d.text)
		b.Run(d.name, func(b *testing.B) {
			b.SetBytes(int64(len(document)))
			b.ReportAllocs()
			for b.Loop() {
				if !p.Accept(document, spans) {
					b.Fatal(p.Check(document, spans))
				}
			}
		})
		b.Run(d.name+"/json.Valid", func(b *testing.B) {
			b.SetBytes(int64(len(document)))
			for b.Loop() {
				if !json.Valid(document) {
					b.Fatal("invalid")
				}
			}
		})
		b.Run(d.name+"/json.Unmarshal", func(b *testing.B) {
			b.SetBytes(int64(len(document)))
			b.ReportAllocs()
			for b.Loop() {
				var v struct {
					Model  string
					Prompt any
					Stream bool
				}
				if err := json.Unmarshal(document, &v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkExplain refuses what BenchmarkAccept accepts, for its very last byte or so.
func BenchmarkExplain(b *testing.B) {
	ids := func(n int) string { return repeat(n, func(i int) string { return fmt.Sprint(i) }) }
	documents := []struct{ name, text string }{
		{"100B", strings.Replace(body(`"Hello World"`), "0.7", "2.1", 1)},
		{"100KB", strings.Replace(body(`"`+strings.Repeat("All work and no play. ", 4700)+`"`), "0.7", "2.1", 1)},
		{"100k-ids", strings.Replace(body(ids(100_000)), "]", `,"a"]`, 1)},
	}
	p := program(b, "CompletionRequest")
	for _, d := range documents {
		document := []byte(d.text)
		b.Run(d.name, func(b *testing.B) {
			b.SetBytes(int64(len(document)))
			b.ReportAllocs()
			for b.Loop() {
				if p.Check(document, nil) == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}

// BenchmarkHostile compares what it costs to refuse a hostile body with what it costs to accept a valid
// one of its size and shape, the two in turns: cpu-x is the ratio of their best times, mem-x what is
// allocated for the hostile one as a multiple of its size. They are to stay below 25 and 4.
func BenchmarkHostile(b *testing.B) {
	const size = 2 << 20
	p := program(b, "CompletionRequest")
	for _, h := range hostiles() {
		b.Run(h.name, func(b *testing.B) {
			hostile, valid := h.body(size), h.valid(size)
			if err := p.Check(valid, nil); err != nil {
				b.Fatal(err)
			}
			var used uint64
			dear, cheap := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
			for b.Loop() {
				used = allocated(func() { dear = min(dear, timed(func() { _ = p.Check(hostile, nil) })) })
				cheap = min(cheap, timed(func() { _ = p.Check(valid, nil) }))
			}
			b.ReportMetric(float64(dear)/float64(cheap), "cpu-x")
			b.ReportMetric(float64(used)/float64(len(hostile)), "mem-x")
		})
	}
}

func timed(work func()) time.Duration {
	start := time.Now()
	work()
	return time.Since(start)
}
