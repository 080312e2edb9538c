package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/specgate/specgate/internal/fakebackend"
)

const (
	someTrace = "0af7651916cd43dd8448eb211c80319c"
	toldUsage = `"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}`
)

// labelled is a metric of completions with its labels, as it is printed.
func labelled(metric, provider, model, more string) string {
	return fmt.Sprintf(`%s{%sgen_ai_operation_name="text_completion",gen_ai_provider_name=%q,gen_ai_request_model=%q}`, metric, more, provider, model)
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
		fakebackend.JSON(200, answered),
		fakebackend.Events(fakebackend.Data(chunk("a")), fakebackend.Data(chunk("b")), fakebackend.Data(chunk("c")), fakebackend.Data(usage), fakebackend.Data("[DONE]")),
		fakebackend.JSON(500, `{"error":{"message":"no"}}`),
	)
	g := startBefore(t, several{"a": backend}, `models: {m: {targets: [{upstream: a}]}, "x-*": {targets: [{upstream: a}]}}`+"\nhealth: {interval: 0s}\n", map[string]string{"a": ", kind: vllm"})
	for _, body := range []string{
		plainBody, `{"model":"x-1","prompt":"x"}`,
		`{"model":"m","prompt":"x","stream":true,"stream_options":{"include_usage":true}}`,
		`{"model":"m","prompt":"x","n":2}`, `{"model":"nobodys","prompt":"x"}`, `{"model":"m","prompt":"x","made_up":1,"made_up":2}`,
	} {
		g.send("POST", completions, body)
	}
	const error = `error_type=%q,`
	for metric, want := range map[string]string{
		labelled("gen_ai_server_request_duration_count", "vllm", "m", fmt.Sprintf(error, "")):                        "2",
		labelled("gen_ai_server_request_duration_count", "vllm", "x-*", fmt.Sprintf(error, "")):                      "1",
		labelled("gen_ai_server_request_duration_count", "vllm", "m", fmt.Sprintf(error, "other")):                   "1",
		labelled("gen_ai_server_request_duration_count", "specgate", "other", fmt.Sprintf(error, "model_not_found")): "1",
		labelled("gen_ai_server_time_to_first_token_count", "vllm", "m", ""):                                         "1",
		labelled("gen_ai_server_time_per_output_token_count", "vllm", "m", ""):                                       "1",
		`specgate_open_streams`: "0", `specgate_inflight_requests`: "0",
		`specgate_validation_errors_total{field="other",type="duplicate_key"}`: "1",
	} {
		g.mustCount(metric, want)
	}
	tokens := func(kind, suffix string) string {
		return fmt.Sprintf(`gen_ai_client_token_usage_%s{gen_ai_operation_name="text_completion",gen_ai_provider_name="vllm",gen_ai_request_model="m",gen_ai_token_type=%q}`, suffix, kind)
	}
	g.mustCount(tokens("input", "sum"), "14")
	g.mustCount(tokens("output", "sum"), "6")
	if told := g.metrics(); strings.Contains(told, "nobodys") || strings.Contains(told, "made_up") {
		t.Errorf("what a caller asked for is a label:\n%s", told)
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
