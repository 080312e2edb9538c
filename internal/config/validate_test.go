package config_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/specgate/specgate/internal/config"
)

// valid is a configuration without a fault, for a test to make one.
func valid() config.Config {
	c := config.Default()
	b := config.DefaultBackend()
	b.BaseURL = "http://gpu:8000/v1"
	c.Upstreams = map[string]config.Backend{"gpu": b}
	return c
}

func token(text string) config.Token { return config.Token{Token: config.NewSecret(text)} }

// change is a change to the only backend.
func change(f func(*config.Backend)) func(*config.Config) {
	return func(c *config.Config) {
		b := c.Upstreams["gpu"]
		f(&b)
		c.Upstreams = map[string]config.Backend{"gpu": b}
	}
}

func base(url string) func(*config.Config) {
	return change(func(b *config.Backend) { b.BaseURL = url })
}

// testDigest is the SHA-256 of "test".
const testDigest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

func TestValidateAccepts(t *testing.T) {
	for name, set := range map[string]func(*config.Config){
		"default":             func(c *config.Config) { *c = config.Default() },
		"a backend":           func(*config.Config) {},
		"localhost":           func(c *config.Config) { c.Listen = "localhost:8420" },
		"IPv6 loopback":       func(c *config.Config) { c.Listen = "[::1]:8420" },
		"mapped loopback":     func(c *config.Config) { c.Listen = "[::ffff:127.0.0.1]:8420" },
		"another loopback":    func(c *config.Config) { c.Listen = "127.1.2.3:8420" },
		"open with a token":   func(c *config.Config) { c.Listen, c.Auth.Tokens = ":8420", []config.Token{token("a")} },
		"ports of the system": func(c *config.Config) { c.Listen, c.OpsListen = "127.0.0.1:0", "127.0.0.1:0" },
		"operations, open":    func(c *config.Config) { c.OpsListen, c.Ops.Open = ":8421", true },
		"operations, token": func(c *config.Config) {
			c.OpsListen, c.Ops = ":8421", config.Ops{Token: config.NewSecret("sixteen-letters!"), Pprof: true}
		},
		"no operations":       func(c *config.Config) { c.OpsListen = "" },
		"same port elsewhere": func(c *config.Config) { c.OpsListen = "127.0.0.2:8420" },
		"a digest":            func(c *config.Config) { c.Auth.Tokens = []config.Token{{SHA256: config.NewSecret(testDigest)}} },
		"https":               base("https://api.openai.com/v1"),
		"the port elsewhere":  base("http://gpu:8420/v1"),
		"faults on loopback":  func(c *config.Config) { c.Faults.File = "faults.yaml" },
		"faults with leave": func(c *config.Config) {
			c.Listen, c.Auth.Tokens = ":8420", []config.Token{token("a")}
			c.Faults = config.Faults{File: "faults.yaml", Allow: true}
		},
		"TLS":          func(c *config.Config) { c.TLS = config.TLS{CertFile: "a", KeyFile: "b", MinVersion: "1.3"} },
		"breaker off":  func(c *config.Config) { c.Breaker = config.Breaker{} },
		"health off":   func(c *config.Config) { c.Health = config.Health{} },
		"timeouts off": change(func(b *config.Backend) { b.Timeouts = config.Timeouts{} }),
	} {
		t.Run(name, func(t *testing.T) {
			c := valid()
			set(&c)
			if err := c.Validate(); err != nil {
				t.Errorf("Validate: %v", err)
			}
		})
	}
}

func TestValidateRefuses(t *testing.T) {
	const open = ", which others can reach, and there is no token: set SPECGATE_API_KEY or auth.tokens, or listen on 127.0.0.1"
	const itself = "upstreams.gpu.base_url is the address that specgate itself listens on: give that of the server behind it"
	const notURL = "upstreams.gpu.base_url must be an http or https URL, such as http://127.0.0.1:8000/v1"
	tests := []struct {
		name string
		set  func(*config.Config)
		want string
	}{
		{"every address without a token", func(c *config.Config) { c.Listen = "0.0.0.0:8420" }, "listen is 0.0.0.0:8420" + open},
		{"no host without a token", func(c *config.Config) { c.Listen = ":8420" }, "listen is :8420" + open},
		{"a name without a token", func(c *config.Config) { c.Listen = "gateway:8420" }, "listen is gateway:8420" + open},
		{"IPv6 without a token", func(c *config.Config) { c.Listen = "[::]:8420" }, "listen is [::]:8420" + open},
		{"no port", func(c *config.Config) { c.OpsListen = "127.0.0.1" }, `ops_listen is "127.0.0.1": it must be host:port, such as 127.0.0.1:8420, or :8420 for every address`},
		{"port too large", func(c *config.Config) { c.Listen = "127.0.0.1:65536" }, `listen is "127.0.0.1:65536": it must be host:port, such as 127.0.0.1:8420, or :8420 for every address`},
		{"one port twice", func(c *config.Config) { c.OpsListen, c.Ops.Open = ":8420", true }, "ops_listen takes the port of listen (127.0.0.1:8420): give it another, or make it empty to turn it off"},
		{"operations for everybody", func(c *config.Config) { c.OpsListen = ":8421" }, "ops_listen is :8421, which others can reach: set SPECGATE_OPS_TOKEN or ops.token, listen on 127.0.0.1, or set ops.open to true where the network keeps others away"},
		{"profiles for everybody", func(c *config.Config) { c.OpsListen, c.Ops.Open, c.Ops.Pprof = ":8421", true, true }, "ops.pprof is set, and others can reach ops_listen (:8421): set SPECGATE_OPS_TOKEN or ops.token, or listen on 127.0.0.1"},
		{"a token that cannot be sent", func(c *config.Config) { c.Ops.Token = config.NewSecret("a b") }, "ops.token holds a space or a character beyond ASCII, which no client can send in a header"},
		{"a token for operators that can be guessed", func(c *config.Config) { c.Ops.Token = config.NewSecret("fifteen-letters") }, "ops.token has fewer than 16 characters: make one with openssl rand -hex 32"},
		{"a caller's token for operators", func(c *config.Config) {
			c.Ops.Token, c.Auth.Tokens = config.NewSecret("sg-of-a-caller-of-ours"), []config.Token{token("sg-of-a-caller-of-ours")}
		}, "ops.token is a caller's token too (auth.tokens): give operators one of their own"},
		{"the digest of a token for operators", func(c *config.Config) {
			c.Ops.Token, c.Auth.Tokens = config.NewSecret("test"), []config.Token{{SHA256: config.NewSecret(strings.ToUpper(testDigest))}}
		}, "ops.token is a caller's token too (auth.tokens): give operators one of their own"},
		{"a certificate without its key", func(c *config.Config) { c.TLS.CertFile = "tls.crt" }, "tls.key_file is missing: give the file with the key of tls.cert_file"},
		{"a key without its certificate", func(c *config.Config) { c.TLS.KeyFile = "tls.key" }, "tls.cert_file is missing: give the file with the certificate of tls.key_file"},
		{"an old TLS", func(c *config.Config) { c.TLS.MinVersion = "1.1" }, `tls.min_version is "1.1": it must be 1.2 or 1.3`},
		{"log format", func(c *config.Config) { c.Log.Format = "xml" }, `log.format is "xml": it must be text or json`},
		{"token and digest", func(c *config.Config) {
			c.Auth.Tokens = []config.Token{{Token: config.NewSecret("a"), SHA256: config.NewSecret(testDigest)}}
		}, "auth.tokens[0] must have either token or sha256"},
		{"neither", func(c *config.Config) { c.Auth.Tokens = []config.Token{{Name: "a"}} }, "auth.tokens[0] must have either token or sha256"},
		{"short digest", func(c *config.Config) { c.Auth.Tokens = []config.Token{{SHA256: config.NewSecret("abc")}} }, "auth.tokens[0].sha256 must be 64 hexadecimal digits, as printf %s TOKEN | sha256sum prints them"},
		{"token with a newline", func(c *config.Config) { c.Auth.Tokens = []config.Token{token("abc\n")} }, "auth.tokens[0].token holds a space or a character beyond ASCII, which no client can send in a header"},
		{"one token twice", func(c *config.Config) { c.Auth.Tokens = []config.Token{token("a"), token("a")} }, "auth.tokens[1] is the same token as auth.tokens[0]: remove one"},
		{"a token and its digest", func(c *config.Config) {
			c.Auth.Tokens = []config.Token{token("test"), {SHA256: config.NewSecret(strings.ToUpper(testDigest))}}
		}, "auth.tokens[1] is the same token as auth.tokens[0]: remove one"},
		{"one name twice", func(c *config.Config) {
			c.Auth.Tokens = []config.Token{token("a"), token("b")}
			c.Auth.Tokens[0].Name, c.Auth.Tokens[1].Name = "x", "x"
		}, `auth.tokens[1].name is "x", which is the name of auth.tokens[0] too: the log could not tell them apart`},
		{"printed token", func(c *config.Config) { c.Auth.Tokens = []config.Token{token("[redacted]")} }, "auth.tokens[0].token is [redacted], which is what config print shows in place of a secret: put the secret itself there"},
		{"empty model", func(c *config.Config) {
			c.Auth.Tokens = []config.Token{token("a")}
			c.Auth.Tokens[0].Models = []string{"m", ""}
		}, "auth.tokens[0].models[1] is empty: give it a value or remove it"},
		{"name of a backend", func(c *config.Config) { c.Upstreams = map[string]config.Backend{"a b": c.Upstreams["gpu"]} }, "upstreams.a b must have a name of 1 to 64 letters, digits, dots, dashes and underscores"},
		{"kind", change(func(b *config.Backend) { b.Kind = "vlm" }), `upstreams.gpu.kind is "vlm": it must be custom, openai, vllm, llamacpp, ollama, sglang, tgi or specgate`},
		{"no address", base(""), "upstreams.gpu.base_url is missing: give the address of the server's API, such as http://127.0.0.1:8000/v1"},
		{"no scheme", base("gpu:8000/v1"), notURL},
		{"no host", base("http:///v1"), notURL},
		{"other scheme", base("ftp://gpu/v1"), notURL},
		{"no URL", base("http://%zz"), notURL},
		{"password", base("http://u:p@gpu/v1"), "upstreams.gpu.base_url holds a user or a password: remove them and set api_key"},
		{"query", base("http://gpu/v1?a=b"), "upstreams.gpu.base_url holds a ? or a #: remove what follows the path"},
		{"itself", base("http://127.0.0.1:8420/v1"), itself},
		{"itself by name", base("http://localhost:8420/v1"), itself},
		{"itself on every address", func(c *config.Config) {
			c.Listen, c.Auth.Tokens = ":8420", []config.Token{token("a")}
			base("http://[::1]:8420/v1")(c)
		}, itself},
		{"key with a newline", change(func(b *config.Backend) { b.APIKey = config.NewSecret("sk-1\n") }), "upstreams.gpu.api_key holds a space, a line break or a character beyond ASCII, which no header can carry"},
		{"negative timeout", change(func(b *config.Backend) { b.Timeouts.Idle = -time.Second }), "upstreams.gpu.timeouts.idle is negative: give the time to wait, such as 30s"},
		{"negative limit", change(func(b *config.Backend) { b.MaxConcurrent = -1 }), "upstreams.gpu.max_concurrent is -1: it must be at least 0"},
		{"breaker without a window", func(c *config.Config) { c.Breaker.Window = 0 }, "breaker.window must be more than 0, such as 10s"},
		{"health without end", func(c *config.Config) { c.Health.Timeout = 0 }, "health.timeout must be more than 0, such as 10s"},
		{"no event", func(c *config.Config) { c.Upstream.MaxEvent = 0 }, "upstream.max_event must be more than 0, such as 16MiB"},
		{"no body", func(c *config.Config) { c.Limits.Body = 0 }, "limits.body must be more than 0, such as 16MiB"},
		{"less in flight than a body", func(c *config.Config) { c.Limits.InflightBytes = 1 << 20 }, "limits.inflight_bytes is 1MiB, less than limits.body (16MiB): a body of that size could never be accepted"},
		{"no requests", func(c *config.Config) { c.Limits.MaxConcurrent = 0 }, "limits.max_concurrent must be at least 1"},
		{"faults for others", func(c *config.Config) {
			c.Listen, c.Auth.Tokens, c.Faults.File = ":8420", []config.Token{token("a")}, "faults.yaml"
		}, "faults.file is set, and others can reach listen (:8420): listen on 127.0.0.1, or set faults.allow to true"},
		{"headers for ever", func(c *config.Config) { c.Limits.HeaderTimeout = 0 }, "limits.header_timeout must be more than 0, such as 30s: without it a client could hold its connection for ever"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := valid()
			test.set(&c)
			err := c.Validate()
			if err == nil {
				t.Fatalf("accepted; want %s", test.want)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestValidateGivesEveryProblem(t *testing.T) {
	c := config.Config{Listen: ":1", Upstreams: map[string]config.Backend{"gpu": {Kind: "custom"}}}
	joined, ok := c.Validate().(interface{ Unwrap() []error })
	if !ok {
		t.Fatal("the error joins nothing")
	}
	var settings []string
	for _, err := range joined.Unwrap() {
		var p config.Problem
		if !errors.As(err, &p) {
			t.Fatalf("%v is no Problem", err)
		}
		settings = append(settings, p.Setting)
	}
	want := []string{
		"listen", "tls.min_version", "log.level", "log.format", "auth.mode", "upstreams.gpu.base_url", "upstream.max_response", "upstream.max_event",
		"limits.on_failure", "limits.body", "limits.max_concurrent", "limits.header_timeout", "limits.body_timeout",
		"usage.records", "usage.durability", "usage.spool_limit", "stream.write_timeout",
	}
	if diff := cmp.Diff(want, settings); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

func TestMinLevelIsEveryNameOfALevel(t *testing.T) {
	for level, want := range map[string]string{"debug": "DEBUG", "info": "INFO", "warn": "WARN", "error": "ERROR", "": "INFO"} {
		if got := (config.Log{Level: level}).MinLevel().String(); got != want {
			t.Errorf("%q is %s; want %s", level, got, want)
		}
	}
}

// A name is for everyone to see, so no token is one.
func TestNamesThatAreTokens(t *testing.T) {
	t.Parallel()
	const hidden = "hidden-token"
	sum := sha256.Sum256([]byte(hidden))
	hashed := config.Token{Name: "h", SHA256: config.NewSecret(strings.ToUpper(hex.EncodeToString(sum[:])))}
	plain := config.Token{Name: "p", Token: config.NewSecret(hidden)}
	for name, other := range map[string]config.Token{hidden: hashed, "the " + hidden + " of p": plain} {
		c := valid()
		c.Auth.Tokens = []config.Token{{Name: name, Token: config.NewSecret("another-token")}, other, {Name: name, Token: config.NewSecret("a-third-token")}}
		err := c.Validate()
		if err == nil || strings.Contains(err.Error(), hidden) || strings.Count(err.Error(), "name is, or holds, a token") != 2 {
			t.Errorf("%q: %v", name, err)
		}
	}
	c := valid()
	for _, own := range []string{hidden, "short"} {
		c.Auth.Tokens = []config.Token{{Name: own, Token: config.NewSecret(own)}}
		if err := c.Validate(); err == nil || strings.Contains(err.Error(), own) {
			t.Errorf("its own: %v", err)
		}
	}
	c.Auth.Tokens = []config.Token{{Name: "team-a", Token: config.NewSecret("a")}, {Name: "", Token: config.NewSecret("another-token")}}
	if err := c.Validate(); err != nil {
		t.Errorf("none: %v", err)
	}
}
