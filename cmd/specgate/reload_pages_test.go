package main

import (
	"fmt"
	"testing"
)

// Whoever keeps the contract asks whether it is still the one, and is told when it is another. The pages that show it are
// the same: they fetch it.
func TestReloadTellsThoseWhoKeepTheContract(t *testing.T) {
	t.Parallel()
	const settings = "reload: {watch: false}\n"
	g := startChanging(t, settings)
	kept := func(page, tag string, want int) string {
		t.Helper()
		got := g.do(g.request(t.Context(), "GET", page, nil, "If-None-Match: "+tag))
		if got.status != want || got.header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %d, %v", page, got.status, got.header)
		}
		return got.header.Get("ETag")
	}
	pages := []string{"/openapi.yaml", "/openapi.json", "/docs", "/playground"}
	first := map[string]string{}
	for _, page := range pages {
		first[page] = kept(page, `"none"`, 200)
		kept(page, first[page], 304)
	}
	g.write("overlay.yaml", fmt.Sprintf(shorter, 600))
	g.change(settings + "contract: {overlay: $dir/overlay.yaml}\n")
	for _, page := range pages[:2] {
		kept(page, kept(page, first[page], 200), 304)
	}
	for _, page := range pages[2:] {
		kept(page, first[page], 304)
	}
	g.change(settings)
	for _, page := range pages {
		kept(page, first[page], 304)
	}
}
