//go:build !race

package localmodel

// draws is how many tokens a distribution is judged by.
const draws = 20_000
