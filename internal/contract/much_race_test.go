//go:build race

package contract

// much is the size of a hostile body; the race detector makes every byte some thirty times as dear.
const much = 1 << 20
