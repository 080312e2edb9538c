package tracecheck

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// marked stands in every prompt, completion, name and token.
const marked = "hush-7c2e"

// backend answers as OpenAI does, and keeps the trace contexts that it was sent.
type backend struct {
	*httptest.Server
	mu       sync.Mutex
	contexts []string
}

func newBackend(t *testing.T) *backend {
	t.Helper()
	b := &backend{}
	b.Server = httptest.NewServer(b)
	t.Cleanup(b.Close)
	return b
}

const (
	choice = `"object":"text_completion","created":1,"model":"m-0101","choices":[{"text":"` + marked + `","index":0,"logprobs":null,"finish_reason":"stop"}]`
	used   = `"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}`
)

// ServeHTTP answers.
func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.contexts = append(b.contexts, r.Header.Get("Traceparent"))
	b.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	switch {
	case strings.Contains(string(body), `"seed":500`):
		http.Error(w, `{"error":{"message":"`+marked+`"}}`, http.StatusInternalServerError)
	case strings.Contains(string(body), `"stream":true`):
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = fmt.Fprintf(w, "data: {\"id\":\"cmpl-2\",%s}\n\ndata: [DONE]\n\n", choice)
	default:
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"id":"cmpl-1",%s,%s}`, choice, used)
	}
}

// gateway is bin/specgate, as make build leaves it.
type gateway struct {
	t   *testing.T
	cmd *exec.Cmd
	url string
}

func startGateway(t *testing.T, b *backend, env ...string) *gateway {
	t.Helper()
	g := &gateway{t: t, cmd: exec.CommandContext(t.Context(), "../../bin/specgate", "serve", "--listen", "127.0.0.1:0", "--ops-listen", "")}
	g.cmd.Env = append(env, "OPENAI_BASE_URL="+b.URL+"/v1", "OPENAI_API_KEY="+marked+"-key", "SPECGATE_API_KEY="+marked+"-token", "OTEL_BSP_SCHEDULE_DELAY=20")
	log, err := g.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.cmd.Process.Kill() })
	lines, address := bufio.NewScanner(log), regexp.MustCompile(`msg=listening address=(\S+)`)
	for g.url == "" && lines.Scan() {
		if found := address.FindStringSubmatch(lines.Text()); found != nil {
			g.url = "http://" + found[1]
		}
	}
	go func() { _, _ = io.Copy(io.Discard, log) }()
	return g
}

// ask makes a request with a body whose members follow the model and the prompt, and returns the status.
func (g *gateway) ask(more string, header ...string) int {
	g.t.Helper()
	body := strings.NewReader(`{"model":"m","prompt":"` + marked + `","user":"` + marked + `"` + more + `}`)
	r, err := http.NewRequestWithContext(g.t.Context(), http.MethodPost, g.url+"/v1/completions", body)
	if err != nil {
		g.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+marked+"-token")
	r.Header.Set("Content-Type", "application/json")
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// end asks the gateway to end, and waits for it.
func (g *gateway) end() {
	g.t.Helper()
	if err := g.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		g.t.Fatal(err)
	}
	if err := g.cmd.Wait(); err != nil {
		g.t.Error(err)
	}
}
