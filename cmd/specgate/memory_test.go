//go:build linux && !race

package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/specgate/specgate/gen"
	"github.com/specgate/specgate/internal/record"
)

// The embedded model is for every machine: a thousand requests leave it below 60 MB, and the pages of its
// program, of which this one, with the tests in it, has three times as many.
func TestEmbeddedModelStaysSmall(t *testing.T) {
	const requests, limit = 1000, 60 << 10 // KiB
	p := startProcess(t, "")
	client := &http.Client{Transport: record.Transport(&http.Transport{}, gen.Spec)}
	for i := range requests {
		body := fmt.Sprintf(`{"model":"specgate-1","prompt":"The rain %d","max_tokens":%d,"n":%d,"logprobs":%d,"seed":%d}`, i, i%64, 1+i%3, i%6, i)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/v1/completions", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer sg-process")
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("request %d: status %d", i, resp.StatusCode)
		}
	}
	client.CloseIdleConnections()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`RssAnon:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		t.Fatal("the process has no RssAnon")
	}
	if resident, _ := strconv.Atoi(string(m[1])); resident > limit {
		t.Errorf("%d KiB are resident", resident)
	} else {
		t.Logf("%d KiB are resident", resident)
	}
}
