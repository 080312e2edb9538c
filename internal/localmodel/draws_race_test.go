//go:build race

package localmodel

// draws is fewer under the race detector, which looks at something else and takes its time.
const draws = 2_000
