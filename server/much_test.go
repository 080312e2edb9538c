//go:build !race

package server_test

// much is the size of a hostile body, a little less than a body may have.
const much = 16<<20 - 8<<10
