package config

import (
	"maps"
	"regexp"
	"slices"
)

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
