package main

import (
	"bufio"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/fakebackend"
)

const (
	someTrace = "0af7651916cd43dd8448eb211c80319c"
	toldUsage = `"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}`
)

// labelled is a metric of completions with its labels, as it is printed. upstream is empty where none was asked.
func labelled(metric, upstream, model, more string) string {
	provider := map[string]string{"a": "vllm", "b": "vllm", "default": "custom", "": "specgate", "embedded": "specgate"}[upstream]
	return fmt.Sprintf(`%s{%sgen_ai_operation_name="text_completion",gen_ai_provider_name=%q,gen_ai_request_model=%q,upstream=%q}`, metric, more, provider, model, upstream)
}

// What completions take and use is told by the models of the settings, and never by what a caller asked for.
func TestMetricsOfCompletions(t *testing.T) {
	t.Parallel()
	chunk := func(text string) string {
		return `{"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[{"text":"` + text + `","index":0,"logprobs":null,"finish_reason":null}]}`
	}
	usage := `{"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[],` + toldUsage + `}`
	backend := fakebackend.New(t,
		fakebackend.JSON(200, strings.TrimSuffix(answered, "}")+","+toldUsage+"}"),
		fakebackend.Events(fakebackend.Data(chunk("a")), fakebackend.Data(chunk("b")), fakebackend.Data(chunk("c")), fakebackend.Data(usage), fakebackend.Data("[DONE]")),
		fakebackend.JSON(500, `{"error":{"message":"no"}}`),
	)
	g := startBefore(t, several{"a": backend, "b": fakebackend.New(t, fakebackend.JSON(200, answered))}, `models: {m: {targets: [{upstream: a}]}, "x-*": {targets: [{upstream: b}]}}`+"\nhealth: {interval: 0s}\n", map[string]string{"a": ", kind: vllm", "b": ", kind: vllm"})
	for _, body := range []string{
		plainBody, `{"model":"x-1","prompt":"x"}`,
		`{"model":"m","prompt":"x","stream":true,"stream_options":{"include_usage":true}}`,
		`{"model":"m","prompt":"x","n":2}`, `{"model":"nobodys","prompt":"x"}`, `{"model":"m","prompt":"x","made_up":1,"made_up":2}`,
	} {
		g.send("POST", completions, body)
	}
	const error = `error_type=%q,`
	for metric, want := range map[string]string{
		labelled("gen_ai_server_request_duration_count", "a", "m", fmt.Sprintf(error, "")):                   "2",
		labelled("gen_ai_server_request_duration_count", "b", "x-*", fmt.Sprintf(error, "")):                 "1",
		labelled("gen_ai_server_request_duration_count", "a", "m", fmt.Sprintf(error, "other")):              "1",
		labelled("gen_ai_server_request_duration_count", "", "other", fmt.Sprintf(error, "model_not_found")): "1",
		labelled("gen_ai_server_time_to_first_token_count", "a", "m", ""):                                    "1",
		labelled("gen_ai_server_time_per_output_token_count", "a", "m", ""):                                  "1",
		`specgate_open_streams`: "0", `specgate_inflight_requests`: "0",
		`specgate_validation_errors_total{field="other",type="duplicate_key"}`: "1",
	} {
		g.mustCount(metric, want)
	}
	tokens := func(kind, suffix string) string {
		return fmt.Sprintf(`gen_ai_client_token_usage_%s{gen_ai_operation_name="text_completion",gen_ai_provider_name="vllm",gen_ai_request_model="m",gen_ai_token_type=%q,upstream="a"}`, suffix, kind)
	}
	g.mustCount(tokens("input", "sum"), "14")
	g.mustCount(tokens("output", "sum"), "6")
	if told := g.metrics(); strings.Contains(told, "nobodys") || strings.Contains(told, "made_up") {
		t.Errorf("what a caller asked for is a label:\n%s", told)
	}
}

// Times are seconds: of a stream that pauses after its first token they are held to what the caller saw, and the
// buckets to those of the conventions.
func TestTimesOfCompletions(t *testing.T) {
	t.Parallel()
	let := make(chan struct{})
	usage := `{"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}`
	g := start(t, func(c *fakebackend.Conn, _ *fakebackend.Request) {
		c.Head(200, fakebackend.EventStream)
		c.Chunk(fakebackend.Data(first))
		c.Await(let)
		c.Chunk(fakebackend.Data(last, usage, "[DONE]"))
		c.End()
	})
	began := time.Now()
	resp, err := g.client.Do(g.request(t.Context(), "POST", completions, strings.NewReader(`{"model":"m","prompt":"x","stream":true,"stream_options":{"include_usage":true}}`)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	in := bufio.NewReader(resp.Body)
	readLine(t, in)
	begun := time.Since(began)
	pause := max(50*time.Millisecond, 2*begun) // so that whatever counts the pause in is past its bound
	<-time.After(pause)
	close(let)
	readRest(t, in)
	took := time.Since(began)
	for metric, bounds := range map[string][2]time.Duration{
		labelled("gen_ai_server_request_duration_sum", "default", "other", `error_type="",`): {pause, took},
		labelled("gen_ai_server_time_to_first_token_sum", "default", "other", ""):            {0, begun},
		labelled("gen_ai_server_time_per_output_token_sum", "default", "other", ""):          {pause, took}, // of one token
	} {
		value, err := strconv.ParseFloat(g.value(metric), 64)
		if got := time.Duration(value * float64(time.Second)); err != nil || got <= 0 || got < bounds[0] || got > bounds[1] {
			t.Errorf("%s is %v, not %v to %v: %v", metric, got, bounds[0], bounds[1], err)
		}
	}
	for family, want := range map[string]string{
		"gen_ai_server_request_duration":      "0.01 0.02 0.04 0.08 0.16 0.32 0.64 1.28 2.56 5.12 10.24 20.48 40.96 81.92 +Inf",
		"gen_ai_server_time_to_first_token":   "0.001 0.005 0.01 0.02 0.04 0.06 0.08 0.1 0.25 0.5 0.75 1 2.5 5 7.5 10 +Inf",
		"gen_ai_server_time_per_output_token": "0.01 0.025 0.05 0.075 0.1 0.15 0.2 0.3 0.4 0.5 0.75 1 2.5 +Inf",
	} {
		var bounds []string
		for _, found := range regexp.MustCompile(family+`_bucket\{.*le="([^"]+)"`).FindAllStringSubmatch(g.metrics(), -1) {
			bounds = append(bounds, found[1])
		}
		if got := strings.Join(bounds, " "); got != want {
			t.Errorf("%s has the bounds %s", family, got)
		}
	}
}

// A stream that breaks has no time to its first token, and a status is the gateway's own or a class.
func TestMetricsOfFailures(t *testing.T) {
	t.Parallel()
	begun := "HTTP/1.1 200 OK\r\n" + fakebackend.EventStream + "\r\nConnection: close\r\n\r\n" + fakebackend.Data(first)
	replies := []fakebackend.Reply{fakebackend.Reset(begun)}
	for _, status := range []int{418, 429, 451, 501, 529} {
		replies = append(replies, fakebackend.JSON(status, `{"error":{"message":"no"}}`))
	}
	g := start(t, replies...)
	g.complete(`{"model":"m","prompt":"x","stream":true}`)
	for range replies[1:] {
		g.complete(plainBody)
	}
	if told := g.metrics(); strings.Contains(told, "gen_ai_server_time_to_first_token_count{") {
		t.Errorf("a broken stream has a first token:\n%s", told)
	}
	g.mustCount(labelled("gen_ai_server_request_duration_count", "default", "other", `error_type="upstream_error",`), "1")
	statuses := map[string]bool{}
	for _, found := range regexp.MustCompile(`specgate_requests_total\{.*status="([^"]+)"`).FindAllStringSubmatch(g.metrics(), -1) {
		statuses[found[1]] = true
	}
	if diff := cmp.Diff(map[string]bool{"200": true, "429": true, "4xx": true, "5xx": true}, statuses); diff != "" {
		t.Errorf("statuses (-want +got)\n%s", diff)
	}
}

// An observation leads to the trace of its request, and to its line in the log.
func TestExemplars(t *testing.T) {
	t.Parallel()
	g := start(t, fakebackend.JSON(200, answered))
	g.complete(plainBody, "traceparent: 00-"+someTrace+"-b7ad6b7169203331-01", "X-Request-Id: mine")
	req := g.request(t.Context(), "GET", "/metrics", nil, "Accept: application/openmetrics-text")
	req.URL.Host = strings.TrimPrefix(g.ops, "http://")
	if told := g.do(req).body; !strings.Contains(told, `trace_id="`+someTrace+`"`) || !strings.Contains(told, `request_id="mine"`) {
		t.Errorf("no exemplar in\n%s", told)
	}
	if line := g.log.String(); !strings.Contains(line, `"trace_id":"`+someTrace+`"`) {
		t.Errorf("no trace in\n%s", line)
	}
}

// A failure has its line, with where it came from; that of a stream which had begun says what broke.
func TestLinesOfFailures(t *testing.T) {
	t.Parallel()
	begun := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" +
		fakebackend.Data(`{"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[{"text":"a","index":0,"logprobs":null,"finish_reason":null}]}`)
	g := startWith(t, "", fakebackend.Reset(""), fakebackend.Reset(begun))
	for _, test := range []struct{ body, what, status string }{
		{plainBody, `"msg":"request failed"`, `"status":502`},
		{`{"model":"m","prompt":"x","stream":true}`, `"msg":"answer broke off"`, `"status":200`},
	} {
		g.complete(test.body)
		line := ""
		for l := range strings.Lines(g.log.String()) {
			if strings.Contains(l, `"level":"ERROR"`) {
				line = l
			}
		}
		for _, part := range []string{test.what, test.status, `"model":"m"`, `"upstream":"default"`, `"cause":`} {
			if !strings.Contains(line, part) {
				t.Errorf("no %s in %s", part, line)
			}
		}
	}
}
