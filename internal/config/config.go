// Package config owns every setting: what it is called, what it is by default, where it may be set
// (a flag, the environment, a file) and when it is refused. The documentation and the JSON Schema
// are made from the same struct. It reads no globals, changes nothing outside itself, and must never
// know what a setting is used for.
package config

import (
	"cmp"
	"log/slog"
	"time"
)

// Default is the configuration where nothing is set.
func Default() Config {
	return Config{
		Listen:    "127.0.0.1:8420",
		OpsListen: "127.0.0.1:8421",
		TLS:       TLS{MinVersion: "1.2"},
		Log:       Log{Level: "info", Format: "text"},
		Auth:      Auth{Mode: AuthTokens},
		Upstream:  Upstream{MaxResponse: 64 * mebibyte, MaxEvent: 16 * mebibyte},
		Limits: Limits{
			Body:          16 * mebibyte,
			InflightBytes: 512 * mebibyte,
			MaxConcurrent: 4096,
			HeaderTimeout: 10 * time.Second,
			BodyTimeout:   30 * time.Second,
			OnFailure:     "open",
		},
		Stream:  Stream{Keepalive: 15 * time.Second, WriteTimeout: 30 * time.Second},
		Retry:   Retry{Attempts: 0, Budget: 0.1},
		Breaker: Breaker{Failures: 5, Window: 30 * time.Second, Open: 15 * time.Second},
		Health:  Health{Interval: 10 * time.Second, Timeout: 5 * time.Second, Path: "/models"},
		Usage: Usage{
			Records: "auto", Durability: "batch", Retention: 30 * 24 * time.Hour, RetentionDaily: 400 * 24 * time.Hour, SpoolLimit: 64 * mebibyte,
		},
		Reload:   Reload{Watch: true},
		Shutdown: Shutdown{Delay: 0, Drain: 30 * time.Second},
	}
}

// Config is every setting of the gateway. Its yaml tags are the names, env the variables, enum the
// values that are allowed, within the least and the most that they may be for the schema, change what it takes for another
// value to hold, and doc what the published pages say.
type Config struct {
	Listen    string `yaml:"listen" env:"SPECGATE_LISTEN" change:"restart" doc:"Address that clients are served on, as host:port. Any address but loopback needs a token, or another auth.mode."`
	OpsListen string `yaml:"ops_listen" env:"SPECGATE_OPS_LISTEN" change:"restart" doc:"Address of the operations listener (/metrics, /healthz, /readyz), as host:port. Any address but loopback needs ops.token, or ops.open. Empty turns it off."`

	H2C bool `yaml:"h2c" env:"SPECGATE_H2C" change:"restart" doc:"Serves HTTP/2 without TLS as well, to clients that begin with it (prior knowledge), such as a proxy on the same machine. With TLS, HTTP/2 is always there."`

	Ops       Ops                `yaml:"ops" doc:"The operations listener, which has the address ops_listen."`
	TLS       TLS                `yaml:"tls" doc:"TLS for clients (docs/tls.md). The operations listener never has it."`
	Contract  Contract           `yaml:"contract" doc:"What this deployment has otherwise than the published contract."`
	Log       Log                `yaml:"log" doc:"The log, which goes to standard error."`
	Auth      Auth               `yaml:"auth" doc:"Who may call."`
	Store     Secret             `yaml:"store" env:"SPECGATE_STORE" change:"restart" doc:"Where keys and usage are kept (docs/keys.md): sqlite://FILE, or postgres://USER:PASSWORD@HOST:PORT/DATABASE. Empty is sqlite://specgate.db, in the working directory. It is opened where auth.mode is keys or usage is recorded, and by the commands that manage it."`
	Upstreams map[string]Backend `yaml:"upstreams" doc:"The backends by name. Every model id goes to a single one; of several, models says which. With none, the embedded test model specgate-1 answers."`
	Models    map[string]Model   `yaml:"models" doc:"Which models there are, and which backends have them (docs/routing.md). A name is a model's id, or a pattern in which an asterisk stands for any characters, slashes too; an id comes before a pattern, and a longer pattern before a shorter one."`
	Retry     Retry              `yaml:"retry" doc:"When a request that no backend has begun to work on is sent again. For models."`
	Breaker   Breaker            `yaml:"breaker" doc:"When a backend that fails is left alone for a while. For models."`
	Health    Health             `yaml:"health" doc:"How backends are asked whether they are well: for models, and for operators."`
	Upstream  Upstream           `yaml:"upstream" doc:"What holds for every backend."`
	Limits    Limits             `yaml:"limits" doc:"What a caller may ask of the gateway."`
	Usage     Usage              `yaml:"usage" doc:"What is recorded of requests (docs/usage.md)."`
	Stream    Stream             `yaml:"stream" doc:"Streamed answers."`
	Faults    Faults             `yaml:"faults" doc:"What goes wrong with answers on purpose, for tests of how clients take it."`
	Reload    Reload             `yaml:"reload" doc:"How settings change while the gateway runs (docs/reload.md)."`
	Shutdown  Shutdown           `yaml:"shutdown" doc:"From the first SIGINT or SIGTERM to the end. A second one cuts off what runs and ends the process."`

	// Traces are set by variables alone.
	Traces Traces `yaml:"-"`

	// Notices are what an operator should hear of although nothing is wrong. Load fills them.
	Notices []string `yaml:"-"`
	// Origins says, by setting, where a value comes from that is not the default. Load fills it.
	Origins map[string]string `yaml:"-"`
	// Variables are those that the file refers to. Load makes it.
	Variables map[string]bool `yaml:"-"`
	// Files are those that it was read from; what a setting names, whoever reads it adds. Load makes it.
	Files Files `yaml:"-"`
	// Blank says that the file of settings sets none. Load finds it.
	Blank bool `yaml:"-"`
}

// Ops is what the operations listener shows, and to whom.
type Ops struct {
	Token Secret `yaml:"token" env:"SPECGATE_OPS_TOKEN" change:"reload" doc:"The bearer token that it asks for, of 16 characters at least: for all but /healthz, and /readyz without its parts. Empty asks for none; it then answers to no page of another site, and on loopback to its addresses and localhost alone."`
	Open  bool   `yaml:"open" env:"SPECGATE_OPS_OPEN" change:"reload" doc:"Lets it be on an address that others can reach without a token, where the network keeps them away."`
	Pprof bool   `yaml:"pprof" env:"SPECGATE_OPS_PPROF" change:"reload" doc:"Serves the profiles of the Go runtime under /debug/pprof/. On an address that others can reach it needs ops.token."`
}

// TLS is what clients are shown; nothing where no file is set.
type TLS struct {
	CertFile   string `yaml:"cert_file" env:"SPECGATE_TLS_CERT_FILE" change:"restart" doc:"The certificate in PEM, followed by those that lead from it to a root. Empty serves without TLS. Both files are read again when they change."`
	KeyFile    string `yaml:"key_file" env:"SPECGATE_TLS_KEY_FILE" change:"restart" doc:"Its key in PEM, without a passphrase."`
	MinVersion string `yaml:"min_version" env:"SPECGATE_TLS_MIN_VERSION" enum:"1.2,1.3" change:"restart" doc:"The oldest version of TLS that is spoken."`
}

// On reports whether clients are served over TLS.
func (t TLS) On() bool { return t.CertFile != "" }

// Contract is what is changed of openapi.yaml before anything reads it.
type Contract struct {
	Overlay string `yaml:"overlay" env:"SPECGATE_OVERLAY" change:"reload" doc:"An OpenAPI Overlay document that changes the limits of requests (docs/overlays.md). What comes out of it is served, shown and enforced. Empty leaves openapi.yaml as it is."`
}

// Log is how the gateway logs.
type Log struct {
	Level  string `yaml:"level" env:"SPECGATE_LOG_LEVEL" enum:"debug,info,warn,error" change:"reload" doc:"The least severe level that is logged."`
	Format string `yaml:"format" env:"SPECGATE_LOG_FORMAT" enum:"text,json" change:"reload" doc:"The form of a line: text is key=value."`

	Addresses bool `yaml:"addresses" env:"SPECGATE_LOG_ADDRESSES" change:"reload" doc:"Adds to each request's line the address and port that it came from, as from: of the proxy, where one stands in front. In many places that is personal data."`
}

// MinLevel is Level as slog has it; info where Level is none of its names.
func (l Log) MinLevel() slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		return slog.LevelInfo
	}
	return level
}

// The values of auth.mode.
const (
	AuthTokens      = "tokens"
	AuthKeys        = "keys"
	AuthPassthrough = "passthrough"
)

// StoreURL is Store, or where keys are kept when it is empty.
func (c Config) StoreURL() string { return cmp.Or(c.Store.Reveal(), "sqlite://specgate.db") }

// Auth is who may call.
type Auth struct {
	Mode   string  `yaml:"mode" env:"SPECGATE_AUTH_MODE" enum:"tokens,keys,passthrough" change:"restart" doc:"What a caller shows: one of auth.tokens, a key that is kept in store (docs/keys.md), or, with passthrough, a key of the backend's own, to which it is sent in place of api_key."`
	Tokens []Token `yaml:"tokens" env:"SPECGATE_API_KEY" doc:"The tokens that are accepted. With none, on a loopback address, one is made and printed at the start. The variable holds bare tokens, separated by commas."`
}

// Token is one accepted token and what it is bound to. Either Token or SHA256 is set.
type Token struct {
	Name          string   `yaml:"name" change:"reload" doc:"What the log calls the caller. By default token- and its number, counted from 1."`
	Token         Secret   `yaml:"token" change:"reload" doc:"The token as the client sends it. Either this or sha256."`
	SHA256        Secret   `yaml:"sha256" change:"reload" doc:"The SHA-256 of the token in 64 hexadecimal digits, for a file that must not hold the token."`
	Organizations []string `yaml:"organizations" change:"reload" doc:"The values of OpenAI-Organization that it may be used with. Empty means any."`
	Projects      []string `yaml:"projects" change:"reload" doc:"The values of OpenAI-Project that it may be used with. Empty means any."`
	Models        []string `yaml:"models" change:"reload" doc:"The model ids that it may use; an asterisk stands for any characters, slashes too. Empty means any."`
	Limits        Quota    `yaml:"limits" doc:"What it may use (docs/limits.md)."`
}

// Quota is what a caller may use.
type Quota struct {
	Requests    int `yaml:"requests_per_minute" within:"0," change:"reload" doc:"Requests in any 60 seconds (429). 0 is no limit."`
	Tokens      int `yaml:"tokens_per_minute" within:"0," change:"reload" doc:"Tokens in any 60 seconds, of prompts and completions (429). 0 is no limit."`
	Parallel    int `yaml:"parallel" within:"0," change:"reload" doc:"Completions at one time (429). 0 is no limit."`
	DayTokens   int `yaml:"tokens_per_day" within:"0," change:"reload" doc:"Tokens of a day, UTC (429). 0 is no limit."`
	MonthTokens int `yaml:"tokens_per_month" within:"0," change:"reload" doc:"Tokens of a calendar month, UTC (429). 0 is no limit."`
}

// Limits is what a caller may ask of the gateway.
type Limits struct {
	Body          Size          `yaml:"body" within:"1," change:"reload" doc:"The largest request body, after decompression (413)."`
	InflightBytes Size          `yaml:"inflight_bytes" within:"1," change:"reload" doc:"Request bodies held at one time, all together (503). At least limits.body."`
	MaxConcurrent int           `yaml:"max_concurrent" within:"1," change:"reload" doc:"Requests at one time (503)."`
	HeaderTimeout time.Duration `yaml:"header_timeout" within:"1," change:"restart" doc:"For the headers of a request to arrive."`
	BodyTimeout   time.Duration `yaml:"body_timeout" within:"1," change:"reload" doc:"Without progress while a request body arrives (408)."`

	Backend   Secret `yaml:"backend" env:"SPECGATE_LIMITS" change:"restart" doc:"Where the use of callers is counted against their limits: memory, or redis://HOST:PORT/DB (rediss:// over TLS) for several instances together. Empty is memory."`
	OnFailure string `yaml:"on_failure" enum:"open,closed" change:"restart" doc:"What becomes of limited requests while Redis is away: open counts them in memory, closed refuses them (503)."`
}

// Stream is how streamed answers are written.
type Stream struct {
	Keepalive    time.Duration `yaml:"keepalive" change:"reload" doc:"Silence after which a comment keeps the connection open. 0 turns it off."`
	WriteTimeout time.Duration `yaml:"write_timeout" within:"1," change:"reload" doc:"For a client to take what is written to it, 256 KiB at a time, after which it counts as gone."`
}

// Faults is what goes wrong on purpose.
type Faults struct {
	File  string `yaml:"file" env:"SPECGATE_FAULTS" change:"reload" doc:"The script of faults, which docs/faults.md describes. Empty means none. For test set-ups: refused where others than this machine can reach listen."`
	Allow bool   `yaml:"allow" change:"reload" doc:"Lets faults.file be used on an address that others can reach."`
}

// Reload is when settings are read again.
type Reload struct {
	Watch bool `yaml:"watch" env:"SPECGATE_RELOAD_WATCH" change:"restart" doc:"Reads the settings again when the file changes, or one that it names or a secret comes from. With false, only SIGHUP does."`
}

// Shutdown is how the gateway stops.
type Shutdown struct {
	Delay time.Duration `yaml:"delay" change:"reload" doc:"How long requests are still accepted while /readyz already answers 503, so that a load balancer can notice."`
	Drain time.Duration `yaml:"drain" change:"reload" doc:"How long requests may then take to finish; the rest are cancelled."`
}
