//go:build !race

package contract

// much is the size of a hostile body.
const much = 16 << 20
