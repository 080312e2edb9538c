package record_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/record"
)

func TestNothingIsThereUnlessAsked(t *testing.T) {
	t.Setenv("SPECGATE_RECORD", "")
	next := &http.Transport{}
	if got := record.Transport(next, nil); got != http.RoundTripper(next) {
		t.Errorf("it is a %T", got)
	}
	if got := record.Transport(nil, nil); got != nil {
		t.Errorf("it is a %T", got)
	}
}

func TestExchangesAreKept(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("SPECGATE_RECORD", dir)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken" {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "half")
			return
		}
		_, _ = io.Copy(w, r.Body)
	}))
	defer backend.Close()
	client := &http.Client{Transport: record.Transport(nil, []byte("openapi: 3.0.3\n"))}
	defer client.CloseIdleConnections()
	for _, path := range []string{"/echo", "/broken"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, backend.URL+path, strings.NewReader("a body"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
	}
	got := kept(t, dir)
	if diff := cmp.Diff([]string{"/echo a body 200 a body ", "/broken a body 200 half unexpected EOF"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// kept are the records of a folder, each in a line. Their contract has to be beside them.
func kept(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(text)) {
		var e record.Exchange
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if spec, err := os.ReadFile(filepath.Join(dir, e.Spec)); err != nil || string(spec) != "openapi: 3.0.3\n" {
			t.Errorf("the contract is %q, %v", spec, err)
		}
		_, path, _ := strings.Cut(strings.TrimPrefix(e.URL, "http://"), "/")
		all = append(all, strings.Join([]string{"/" + path, string(e.Body), strconv.Itoa(e.Status), string(e.Answer.Body), e.Broken}, " "))
	}
	return all
}
