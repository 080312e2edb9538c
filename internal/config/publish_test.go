package config_test

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/specgate/specgate/internal/config"
)

func TestPublishedFilesAreOfTheseSettings(t *testing.T) {
	schema, err := config.Schema()
	if err != nil {
		t.Fatal(err)
	}
	secrets, err := config.SecretList()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]byte{
		"../../docs/config.md": config.Docs(), "../../docs/config.schema.json": schema, "../../deploy/helm/specgate/files/secrets.json": secrets,
	} {
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is not what the settings make; run make generate (-want +got):\n%s", path, diff)
		}
	}
}

func TestDocsHaveAnExampleThatWorks(t *testing.T) {
	example := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(config.Docs())
	if example == nil {
		t.Fatal("no example")
	}
	c := load(t, write(t, string(example[1])), nil, env{"SEARCH_TOKEN": "a", "GPU_KEY": "b"})
	if len(c.Auth.Tokens) != 2 || c.Upstreams["gpu"].APIKey.Reveal() != "b" {
		t.Errorf("the example gives %+v", c)
	}
}

// Every variable that Load asks for is in the documentation.
func TestDocsHaveEveryVariable(t *testing.T) {
	docs := string(config.Docs())
	_, _ = config.Load("", nil, func(name string) string {
		if !strings.Contains(docs, "`"+name+"`") {
			t.Errorf("%s is not documented", name)
		}
		if name == "OPENAI_BASE_URL" {
			return "http://gpu/v1"
		}
		return ""
	})
}

func TestSchemaAgreesWithLoad(t *testing.T) {
	schema := compile(t)
	accepted := []string{
		"",
		backend,
		backend + "log:\nlimits: {body: 1024, inflight_bytes: 1 GiB, max_concurrent: \"${N}\"}\n",
		backend + "stream: {keepalive: 0, write_timeout: 1m30s}\nauth: {tokens: [{token: a, models: [\"*\"]}]}\n",
		backend + "models:\n  \"a.b:*\": {targets: [{upstream: gpu, weight: 3}, {upstream: gpu, priority: \"${N}\", model: m}]}\n",
		backend + "retry: {attempts: 1, budget: 0.5, on_reset: true}\nhealth: {interval: 0}\n",
		backend + "faults: {file: faults.yaml, allow: true}\n",
		backend + "h2c: true\ntls: {cert_file: a, key_file: b, min_version: 1.2}\n",
		backend + "tls: {min_version: \"1.3\"}\n",
		backend + "faults: {allow: \"${YES}\"}\n",
		backend + "limits:\n  body: ${SIZE}\n  header_timeout: ${TIME}\nlog:\n  level: ${LEVEL}\n",
	}
	refused := []string{
		"listn: x\n",
		backend + "retry: {budget: much}\n",
		backend + "models: {m: {targets: [{upstreams: gpu}]}}\n",
		backend + "limits: {body: 16MB}\n",
		backend + "limits: {body: -1}\n",
		backend + "limits: {max_concurrent: many}\n",
		backend + "stream: {keepalive: 15}\n",
		backend + "log: {level: loud}\n",
		backend + "tls: {min_version: 1.1}\n",
		backend + "auth: {tokens: a}\n",
		backend + "faults: {allow: 1}\n",
		"upstreams: {gpu: {base_url: http://gpu/v1, kind: other}}\n",
		"upstreams: {a b: {base_url: http://gpu/v1}}\n",
		"upstreams: {gpu: {base_urll: http://gpu/v1}}\n",
	}
	e := env{"N": "1", "YES": "true", "SIZE": "1MiB", "TIME": "1s", "LEVEL": "warn", "OPENAI_BASE_URL": ""}
	for _, file := range append(accepted, refused...) {
		if file == "" {
			e["OPENAI_BASE_URL"] = "http://gpu/v1"
		} else {
			e["OPENAI_BASE_URL"] = ""
		}
		var document any
		if err := yaml.Unmarshal([]byte(file), &document); err != nil {
			t.Fatal(err)
		}
		problems, err := problems(t, file, e), schema.Validate(document)
		if (problems == nil) != (err == nil) {
			t.Errorf("%s\nLoad: %q\nschema: %v", file, problems, err)
		}
	}
	for _, file := range refused {
		if problems(t, file, e) == nil {
			t.Errorf("accepted:\n%s", file)
		}
	}
}

// Numbers at the ends of what the schema allows are those at the ends of what Load does.
func TestSchemaHasTheRangesOfLoad(t *testing.T) {
	schema := compile(t)
	const limits, targets = "auth: {tokens: [{token: a, limits: {", "models: {m: {targets: [{upstream: gpu, "
	for _, test := range []struct{ before, setting, good, bad, after string }{
		{limits, "requests_per_minute", "0", "-1", "}}]}"},
		{limits, "tokens_per_minute", "0", "-1", "}}]}"},
		{limits, "parallel", "0", "-1", "}}]}"},
		{limits, "tokens_per_day", "0", "-1", "}}]}"},
		{limits, "tokens_per_month", "0", "-1", "}}]}"},
		{"breaker: {", "failures", "0", "-1", "}"},
		{"limits: {", "body", "1 1B", "0 0B 0MiB", "}"},
		{"limits: {body: 1, ", "inflight_bytes", "1 1B", "0 0B", "}"},
		{"limits: {", "max_concurrent", "1", "0", "}"},
		{"limits: {", "header_timeout", "1ns 0.1s", "0 0s 0m0s", "}"},
		{"limits: {", "body_timeout", "1ns", "0 0s", "}"},
		{"stream: {", "write_timeout", "1ns", "0 0s", "}"},
		{targets, "weight", "1 1000000", "0 1000001", "}]}}"},
		{targets, "priority", "1", "0", "}]}}"},
		{"retry: {", "attempts", "0 10", "-1 11", "}"},
		{"retry: {", "budget", "0 0.5 1", "-0.1 1.1", "}"},
		{"upstream: {", "max_response", "1", "0", "}"},
		{"upstream: {", "max_event", "1", "0", "}"},
		{"upstreams: {gpu: {base_url: http://gpu/v1, ", "fanout_max", "0", "-1", "}}"},
		{"upstreams: {gpu: {base_url: http://gpu/v1, ", "fanout_width", "0", "-1", "}}"},
		{"upstreams: {gpu: {base_url: http://gpu/v1, ", "max_concurrent", "0", "-1", "}}"},
		{"upstreams: {gpu: {base_url: http://gpu/v1, ", "max_queue", "0", "-1", "}}"},
		{"usage: {", "spool_limit", "1", "0", "}"},
	} {
		front := backend
		if strings.HasPrefix(test.before, "upstreams") {
			front = ""
		}
		check := func(value string, accepted bool) {
			t.Helper()
			file := front + test.before + test.setting + ": " + value + test.after + "\n"
			var document any
			if err := yaml.Unmarshal([]byte(file), &document); err != nil {
				t.Fatal(err)
			}
			problems, err := problems(t, file, env{}), schema.Validate(document)
			if (problems == nil) != accepted || (err == nil) != accepted {
				t.Errorf("%sLoad: %q\nschema: %v", file, problems, err)
			}
		}
		for value := range strings.FieldsSeq(test.good) {
			check(value, true)
		}
		for value := range strings.FieldsSeq(test.bad) {
			check(value, false)
		}
	}
}

// A number without a range would be let through, whatever it is.
func TestSchemaHasARangeForEachNumber(t *testing.T) {
	text, err := config.Schema()
	if err != nil {
		t.Fatal(err)
	}
	if found := regexp.MustCompile(`\{\s*"type": "(integer|number)"\s*\}`).FindIndex(text); found != nil {
		t.Errorf("no range in\n%s", text[found[0]:min(found[1]+400, len(text))])
	}
}

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := config.Schema()
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("config.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestYAMLIsReadAsItWasWritten(t *testing.T) {
	file := write(t, `
listen: 127.0.0.1:1
auth: {tokens: [{name: "no", sha256: "${DIGEST}", models: ["$${m}", "1"]}]}
upstreams: {gpu: {base_url: http://gpu/v1, api_key: "${KEY}", timeouts: {idle: 90m}}}
models: {"a.b": {targets: [{upstream: gpu, weight: 3}]}}
retry: {budget: 0.25}
limits: {body: 1MiB}
`)
	before := load(t, file, map[string]string{"log.level": "warn"}, env{"DIGEST": testDigest, "KEY": "sk-1", "SPECGATE_OPS_LISTEN": "127.0.0.1:2"})
	text, err := before.YAML()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "sk-1") || strings.Contains(string(text), testDigest) {
		t.Errorf("a secret is in\n%s", text)
	}
	for _, line := range []string{
		"listen: 127.0.0.1:1 # " + file + ":2\n", "ops_listen: 127.0.0.1:2 # SPECGATE_OPS_LISTEN\n",
		"level: warn # --log-level\n", "format: text\n", "idle: 1h30m # ", "weight: 3 # ", "budget: 0.25 # ", "priority: 1\n", "api_key: '[redacted]' # ",
	} {
		if !strings.Contains(string(text), line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
	// What is redacted is put back, as it would have to be by hand.
	again := strings.Replace(string(text), "[redacted]", testDigest, 1)
	again = strings.Replace(again, "'[redacted]'", "sk-1", 1)
	after := load(t, write(t, again), nil, nil)
	before.Origins, after.Origins = nil, nil
	before.Files, after.Files, before.Variables, after.Variables = nil, nil, nil, nil
	if diff := cmp.Diff(before, after, cmp.Transformer("empty", func(list []string) string { return strings.Join(list, ",") })); diff != "" {
		t.Errorf("read again (-before +after):\n%s", diff)
	}
}
