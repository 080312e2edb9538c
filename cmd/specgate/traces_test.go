package main

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/specgate/specgate/internal/fakebackend"
)

const (
	callersSpan = "b7ad6b7169203331"
	someContext = "00-" + someTrace + "-" + callersSpan + "-01"
	attemptOf   = "text_completion "
)

// oneModel are settings with a model that goes to one upstream of a kind.
func oneModel(kind string) string {
	return "upstreams: {gpu: {base_url: '${OPENAI_BASE_URL}', kind: " + kind + "}}\nmodels: {m: {targets: [{upstream: gpu}]}}\nhealth: {interval: 0s}\n"
}

// the attributes that a span must have; others do not matter.
func (s span) mustHave(t *testing.T, want map[string]any) {
	t.Helper()
	got := map[string]any{}
	for name := range want {
		got[name] = s.attributes[name]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got)\n%s\nof %v", s.name, diff, s.attributes)
	}
}

// A request is one trace, from the caller's span to the backend, and has one id on all sides.
func TestTraceOfACompletion(t *testing.T) {
	t.Parallel()
	told := strings.TrimSuffix(answered, "}") + `,"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10,"prompt_tokens_details":{"cached_tokens":5}}}`
	g, r := startTraced(t, map[string]string{
		"OTEL_SERVICE_NAME": "front", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
		"OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20in", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
	}, limitedTo("requests_per_minute: 5")+oneModel("openai"), fakebackend.JSON(200, told))
	g.complete(`{"model":"m","prompt":"x","max_tokens":9,"temperature":0.5,"top_p":1,"n":1,"seed":4,"stop":"y","user":"z"}`,
		"X-Request-Id: one", "traceparent: "+someContext, "tracestate: vendor=1")
	all := r.of("one")
	root := all[0]
	if names := []string{root.name, all[1].name, all[2].name, all[3].name}; !slices.Equal(names, []string{"POST /v1/completions", "validate", "limits", attemptOf + "m"}) {
		t.Fatalf("spans %q", names)
	}
	if root.trace != someTrace || root.parent != callersSpan || root.kind != tracepb.Span_SPAN_KIND_SERVER || root.failed || root.state != "vendor=1" {
		t.Errorf("the request's span is %+v", root)
	}
	want := map[string]any{
		"http.request.method": "POST", "http.route": completions, "http.response.status_code": 200, "url.scheme": "http", "network.protocol.name": "http",
		"network.protocol.version": "1.1", "http.response.header.x-request-id": []any{"one"},
		"specgate.principal": "caller", "specgate.upstream": "gpu", "specgate.attempts": 1,
	}
	if diff := cmp.Diff(want, root.attributes); diff != "" {
		t.Errorf("of the request (-want +got)\n%s", diff)
	}
	attempt := all[3]
	port := attempt.attributes["server.port"]
	want = map[string]any{
		"gen_ai.operation.name": "text_completion", "gen_ai.provider.name": "openai", "gen_ai.request.model": "m", "specgate.upstream": "gpu",
		"gen_ai.request.max_tokens": 9, "gen_ai.request.temperature": 0.5, "gen_ai.request.top_p": 1.0, "gen_ai.request.choice.count": 1, "gen_ai.request.seed": 4,
		"gen_ai.response.id": "cmpl-1", "gen_ai.response.model": "m", "gen_ai.response.finish_reasons": []any{"stop"},
		"gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 3, "gen_ai.usage.cache_read.input_tokens": 5,
		"server.address": "127.0.0.1", "server.port": port, "http.request.header.x-request-id": []any{"one"},
	}
	if diff := cmp.Diff(want, attempt.attributes); diff != "" || attempt.kind != tracepb.Span_SPAN_KIND_CLIENT || attempt.failed {
		t.Errorf("of the attempt (-want +got)\n%s\n%+v", diff, attempt)
	}
	sent := g.received("one").Header
	if got := sent.Get("Traceparent"); got != "00-"+someTrace+"-"+attempt.id+"-01" || sent.Get("Tracestate") != "vendor=1" {
		t.Errorf("the backend was told %s, %s; the attempt is %s", got, sent.Get("Tracestate"), attempt.id)
	}
	g.log.await(t, `"msg":"request"`, `"id":"one"`, `"trace_id":"`+someTrace+`"`)
	if r.path != "/v1/traces" || r.header.Get("Authorization") != "Bearer in" || r.header.Get("Content-Type") != "application/x-protobuf" {
		t.Errorf("posted to %s with %v", r.path, r.header)
	}
	if id, ok := r.process["service.instance.id"].(string); !ok || len(id) != 36 {
		t.Errorf("the process has the id %v", r.process["service.instance.id"])
	}
	if r.process["service.name"] != "front" || r.process["deployment.environment.name"] != "test" || r.process["telemetry.sdk.language"] != "go" {
		t.Errorf("the process is %v", r.process)
	}
	g.eventually(`specgate_trace_spans_total{result="exported"}`, "4")
}

// The span of a stream ends with the stream, and knows when that began to speak.
func TestTraceOfAStream(t *testing.T) {
	t.Parallel()
	usage := `{` + names + `,"choices":[],` + toldUsage + `}`
	g, r := startTraced(t, nil, oneModel("vllm"), fakebackend.Events(fakebackend.Data(piece("a", "null", ""), piece("b", `"length"`, ""), usage, "[DONE]")))
	g.complete(`{"model":"m","prompt":"x","stream":true,"stream_options":{"include_usage":true}}`, "X-Request-Id: s")
	all := r.of("s")
	attempt := all[2]
	attempt.mustHave(t, map[string]any{
		"gen_ai.request.stream": true, "gen_ai.provider.name": "vllm", "gen_ai.response.finish_reasons": []any{"length"},
		"gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 3, "error.type": nil,
	})
	if first, ok := attempt.attributes["gen_ai.response.time_to_first_chunk"].(float64); !ok || first <= 0 || !slices.Equal(attempt.events, []string{"first token"}) {
		t.Errorf("the first token is told as %v, %q", attempt.attributes, attempt.events)
	}
	if root := all[0]; root.end < attempt.end || root.failed || root.attributes["http.response.status_code"] != 200 {
		t.Errorf("%+v", root)
	}
}

// A stream that breaks is a failure, though its status is 200.
func TestTraceOfAStreamThatBreaks(t *testing.T) {
	t.Parallel()
	begun := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" + fakebackend.Data(piece("a", "null", ""))
	g, r := startTraced(t, nil, oneModel("vllm"), fakebackend.Reset(begun))
	g.complete(`{"model":"m","prompt":"x","stream":true}`, "X-Request-Id: s")
	all := r.of("s")
	all[0].mustHave(t, map[string]any{"http.response.status_code": 200, "error.type": "upstream_error"})
	all[2].mustHave(t, map[string]any{"error.type": "upstream_error"})
	if !all[0].failed || !all[2].failed {
		t.Errorf("%+v", all)
	}
}

// Attempts are beside each other: those for another try, and those for the parts of one request.
func TestTraceOfSeveralAttempts(t *testing.T) {
	t.Parallel()
	settings := strings.Replace(oneModel("vllm"), "upstreams: {", "upstreams: {z: {base_url: '${OPENAI_BASE_URL}', kind: ollama}, ", 1)
	settings = strings.Replace(settings, "models: {", "models: {o: {targets: [{upstream: z, model: o:8b}]}, ", 1)
	replies := script{
		"again": fakebackend.JSON(503, `{"error":{"message":"no","code":"`+secret+`"}}`, "Retry-After-Ms: 1"), "parts": fakebackend.JSON(200, answered),
	}
	g, r := startTraced(t, nil, settings, replies.reply)
	g.complete(plainBody, "X-Request-Id: again")
	tries := spansNamed(r.of("again"), attemptOf+"m")
	if len(tries) != 2 || !tries[0].failed || tries[0].attributes["http.request.resend_count"] != nil {
		t.Fatalf("%+v", tries)
	}
	tries[0].mustHave(t, map[string]any{"error.type": "503"})
	tries[1].mustHave(t, map[string]any{"error.type": "503", "http.request.resend_count": 1})
	r.of("again")[0].mustHave(t, map[string]any{"specgate.attempts": 2, "http.response.status_code": 503, "error.type": "other"})
	g.complete(`{"model":"o","prompt":["x","y","z"]}`, "X-Request-Id: parts")
	parts := spansNamed(r.of("parts"), attemptOf+"o:8b")
	sent := map[string]bool{}
	for _, req := range g.backend.Requests() {
		sent[req.Header.Get("Traceparent")] = true
	}
	for _, s := range parts {
		s.mustHave(t, map[string]any{"gen_ai.provider.name": "ollama", "gen_ai.request.model": "o:8b"})
		if !sent["00-"+s.trace+"-"+s.id+"-01"] {
			t.Errorf("no part was sent as %s", s.id)
		}
	}
	if len(parts) != 3 {
		t.Errorf("%d attempts for three parts", len(parts))
	}
}

// What is refused has the span of that which refused it, and is no failure of the gateway's.
func TestTraceOfRefusals(t *testing.T) {
	t.Parallel()
	g, r := startTraced(t, nil, limitedTo("requests_per_minute: 3")+oneModel("vllm"), fakebackend.JSON(200, answered))
	g.complete(`{"model":"m","prompt":"x","n":0,"temperature":9,"`+secret+`":1,"`+secret+`":2}`, "X-Request-Id: 422")
	all := r.of("422")
	all[0].mustHave(t, map[string]any{"http.response.status_code": 422, "specgate.error.code": "greater_than_equal", "error.type": nil})
	all[1].mustHave(t, map[string]any{
		"specgate.error.code": "greater_than_equal", "specgate.validation.violations": 3, "specgate.validation.fields": []any{"n", "other", "temperature"},
		"specgate.validation.types": []any{"duplicate_key", "greater_than_equal", "less_than_equal"},
	})
	g.complete(plainBody, "Content-Type: text/plain", "X-Request-Id: 415")
	r.of("415")[1].mustHave(t, map[string]any{"specgate.error.code": "unsupported_media_type", "specgate.validation.violations": 0})
	g.complete(plainBody)
	g.complete(plainBody, "X-Request-Id: 429")
	all = r.of("429")
	all[0].mustHave(t, map[string]any{"http.response.status_code": 429, "specgate.error.code": "rate_limit_exceeded"})
	limit := spansNamed(all, "limits")[0]
	limit.mustHave(t, map[string]any{"specgate.limits.scope": "token", "specgate.limits.limit": "requests_per_minute"})
	g.complete(plainBody, "Authorization: Bearer nobody", "X-Request-Id: 401")
	g.send("GET", "/none/"+secret, "", "X-Request-Id: 404")
	for id, name := range map[string]string{"401": "POST /v1/completions", "404": "GET"} {
		if all := r.of(id); len(all) != 1 || all[0].name != name || all[0].failed {
			t.Errorf("%s: %+v", id, all)
		}
	}
	g.do(g.request(t.Context(), "GET", "/healthz", nil, "X-Request-Id: page"))
	g.send("GET", "/v1/models", "", "X-Request-Id: last")
	r.of("last")
	if found, _ := r.find("page"); found != nil {
		t.Errorf("a page is traced: %+v", found)
	}
}

// A caller who leaves is told apart from a failure.
func TestTraceOfACallerWhoLeaves(t *testing.T) {
	t.Parallel()
	begun := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + fakebackend.Data(piece("a", "null", ""))
	g, r := startTraced(t, nil, oneModel("vllm"), fakebackend.Stall(begun))
	ctx, leave := context.WithCancel(t.Context())
	resp, err := g.client.Do(g.request(ctx, "POST", completions, strings.NewReader(`{"model":"m","prompt":"x","stream":true}`), "X-Request-Id: left"))
	if err != nil {
		t.Fatal(err)
	}
	readUntil(t, resp.Body, "data: ")
	leave()
	_ = resp.Body.Close()
	all := r.of("left")
	all[0].mustHave(t, map[string]any{"error.type": "client_closed", "specgate.error.code": "client_closed"})
	all[2].mustHave(t, map[string]any{"error.type": "cancelled"})
	if all[0].failed || all[2].failed {
		t.Errorf("%+v", all)
	}
}

// What a caller says of its trace is taken in where it makes sense, and decides whether there is one.
func TestTraceContext(t *testing.T) {
	t.Parallel()
	const unsampled = "00-" + someTrace + "-" + callersSpan + "-00"
	for _, test := range []struct {
		name, sent     string
		env            map[string]string
		joined, traced bool
	}{
		{name: "none", traced: true},
		{name: "malformed", sent: "00-" + someTrace + "-" + callersSpan, traced: true},
		{name: "zeros", sent: "00-00000000000000000000000000000000-" + callersSpan + "-01", traced: true},
		{name: "sampled", sent: someContext, joined: true, traced: true},
		{name: "unsampled", sent: unsampled, joined: true},
		{name: "unsampled, always on", sent: unsampled, env: map[string]string{"OTEL_TRACES_SAMPLER": "always_on"}, joined: true, traced: true},
		{name: "ratio of none", env: map[string]string{"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g, r := startTraced(t, test.env, oneModel("vllm"), fakebackend.JSON(200, answered))
			g.complete(plainBody, "X-Request-Id: one", "traceparent: "+test.sent, "Baggage: a="+secret)
			flags := map[bool]string{true: "01", false: "00"}[test.traced]
			sent := strings.Split(g.received("one").Header.Get("Traceparent"), "-")
			if len(sent) != 4 || len(sent[2]) != 16 || sent[2] == callersSpan || sent[3] != flags || (sent[1] == someTrace) != test.joined {
				t.Fatalf("the backend was told %q", sent)
			}
			g.log.await(t, `"msg":"request"`, `"trace_id":"`+sent[1]+`"`)
			if test.traced {
				if got := r.of("one")[0].trace; got != sent[1] {
					t.Errorf("the trace is %s, and the backend was told %s", got, sent[1])
				}
			} else if g.mustCount(`specgate_trace_spans_total{result="exported"}`, "0"); len(r.spans) > 0 {
				t.Errorf("%d spans of what is not to be traced", len(r.spans))
			}
			if baggage := g.received("one").Header.Get("Baggage"); baggage != "" {
				t.Errorf("the backend got baggage: %s", baggage)
			}
			req := g.request(t.Context(), "GET", "/metrics", nil, "Accept: application/openmetrics-text")
			req.URL.Host = strings.TrimPrefix(g.ops, "http://")
			if told := strings.Contains(g.do(req).body, `trace_id="`+sent[1]+`"`); told != test.traced {
				t.Errorf("an exemplar with the trace: %v", told)
			}
		})
	}
}

// Without propagators nothing is taken in, and nothing is passed on; with baggage that is passed on too.
func TestPropagators(t *testing.T) {
	t.Parallel()
	for propagators, want := range map[string][2]bool{"none": {false, false}, "baggage": {false, true}, "tracecontext,baggage": {true, true}} {
		g, r := startTraced(t, map[string]string{"OTEL_PROPAGATORS": propagators}, oneModel("vllm"), fakebackend.JSON(200, answered))
		g.complete(plainBody, "X-Request-Id: one", "traceparent: "+someContext, "tracestate: a=b", "Baggage: c=d")
		sent := g.received("one").Header
		joined := r.of("one")[0].trace == someTrace
		if got := [2]bool{sent["Traceparent"] != nil && sent["Tracestate"] != nil && joined, sent.Get("Baggage") == "c=d"}; got != want || joined != want[0] {
			t.Errorf("%s: %v, joined %v", propagators, sent, joined)
		}
	}
}

// The model in the process is traced as a backend is, without a connection.
func TestTraceOfTheEmbeddedModel(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	g := startIn(t, map[string]string{"OPENAI_BASE_URL": "", "OPENAI_API_KEY": "", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": r.URL + "/in", "OTEL_BSP_SCHEDULE_DELAY": "10"}, "")
	if got := g.complete(`{"model":"specgate-1","prompt":"x"}`, "X-Request-Id: one"); got.status != 200 {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	attempt := spansNamed(r.of("one"), attemptOf+"specgate-1")[0]
	attempt.mustHave(t, map[string]any{"gen_ai.provider.name": "specgate", "gen_ai.usage.input_tokens": 1, "server.address": nil})
	g.mustCount(labelled("gen_ai_server_request_duration_count", "embedded", "specgate-1", `error_type="",`), "1")
	if r.path != "/in" || attempt.kind != tracepb.Span_SPAN_KIND_INTERNAL {
		t.Errorf("%s, %v", r.path, attempt.kind)
	}
}

// A receiver that is not there costs no request anything: spans are lost, counted, and told of now and then, and at the end.
func TestTracesWithoutAReceiver(t *testing.T) {
	t.Parallel()
	const requests = 40
	g := startIn(t, map[string]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT": deadAddress(t), "OTEL_BSP_SCHEDULE_DELAY": "1", "OTEL_BSP_MAX_QUEUE_SIZE": "6", "OTEL_BSP_EXPORT_TIMEOUT": "50",
	}, oneModel("vllm"), fakebackend.JSON(200, answered))
	for range requests {
		if got := g.complete(plainBody); got.status != 200 {
			t.Fatalf("got %d %s", got.status, got.body)
		}
	}
	line := g.log.await(t, `"msg":"spans are lost"`)
	if !strings.Contains(line, `"level":"WARN"`) {
		t.Error(line)
	}
	g.end()
	if err := g.awaitEnd(); err != nil {
		t.Error(err)
	}
	g.free()
	if counted := g.dropped(); counted != 3*requests {
		t.Errorf("%d spans are counted as dropped, of %d", counted, 3*requests)
	}
	told := 0
	lines := regexp.MustCompile(`"msg":"spans are lost","dropped":(\d+)`).FindAllStringSubmatch(g.log.String(), -1)
	for _, line := range lines {
		n, _ := strconv.Atoi(line[1])
		told += n
	}
	if len(lines) > 2 || told != 3*requests {
		t.Errorf("the log says so %d times, of %d spans", len(lines), told)
	}
}

// dropped is how many spans were lost, as the metrics have it, which can be asked after the end too.
func (g *running) dropped() (n int) {
	g.t.Helper()
	families, err := g.tells.Gather()
	if err != nil {
		g.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "specgate_trace_spans_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() == "dropped" {
				n = int(m.GetCounter().GetValue())
			}
		}
	}
	return n
}

// What is left is sent when the gateway ends.
func TestTracesAreSentAtTheEnd(t *testing.T) {
	t.Parallel()
	g, r := startTraced(t, map[string]string{"OTEL_BSP_SCHEDULE_DELAY": "3600000"}, oneModel("vllm"), fakebackend.JSON(200, answered))
	g.complete(plainBody, "X-Request-Id: one")
	if found, _ := r.find("one"); found != nil {
		t.Fatal("it was sent before")
	}
	g.end()
	if err := g.awaitEnd(); err != nil {
		t.Error(err)
	}
	g.free()
	if all := r.of("one"); len(all) != 3 {
		t.Errorf("%+v", all)
	}
}

// Neither spans nor what is said of the process repeat what passes through the gateway.
func TestTracesKeepSecrets(t *testing.T) {
	t.Parallel()
	g, r := startTraced(t, map[string]string{"OTEL_EXPORTER_OTLP_HEADERS": "x-key=" + secret, "OTEL_PROPAGATORS": "tracecontext,baggage"}, `
auth: {tokens: [{name: friend, token: `+secret+`-token, limits: {tokens_per_minute: 1000000}}]}
upstreams: {gpu: {base_url: '${OPENAI_BASE_URL}', kind: vllm, api_key: `+secret+`-key, organization: `+secret+`-org, project: `+secret+`-project}}
`, indiscreet.reply)
	header := []string{
		"Authorization: Bearer " + secret + "-token", "Cookie: a=" + secret, "User-Agent: " + secret, "Baggage: a=" + secret,
		"Traceparent: " + someContext, "Tracestate: a=" + secret + "-token", "Referer: http://" + secret, "OpenAI-Organization: org-" + secret, "OpenAI-Project: proj_" + secret,
	}
	body := func(more string) string {
		return `{"model":"` + secret + `","prompt":"` + secret + `","suffix":"` + secret + `","stop":"` + secret + `","user":"` + secret + `"` + more + `}`
	}
	for id := range indiscreet {
		for _, more := range []string{"", `,"stream":true`, `,"n":2`} {
			g.do(g.request(t.Context(), "POST", completions, strings.NewReader(body(more)), append(header, "X-Request-Id: "+id)...))
		}
	}
	for _, refused := range []string{body(`,"n":0,"temperature":"` + secret + `"`), body(`,"` + secret + `":1,"` + secret + `":2`), body("")[:40], secret} {
		g.do(g.request(t.Context(), "POST", completions, strings.NewReader(refused), header...))
	}
	g.do(g.request(t.Context(), "POST", completions+"?key="+secret, strings.NewReader(body("")), "Authorization: Bearer "+secret))
	g.do(g.request(t.Context(), "GET", "/v1/models/"+secret, nil, header...))
	g.do(g.request(t.Context(), strings.ToUpper(strings.ReplaceAll(secret, "-", "")), "/v1/"+secret, nil, header...))
	g.do(g.request(t.Context(), "GET", "/v1/models", nil, append(header, "X-Request-Id: the-last")...))
	r.of("the-last")
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, marked := range []string{secret, strings.ToUpper(strings.ReplaceAll(secret, "-", ""))} {
		if at := strings.Index(r.raw.String(), marked); at >= 0 {
			t.Errorf("%s is told, in %q", marked, r.raw.String()[max(0, at-80):min(r.raw.Len(), at+80)])
		}
	}
	if n := len(indiscreet) * 3 * 2; len(r.spans) < n {
		t.Errorf("only %d spans came of more than %d", len(r.spans), n)
	}
}

// A token goes neither to the receiver of spans nor to the backend in what says of traces and programs: the caller's own,
// one of the settings, and what reads as a managed key. What else stands beside it goes on.
func TestHeadersOfTracesTellNoToken(t *testing.T) {
	t.Parallel()
	const others, operators = "the-token-of-another", "the-token-of-operators"
	managed := "sg-" + strings.Repeat("a2", 38)
	settings := "ops: {token: " + operators + "}\nauth: {tokens: [{name: caller, token: " + testToken + "}, {name: other, token: " + others + "}]}\n" + oneModel("vllm")
	env := map[string]string{"OTEL_PROPAGATORS": "tracecontext,baggage"}
	traced, r := startTraced(t, env, settings, fakebackend.JSON(200, answered))
	plain := startWith(t, settings, fakebackend.JSON(200, answered))
	for i, token := range []string{testToken, others, operators, managed} {
		id := "told-" + strconv.Itoa(i)
		header := []string{
			"X-Request-Id: " + id, "User-Agent: curl/8 " + token, "traceparent: " + someContext, "tracestate: a=" + token + ",b=1", "tracestate: c=x" + token,
			"Baggage: a=" + token + ",b=1;c=2",
		}
		for g, baggage := range map[*running]string{traced: "b=1;c=2", plain: ""} {
			g.complete(plainBody, header...)
			sent := g.received(id).Header
			got := []string{sent.Get("User-Agent"), sent.Get("Tracestate"), sent.Get("Baggage")}
			if diff := cmp.Diff([]string{"specgate", "b=1", baggage}, got); diff != "" || sent.Get("Traceparent") == "" {
				t.Errorf("%s: sent to the backend (-want +got)\n%s", token, diff)
			}
		}
		for _, s := range r.of(id) {
			if s.state != "b=1" {
				t.Errorf("%s: %s has the state %q", token, s.name, s.state)
			}
		}
		plain.complete(plainBody, "X-Request-Id: parent-"+id, "traceparent: cc"+strings.TrimPrefix(someContext, "00")+"-"+token)
		if sent := plain.received("parent-" + id).Header.Get("Traceparent"); sent != "" {
			t.Errorf("the backend was told %s", sent)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, token := range []string{testToken, others, operators, managed} {
		if strings.Contains(r.raw.String(), token) {
			t.Errorf("%s is told", token)
		}
	}
}

// A wait for a place is seen, whether it led to one or not.
func TestTraceOfAWaitInTheQueue(t *testing.T) {
	t.Parallel()
	for patience, want := range map[string]struct {
		spans  []string
		failed bool
		kind   any
	}{
		"0s":  {[]string{"POST /v1/completions", "validate", "queue", attemptOf + "m"}, false, nil},
		"1ms": {[]string{"POST /v1/completions", "validate", "queue"}, true, "unavailable"},
	} {
		t.Run(patience, func(t *testing.T) {
			t.Parallel()
			reply, asked, let := held(fakebackend.JSON(200, answered))
			g, r := startTraced(t, nil, "upstreams: {gpu: {base_url: '${OPENAI_BASE_URL}', max_concurrent: 1, queue_timeout: "+patience+"}}\n"+
				"models: {m: {targets: [{upstream: gpu}]}}\nhealth: {interval: 0s}\n", reply)
			got := make(chan tried, 2)
			go func() { got <- g.try() }()
			<-asked
			go func() { got <- g.try("X-Request-Id: waits") }()
			if want.failed {
				<-got
			} else {
				g.eventually(`specgate_upstream_queued{upstream="gpu"}`, "1")
			}
			close(let)
			all := r.of("waits")
			var names []string
			for _, s := range all {
				names = append(names, s.name)
			}
			if !slices.Equal(names, want.spans) {
				t.Fatalf("spans %q", names)
			}
			queue := all[2]
			queue.mustHave(t, map[string]any{"specgate.upstream": "gpu", "error.type": want.kind})
			if queue.failed != want.failed || queue.begin >= queue.end || queue.begin < all[0].begin || queue.end > all[len(all)-1].end {
				t.Errorf("%+v", all)
			}
			<-got
		})
	}
}
