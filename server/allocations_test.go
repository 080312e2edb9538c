//go:build !race

package server_test

import "testing"

// The way in and out of an accepted request, a relay of net/http's included, is at most 35 allocations,
// however long the body is.
func TestAllocations(t *testing.T) {
	h := benchServer(t)
	for _, body := range benchBodies() {
		if n := testing.AllocsPerRun(100, newAsker(t, h, []byte(body.body)).ask); n > 35 {
			t.Errorf("%s: %.0f allocations", body.name, n)
		}
	}
}
