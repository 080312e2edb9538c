package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/config"
)

// env is a process environment.
type env map[string]string

func (e env) get(name string) string { return e[name] }

// write makes a file of text and returns its path.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "specgate.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// load is Load of a configuration that must be valid.
func load(t *testing.T, file string, flags map[string]string, e env) config.Config {
	t.Helper()
	c, err := config.Load(file, flags, e.get)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return c
}

// problems are the lines of Load's error, with the path of the file taken away.
func problems(t *testing.T, text string, e env) []string {
	t.Helper()
	path := write(t, text)
	_, err := config.Load(path, nil, e.get)
	if err == nil {
		return nil
	}
	return strings.Split(strings.ReplaceAll(err.Error(), path, "FILE"), "\n")
}

// backend makes any file valid that lacks nothing else.
const backend = "upstreams: {gpu: {base_url: http://gpu/v1}}\n"

func TestLoadReadsEverySetting(t *testing.T) {
	got := load(t, write(t, `
listen: 127.0.0.1:1
ops_listen: 127.0.0.1:2
log: {level: debug, format: json, addresses: true}
auth:
  mode: tokens
  tokens:
    - {name: a, token: secret-a, organizations: [org-1], projects: [proj_1, proj_2], models: ["m*"], limits: {requests_per_minute: 1, tokens_per_minute: 2, parallel: 3, tokens_per_day: 4, tokens_per_month: 5}}
    - sha256: 0000000000000000000000000000000000000000000000000000000000000000
upstreams:
  gpu:
    kind: custom
    base_url: https://gpu.internal/openai/v1/
    api_key: "${KEY}"
    organization: org-2
    project: proj_3
    timeouts: {connect: 1s, first_byte: 2m, idle: 1h30m, total: 0}
    fanout_max: 16
    fanout_width: 2
    max_concurrent: 64
    max_queue: 0
    queue_timeout: 3s
models:
  "llama3.1:8b":
    targets:
      - {upstream: gpu, model: meta-llama/Llama-3.1-8B, weight: 3}
      - {upstream: gpu, priority: 2}
  "instruct-*": {targets: [{upstream: gpu}], unsupported: pass}
retry: {attempts: 3, budget: 0.25, on_reset: true}
breaker: {failures: 7, window: 1m, open: 2s}
health: {interval: 0, timeout: 1s, path: /health}
upstream: {expose: true, max_response: 1GiB, max_event: 2 MiB}
limits: {body: 1024, inflight_bytes: 8KiB, max_concurrent: 7, header_timeout: 1s, body_timeout: 500ms, backend: redis://h, on_failure: closed}
usage: {records: always, durability: request, retention: 24h, retention_daily: 0, spool: /var/spool/specgate, spool_limit: 1MiB}
stream: {keepalive: 0, write_timeout: 4s}
reload: {watch: false}
shutdown: {delay: 5s, drain: 6s}
h2c: true
tls: {cert_file: tls.crt, key_file: tls.key, min_version: 1.3}
store: postgres://specgate:secret@db/specgate
`), nil, env{"KEY": "sk-1"})
	want := config.Config{
		Listen:    "127.0.0.1:1",
		OpsListen: "127.0.0.1:2",
		H2C:       true,
		TLS:       config.TLS{CertFile: "tls.crt", KeyFile: "tls.key", MinVersion: "1.3"},
		Log:       config.Log{Level: "debug", Format: "json", Addresses: true},
		Store:     config.NewSecret("postgres://specgate:secret@db/specgate"),
		Auth: config.Auth{Mode: "tokens", Tokens: []config.Token{
			{Name: "a", Token: config.NewSecret("secret-a"), Organizations: []string{"org-1"}, Projects: []string{"proj_1", "proj_2"}, Models: []string{"m*"}, Limits: config.Quota{Requests: 1, Tokens: 2, Parallel: 3, DayTokens: 4, MonthTokens: 5}},
			{Name: "token-2", SHA256: config.NewSecret(strings.Repeat("0", 64))},
		}},
		Upstreams: map[string]config.Backend{"gpu": {
			Kind: "custom", BaseURL: "https://gpu.internal/openai/v1", APIKey: config.NewSecret("sk-1"), Organization: "org-2", Project: "proj_3",
			Timeouts:  config.Timeouts{Connect: time.Second, FirstByte: 2 * time.Minute, Idle: 90 * time.Minute},
			FanoutMax: 16, FanoutWidth: 2,
			MaxConcurrent: 64, QueueTimeout: 3 * time.Second,
		}},
		Models: map[string]config.Model{
			"llama3.1:8b": {Unsupported: "refuse", Targets: []config.Target{
				{Upstream: "gpu", Model: "meta-llama/Llama-3.1-8B", Weight: 3, Priority: 1},
				{Upstream: "gpu", Weight: 1, Priority: 2},
			}},
			"instruct-*": {Targets: []config.Target{{Upstream: "gpu", Weight: 1, Priority: 1}}, Unsupported: "pass"},
		},
		Retry:    config.Retry{Attempts: 3, Budget: 0.25, OnReset: true},
		Breaker:  config.Breaker{Failures: 7, Window: time.Minute, Open: 2 * time.Second},
		Health:   config.Health{Timeout: time.Second, Path: "/health"},
		Upstream: config.Upstream{Expose: true, MaxResponse: 1 << 30, MaxEvent: 2 << 20},
		Limits:   config.Limits{Body: 1024, InflightBytes: 8192, MaxConcurrent: 7, HeaderTimeout: time.Second, BodyTimeout: 500 * time.Millisecond, Backend: config.NewSecret("redis://h"), OnFailure: "closed"},
		Usage:    config.Usage{Records: "always", Durability: "request", Retention: 24 * time.Hour, Spool: "/var/spool/specgate", SpoolLimit: 1 << 20},
		Stream:   config.Stream{WriteTimeout: 4 * time.Second},
		Reload:   config.Reload{Watch: false},
		Shutdown: config.Shutdown{Delay: 5 * time.Second, Drain: 6 * time.Second},
	}
	want.Notices = []string{"h2c is set, and has no effect with tls: HTTP/2 is spoken over TLS"}
	got.Origins, got.Variables, got.Files = nil, nil, nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Load (-want +got):\n%s", diff)
	}
}

func TestLoadLeavesDefaultsWhereNothingIsSet(t *testing.T) {
	for name, file := range map[string]string{
		"a backend alone": backend,
		"empty sections":  backend + "log:\nauth:\nlimits:\n  # body: 1MiB\n",
	} {
		t.Run(name, func(t *testing.T) {
			got := load(t, write(t, file), nil, nil)
			want := config.Default()
			want.Upstreams = map[string]config.Backend{"gpu": config.DefaultBackend()}
			gpu := want.Upstreams["gpu"]
			gpu.BaseURL = "http://gpu/v1"
			want.Upstreams["gpu"] = gpu
			got.Origins, got.Variables, got.Files = nil, nil, nil
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Load (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadPrefersFlagsThenEnvironmentThenFile(t *testing.T) {
	file := write(t, backend+"listen: 127.0.0.1:1\nlog: {level: warn}\n")
	e := env{"SPECGATE_LISTEN": "127.0.0.1:2", "SPECGATE_LOG_LEVEL": "error"}
	flag := map[string]string{"listen": "127.0.0.1:3"}
	tests := []struct {
		name          string
		flags         map[string]string
		env           env
		listen, level string
	}{
		{"file", nil, nil, "127.0.0.1:1", "warn"},
		{"environment", nil, e, "127.0.0.1:2", "error"},
		{"flag", flag, e, "127.0.0.1:3", "error"},
		{"empty variable", nil, env{"SPECGATE_LISTEN": ""}, "127.0.0.1:1", "warn"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := load(t, file, test.flags, test.env)
			if got.Listen != test.listen || got.Log.Level != test.level {
				t.Errorf("listen %s, level %s; want %s, %s", got.Listen, got.Log.Level, test.listen, test.level)
			}
		})
	}
}

func TestLoadTakesEveryFlagAndVariable(t *testing.T) {
	e := env{"OPENAI_BASE_URL": "http://gpu/v1"}
	want := []string{"127.0.0.1:5", "127.0.0.1:6", "debug", "json"}
	settings := func(c config.Config) []string { return []string{c.Listen, c.OpsListen, c.Log.Level, c.Log.Format} }
	flags := map[string]string{"listen": want[0], "ops_listen": want[1], "log.level": want[2], "log.format": want[3]}
	if diff := cmp.Diff(want, settings(load(t, "", flags, e))); diff != "" {
		t.Errorf("flags (-want +got):\n%s", diff)
	}
	e["SPECGATE_LISTEN"], e["SPECGATE_OPS_LISTEN"], e["SPECGATE_LOG_LEVEL"], e["SPECGATE_LOG_FORMAT"] = want[0], want[1], want[2], want[3]
	if diff := cmp.Diff(want, settings(load(t, "", nil, e))); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
	if got := load(t, "", map[string]string{"ops_listen": ""}, e).OpsListen; got != "" {
		t.Errorf("ops_listen %q after an empty flag; want it turned off", got)
	}
}

func TestLoadFindsTheFileByItsVariable(t *testing.T) {
	one, two := write(t, backend+"listen: 127.0.0.1:1\n"), write(t, backend+"listen: 127.0.0.1:2\n")
	e := env{"SPECGATE_CONFIG": one}
	if got := load(t, "", nil, e).Listen; got != "127.0.0.1:1" {
		t.Errorf("listen %s; want that of SPECGATE_CONFIG", got)
	}
	if got := load(t, two, nil, e).Listen; got != "127.0.0.1:2" {
		t.Errorf("listen %s; want that of the file that was named", got)
	}
}

func TestLoadTakesTheBackendOfTheEnvironment(t *testing.T) {
	got := load(t, "", nil, env{
		"OPENAI_BASE_URL": "http://gpu:8000/v1/", "OPENAI_API_KEY": "sk-1", "OPENAI_ORG_ID": "org-1", "OPENAI_PROJECT_ID": "proj_1",
	})
	want := config.DefaultBackend()
	want.BaseURL, want.APIKey, want.Organization, want.Project = "http://gpu:8000/v1", config.NewSecret("sk-1"), "org-1", "proj_1"
	if diff := cmp.Diff(map[string]config.Backend{"default": want}, got.Upstreams); diff != "" {
		t.Errorf("upstreams (-want +got):\n%s", diff)
	}
	if got.Notices != nil {
		t.Errorf("notices %q; want none", got.Notices)
	}
}

func TestLoadReplacesTheTokensOfTheFile(t *testing.T) {
	file := write(t, backend+"auth: {tokens: [{name: a, token: old}]}\n")
	got := load(t, file, nil, env{"SPECGATE_API_KEY": " one,two ,,"})
	want := []config.Token{{Name: "token-1", Token: config.NewSecret("one")}, {Name: "token-2", Token: config.NewSecret("two")}}
	if diff := cmp.Diff(want, got.Auth.Tokens); diff != "" {
		t.Errorf("tokens (-want +got):\n%s", diff)
	}
	notice := "SPECGATE_API_KEY is set: the tokens in " + file + " (auth.tokens) are not accepted"
	if diff := cmp.Diff([]string{notice}, got.Notices); diff != "" {
		t.Errorf("notices (-want +got):\n%s", diff)
	}
}

func TestLoadGivesNotice(t *testing.T) {
	tests := []struct {
		name, file string
		env        env
		want       []string
	}{
		{"a key alone", backend, env{"OPENAI_API_KEY": "k", "OPENAI_ORG_ID": "o"}, []string{
			"OPENAI_API_KEY is ignored: the upstreams are those in FILE, which does not refer to it",
			"OPENAI_ORG_ID is ignored: the upstreams are those in FILE, which does not refer to it",
		}},
		{"a key that the file uses", "upstreams:\n  gpu:\n    base_url: http://gpu/v1\n    api_key: ${OPENAI_API_KEY}\n", env{"OPENAI_API_KEY": "k"}, nil},
		{"an address that the file uses", "upstreams:\n  gpu:\n    base_url: ${OPENAI_BASE_URL}\n", env{"OPENAI_BASE_URL": "http://gpu/v1"}, nil},
		{"retries without models", backend + "retry: {attempts: 3}\nhealth:\n  interval: 1s\n", nil, []string{
			"retry is set, and has no effect without models: every request goes to the one upstream, once",
		}},
		{"what is so anyway", backend + "retry: {attempts: 0}\nbreaker: {failures: 5, window: 30s}\nhealth: {path: /models}\n", nil, nil},
		{"attempts that do not come to the last priority", attempts("2"), nil, []string{
			"retry.attempts is 2, and a request that all other targets of models.m fail comes to those of its last priority with 3: leave it out, and each upstream is asked",
		}},
		{"attempts that do", attempts("3"), nil, nil},
		{"each upstream once", attempts("0"), nil, nil},
		{"no retries at all", attempts("1"), nil, nil},
		{"tokens that can be guessed", backend + "listen: :1\nauth: {tokens: [{token: x}, {token: 0123456789abcdef}, {sha256: " + strings.Repeat("0", 64) + "}]}\n", nil, []string{
			"FILE:3: auth.tokens[0].token has fewer than 16 characters, and others can reach listen (:1): make one with openssl rand -hex 32",
		}},
		{"a token that can be guessed, in the environment", backend + "listen: 0.0.0.0:1\n", env{"SPECGATE_API_KEY": "abc"}, []string{
			"SPECGATE_API_KEY: auth.tokens[0].token has fewer than 16 characters, and others can reach listen (0.0.0.0:1): make one with openssl rand -hex 32",
		}},
		{"a token that can be guessed, on this machine", backend, env{"SPECGATE_API_KEY": "abc"}, nil},
		{"an upstream of no model", "upstreams:\n  a: {base_url: http://a/v1}\n  b.1: {base_url: http://b/v1}\nmodels: {m: {targets: [{upstream: a}]}}\n", nil, []string{
			`upstreams["b.1"] is the target of no model, so it gets no requests`,
		}},
		{"no backend", "log: {level: warn}\n", nil, []string{embedded}},
		{"no backend, by name", "upstreams: {}\n", nil, []string{embedded}},
		{"no path", "", env{"OPENAI_BASE_URL": "http://gpu:8000/"}, []string{
			"upstreams.default.base_url has no path: most servers have their API under /v1",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, test.file)
			c := load(t, path, nil, test.env)
			for i := range c.Notices {
				c.Notices[i] = strings.ReplaceAll(c.Notices[i], path, "FILE")
			}
			if diff := cmp.Diff(test.want, c.Notices); diff != "" {
				t.Errorf("notices (-want +got):\n%s", diff)
			}
		})
	}
}

// attempts are the settings of a model with two targets and a third for when they fail.
func attempts(n string) string {
	return "upstreams:\n  a: {base_url: http://a/v1}\n  b: {base_url: http://b/v1}\n  c: {base_url: http://c/v1}\n" +
		"models: {m: {targets: [{upstream: a}, {upstream: b}, {upstream: c, priority: 2}]}}\nretry: {attempts: " + n + "}\n"
}

// embedded is the notice of a gateway without a backend.
const embedded = "no upstream is set, so the embedded test model specgate-1 answers: OPENAI_BASE_URL (with /v1), or base_url under upstreams.NAME in the file, puts a backend in its place"

func TestLoadNeverChoosesABackendByAKeyAlone(t *testing.T) {
	c := load(t, "", nil, env{"OPENAI_API_KEY": "sk-1"})
	if len(c.Upstreams) != 0 {
		t.Errorf("upstreams %v; want none", c.Upstreams)
	}
	if diff := cmp.Diff([]string{"OPENAI_API_KEY is ignored: OPENAI_BASE_URL is not set", embedded}, c.Notices); diff != "" {
		t.Errorf("notices (-want +got):\n%s", diff)
	}
}

func TestLoadExpandsVariables(t *testing.T) {
	e := env{"A": "one", "B": "two", "NESTED": "${A}"}
	for text, want := range map[string]string{
		`${A}`:           "one",
		`"${A}-${B}"`:    "one-two",
		`'x${A}y'`:       "xoney",
		`$${A}`:          "${A}",
		`$${A}${B}`:      "${A}two",
		`$A`:             "$A",
		`a$b$`:           "a$b$",
		`${NESTED}`:      "${A}",
		"|-\n      ${A}": "one",
		`0123`:           "0123",
		`no`:             "no",
		`!!str ${A}`:     "one",
		`*anchored`:      "one",
	} {
		t.Run(text, func(t *testing.T) {
			file := write(t, "listen: &anchored ${A}\nupstreams:\n  gpu:\n    base_url: http://gpu/v1\n    project: "+text+"\n")
			c, _ := config.Load(file, nil, e.get)
			if got := c.Upstreams["gpu"].Project; got != want {
				t.Errorf("%s is %q; want %q", text, got, want)
			}
		})
	}
}

func TestLoadRefusesFiles(t *testing.T) {
	tests := []struct {
		name, file string
		env        env
		want       []string
	}{
		{"near key", backend + "limits:\n  boddy: 1MiB\n", nil, []string{"FILE:3: limits.boddy is not a setting; did you mean limits.body?"}},
		{"other case", backend + "limits:\n  maxConcurrent: 1\n", nil, []string{"FILE:3: limits.maxConcurrent is not a setting; did you mean limits.max_concurrent?"}},
		{"key of another section", backend + "upstream:\n  timeouts: {}\n", nil, []string{"FILE:3: upstream.timeouts is not a setting; did you mean upstreams.NAME.timeouts?"}},
		{"key like nothing", backend + "shutdown:\n  gracefully: yes\n", nil, []string{"FILE:3: shutdown.gracefully is not a setting; known here: delay, drain"}},
		{"near key of what is required", "upstreams:\n  gpu:\n    base-url: http://gpu/v1\n", nil, []string{"FILE:3: upstreams.gpu.base-url is not a setting; did you mean upstreams.gpu.base_url?"}},
		{"duplicate key", backend + "listen: 127.0.0.1:1\nlisten: 127.0.0.1:2\n", nil, []string{"FILE:3: listen is there twice: remove this one or that on line 2"}},
		{"duplicate backend", "upstreams:\n  a: {base_url: http://gpu/v1}\n  a: {base_url: http://gpu/v1}\n", nil, []string{"FILE:3: upstreams.a is there twice: remove this one or that on line 2"}},
		{"unset variables", backend + "listen: ${HOST}:${PORT}\n", nil, []string{
			"FILE:2: listen needs the environment variable HOST, which is not set or is empty",
			"FILE:2: listen needs the environment variable PORT, which is not set or is empty",
		}},
		{"no variable", backend + "listen: ${A:-b}\n", nil, []string{"FILE:2: listen has a ${ that begins no ${NAME}: write $${ for the characters themselves"}},
		{"unclosed variable", backend + "listen: ${A\n", nil, []string{"FILE:2: listen has a ${ that begins no ${NAME}: write $${ for the characters themselves"}},
		{"duration without unit", backend + "stream:\n  keepalive: 15\n", nil, []string{"FILE:3: stream.keepalive is not a duration: write numbers with their units, such as 30s, 1m30s or 500ms"}},
		{"size in MB", backend + "limits:\n  body: 16MB\n", nil, []string{"FILE:3: limits.body is not a size: write bytes as an integer, or with KiB, MiB or GiB, such as 16MiB"}},
		{"fraction", backend + "limits:\n  max_concurrent: 1.5\n", nil, []string{"FILE:3: limits.max_concurrent is not an integer: write digits alone, such as 4096"}},
		{"no value", backend + "listen:\n", nil, []string{"FILE:2: listen has no value: give it one or remove the line"}},
		{"list for a value", backend + "listen: [a]\n", nil, []string{"FILE:2: listen must be a single value"}},
		{"value for a list", backend + "auth: {tokens: sg-secret}\n", nil, []string{"FILE:2: auth.tokens must be a list, as [a, b] or with a dash before each item"}},
		{"value for a section", backend + "log: debug\n", nil, []string{"FILE:2: log must hold settings, as name: value"}},
		{"value for the file", "specgate\n", nil, []string{
			"FILE:1: must hold settings, as name: value",
		}},
		{"odd key", backend + "? [a]\n: b\n", nil, []string{"FILE:2: has a key that is not a name"}},
		{"tag", backend + "listen: !env LISTEN\n", nil, []string{"FILE:2: listen has the tag !env, which means nothing here: remove it"}},
		{"no YAML", "listen: b\na: b: c\n", nil, []string{"FILE:2: this is not YAML: mapping values are not allowed in this context"}},
		{"bare variable in braces", "upstreams: {gpu: {base_url: http://gpu/v1, api_key: ${KEY}}}\n", nil, []string{
			`FILE:1: this is not YAML: did not find expected ',' or '}' (between { } or [ ], write "${NAME}" with its quotes)`,
		}},
		{"two documents", backend + "---\nlisten: 127.0.0.1:1\n", nil, []string{"FILE:2: this is not YAML: a second document begins here: a file holds one"}},
		{"two backends", "upstreams:\n  a: {base_url: http://a/v1}\n  b: {base_url: http://b/v1}\n", nil, []string{
			"FILE:1: upstreams has 2 entries, and nothing says which of them gets a request: write models, such as models: {\"*\": {targets: [{upstream: a}]}}",
		}},
		{"models without a backend", "models:\n  m: {targets: [{upstream: gpu}]}\n", nil, []string{
			"FILE:1: models is set, and there is no upstream for it: add one under upstreams, with its base_url",
		}},
		{"all that is wrong with models", backend + `models:
  "a.b":
    targets:
      - {upstream: gpuu, weight: 0}
      - {upstream: elsewhere, priority: 0}
      - {weight: many}
  "x**": {targets: []}
  m: {target: [{upstream: gpu}]}
`, nil, []string{
			`FILE:7: models["a.b"].targets[2].weight is not an integer: write digits alone, such as 4096`,
			`FILE:9: models.m.target is not a setting; did you mean models.m.targets?`,
			`FILE:5: models["a.b"].targets[0].upstream is "gpuu", and no upstream is called that; did you mean gpu?`,
			`FILE:5: models["a.b"].targets[0].weight is 0: it must be 1 to 1000000; leave out a target that is to get nothing`,
			`FILE:6: models["a.b"].targets[1].upstream is "elsewhere", and no upstream is called that; there is gpu`,
			`FILE:6: models["a.b"].targets[1].priority is 0: it must be at least 1, which is asked first`,
			`FILE:7: models["a.b"].targets[2].upstream is missing: name one of gpu`,
			`FILE:8: models.x** has two asterisks in a row: one stands for any characters`,
			`FILE:8: models.x**.targets is empty: name at least one backend, such as [{upstream: gpu}]`,
		}},
		{"retries", backend + "retry: {attempts: 11, budget: 2}\nbreaker: {failures: -1, window: 0}\nhealth: {path: models}\n", nil, []string{
			"FILE:2: retry.attempts is 11: it must be 1, which turns retries off, to 10, or 0 for as many as the model has upstreams",
			"FILE:2: retry.budget is 2: it must be a share of 0 to 1, such as 0.1",
			"FILE:3: breaker.failures is -1: it must be at least 0",
			"FILE:4: health.path must begin with a slash, and have no space, ? or # in it, such as /models",
		}},
		{"a key that config print would show", backend + "health: {interval: 0, path: '/health?key=sk-1'}\n", nil, []string{
			"FILE:2: health.path must begin with a slash, and have no space, ? or # in it, such as /models",
		}},
		{"a target twice", backend + `models:
  m:
    targets:
      - {upstream: gpu, priority: 2}
      - {upstream: gpu, model: other}
      - {upstream: gpu, model: m}
      - {upstream: gpu, model: other, weight: 2}
`, nil, []string{
			"FILE:7: models.m.targets[2] has the upstream and the model of targets[0]: remove one, and give the other the weight of both",
			"FILE:8: models.m.targets[3] has the upstream and the model of targets[1]: remove one, and give the other the weight of both",
		}},
		{"a budget that is none", backend + "retry: {budget: NaN}\n", nil, []string{"FILE:2: retry.budget is not a number: write digits, such as 0.1"}},
		{"a backend in both", backend, env{"OPENAI_BASE_URL": "http://elsewhere/v1"}, []string{
			"OPENAI_BASE_URL: upstreams is also in FILE: unset the variable, or use it there as base_url: ${OPENAI_BASE_URL}",
		}},
		{"a variable that is wrong", backend, env{"SPECGATE_LISTEN": "8420", "SPECGATE_LOG_LEVEL": "loud"}, []string{
			`SPECGATE_LISTEN: listen is "8420": it must be host:port, such as 127.0.0.1:8420, or :8420 for every address`,
			`SPECGATE_LOG_LEVEL: log.level is "loud": it must be debug, info, warn or error`,
		}},
		{"a name that was begun", backend + "auth: {tokens: [{token: sg-a, limits: {tokens: 5}}]}\n", nil, []string{
			"FILE:2: auth.tokens[0].limits.tokens is not a setting; known here: requests_per_minute, tokens_per_minute, parallel, tokens_per_day, tokens_per_month",
		}},
		{"all at once", "listn: x\nlog: {level: loud}\nlimits: {body: big}\n", nil, []string{
			"FILE:1: listn is not a setting; did you mean listen?",
			"FILE:3: limits.body is not a size: write bytes as an integer, or with KiB, MiB or GiB, such as 16MiB",
			`FILE:2: log.level is "loud": it must be debug, info, warn or error`,
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, problems(t, test.file, test.env)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadReportsAFileThatCannotBeRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.yaml")
	_, err := config.Load(path, nil, env{}.get)
	want := "the configuration file cannot be read: open " + path + ": no such file or directory"
	if err == nil || err.Error() != want {
		t.Errorf("error %v; want %s alone", err, want)
	}
}

func TestLoadTakesAnEmptyFile(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "null\n"} {
		if got := load(t, write(t, text), nil, env{"OPENAI_BASE_URL": "http://gpu/v1"}); got.Listen != config.Default().Listen {
			t.Errorf("%q: listen %s", text, got.Listen)
		}
	}
}

// A secret is as safe in an error as it is in print.
func TestLoadRepeatsNoSecret(t *testing.T) {
	const secret = "s3cr3t value" // the space makes it invalid everywhere
	files := []string{
		backend + "auth:\n  tokens:\n    - token: ${S}\n    - sha256: ${S}\n",
		"upstreams:\n  gpu:\n    base_url: http://user:${S}@gpu/v1\n    api_key: ${S}\n",
		"upstreams:\n  gpu:\n    base_url: http://gpu/v1?key=${S}\n    timeouts:\n      connect: ${S}\n",
		backend + "limits:\n  body: ${S}\n  max_concurrent: ${S}\n",
	}
	for _, file := range files {
		for _, value := range []string{secret, "s3cr3t%zz"} {
			got := strings.Join(problems(t, file, env{"S": value}), "\n")
			if got == "" || strings.Contains(got, "s3cr3t") {
				t.Errorf("%s\nproblems:\n%s", file, got)
			}
		}
	}
}
