package main

import (
	"fmt"
	"time"
)

const waysHead = "| way | answers a second | throughput of bare | CPU of bare | CPU a request: gateway | PostgreSQL | Redis | " +
	"scripts a request | µs of each | p50 | p99 | connections to PostgreSQL | failed |\n" +
	"|---|---|---|---|---|---|---|---|---|---|---|---|---|\n"

// reportWays prints medians of the rounds, ratios by the rounds' own bare turns; of connections the most there were.
func reportWays(load shape, ways []way, turns map[string][]spent) {
	fmt.Printf("\n%s, 64 connections\n%s", load.name, waysHead)
	for _, w := range ways {
		list := turns[w.name]
		of := func(get func(spent) float64) float64 {
			return median(list, func(i int, t spent) float64 { return get(t) / get(turns["bare"][i]) })
		}
		mid := func(get func(spent) float64) float64 {
			return median(list, func(_ int, t spent) float64 { return get(t) })
		}
		took := func(get func(spent) time.Duration) time.Duration {
			return time.Duration(mid(func(t spent) float64 { return float64(get(t)) }))
		}
		least, most, failed := list[0].rate, 0, 0
		for _, t := range list {
			least, most, failed = min(least, t.rate), max(most, t.connections), failed+t.failed
		}
		fmt.Printf("| %s | %.0f, at least %.0f | %.2f | %.2f | %d µs | %d µs | %d µs | %.2f | %.0f | %s | %s | %d | %d |\n", w.name,
			mid(func(t spent) float64 { return t.rate }), least,
			of(func(t spent) float64 { return t.rate }), of(func(t spent) float64 { return float64(t.cpu) }),
			took(func(t spent) time.Duration { return t.cpu }).Microseconds(),
			took(func(t spent) time.Duration { return t.postgres }).Microseconds(),
			took(func(t spent) time.Duration { return t.redis }).Microseconds(),
			mid(func(t spent) float64 { return t.calls }), mid(func(t spent) float64 { return t.micros / max(t.calls, 0.01) }),
			short(took(func(t spent) time.Duration { return t.p50 })), short(took(func(t spent) time.Duration { return t.p99 })), most, failed)
	}
}
