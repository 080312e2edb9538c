package config

import (
	"maps"
	"regexp"
	"slices"
	"time"
)

// Backend is one entry of upstreams: a server that speaks the OpenAI API.
type Backend struct {
	Kind         string   `yaml:"kind" enum:"custom,openai,vllm,llamacpp,ollama,sglang,tgi,specgate" change:"reload" doc:"What the server is; custom assumes nothing about it."`
	BaseURL      string   `yaml:"base_url" env:"OPENAI_BASE_URL" change:"reload" doc:"Where its API begins, as a rule with /v1 at the end. Required."`
	APIKey       Secret   `yaml:"api_key" env:"OPENAI_API_KEY" change:"reload" doc:"The key that it is called with. Empty sends none."`
	Organization string   `yaml:"organization" env:"OPENAI_ORG_ID" change:"reload" doc:"Sent to it as OpenAI-Organization, where set."`
	Project      string   `yaml:"project" env:"OPENAI_PROJECT_ID" change:"reload" doc:"Sent to it as OpenAI-Project, where set."`
	Timeouts     Timeouts `yaml:"timeouts" doc:"How long it may take. 0 turns a timeout off."`

	FanoutMax     int           `yaml:"fanout_max" within:"0," change:"reload" doc:"The most single requests that one for several prompts or choices is split into, where its kind takes one alone (422). 0 is no limit."`
	FanoutWidth   int           `yaml:"fanout_width" within:"0," change:"reload" doc:"How many of these it is sent at one time. 0 is all."`
	MaxConcurrent int           `yaml:"max_concurrent" within:"0," change:"reload" doc:"Requests that it is sent at one time, streams until they end. 0 is no limit."`
	MaxQueue      int           `yaml:"max_queue" within:"0," change:"reload" doc:"Requests that wait while it has max_concurrent. More are sent elsewhere, or refused (503)."`
	QueueTimeout  time.Duration `yaml:"queue_timeout" change:"reload" doc:"How long one of them waits, before the same. 0 is without limit."`
}

// Timeouts are how long a backend may take; zero is without limit.
type Timeouts struct {
	Connect   time.Duration `yaml:"connect" change:"reload" doc:"To connect, TLS included."`
	FirstByte time.Duration `yaml:"first_byte" change:"reload" doc:"From the request to the first byte of the answer. A long prompt on a busy backend takes minutes."`
	Idle      time.Duration `yaml:"idle" change:"reload" doc:"Between two events of a stream, or two pieces of an answer."`
	Total     time.Duration `yaml:"total" change:"reload" doc:"For the whole answer, a stream too: the end of one that drips for ever."`
}

// DefaultBackend is an entry of upstreams in which nothing is set. It lacks a base_url.
func DefaultBackend() Backend {
	return Backend{
		Kind: "custom",
		Timeouts: Timeouts{
			Connect:   5 * time.Second,
			FirstByte: 600 * time.Second,
			Idle:      300 * time.Second,
			Total:     time.Hour,
		},
		FanoutMax:    128,
		FanoutWidth:  8,
		MaxQueue:     64,
		QueueTimeout: 5 * time.Second,
	}
}

// Upstream is what holds for every backend.
type Upstream struct {
	Expose      bool `yaml:"expose" change:"reload" doc:"Tells callers in x-specgate-upstream and x-specgate-attempts which upstream answered, and how often one was asked."`
	MaxResponse Size `yaml:"max_response" within:"1," change:"reload" doc:"The largest answer that is read, other than a stream."`
	MaxEvent    Size `yaml:"max_event" within:"1," change:"reload" doc:"The largest single event of a stream that is read."`
}

var backendName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (k *checks) upstreams(c Config) {
	if len(c.Upstreams) > 1 && len(c.Models) == 0 {
		k.add("upstreams", "has %d entries, and nothing says which of them gets a request: write models, such as models: {\"*\": {targets: [{upstream: %s}]}}",
			len(c.Upstreams), slices.Min(slices.Collect(maps.Keys(c.Upstreams))))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Upstreams)) {
		b, path := c.Upstreams[name], entry("upstreams", name)
		if !backendName.MatchString(name) {
			k.add(path, "must have a name of 1 to 64 letters, digits, dots, dashes and underscores")
		}
		if message := baseURL(b.BaseURL, c.Listen); message != "" {
			k.add(join(path, "base_url"), "%s", message)
		}
		k.headers(path, b)
		k.notNegative(join(path, "fanout_max"), b.FanoutMax)
		k.notNegative(join(path, "fanout_width"), b.FanoutWidth)
		k.notNegative(join(path, "max_concurrent"), b.MaxConcurrent)
		k.notNegative(join(path, "max_queue"), b.MaxQueue)
	}
}

// notNegative checks a count, of which 0 is what turns a limit off.
func (k *checks) notNegative(setting string, value int) {
	if value < 0 {
		k.add(setting, "is %d: it must be at least 0", value)
	}
}

// headers checks what is sent to the backend in headers. A key from a file often ends in a newline.
func (k *checks) headers(path string, b Backend) {
	for _, h := range []struct{ setting, value string }{
		{"api_key", b.APIKey.Reveal()}, {"organization", b.Organization}, {"project", b.Project},
	} {
		if h.value != "" && !headerSafe.MatchString(h.value) {
			k.add(join(path, h.setting), "holds a space, a line break or a character beyond ASCII, which no header can carry")
		}
	}
}
