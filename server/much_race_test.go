//go:build race

package server_test

// much is the size of a hostile body; the race detector makes every byte some thirty times as dear.
const much = 1 << 20
