package config

import "strings"

// store checks where keys are kept, without repeating it: it may hold a password. Whether it is there
// is seen where it is opened.
func (k *checks) store(c Config) {
	scheme, rest, _ := strings.Cut(c.StoreURL(), "://")
	switch {
	case scheme != "sqlite" && scheme != "postgres" && scheme != "postgresql":
		k.add("store", "must be sqlite://FILE or postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	case rest == "":
		k.add("store", "names no database: write it after %s://", scheme)
	case scheme == "sqlite" && rest == ":memory:":
		k.add("store", "would be gone with the process, and no other would see it: name a file")
	}
	if c.Auth.Mode == AuthPassthrough && len(c.Upstreams) == 0 {
		k.add("auth.mode", "is passthrough, and there is no upstream to which a caller's key could go: set OPENAI_BASE_URL or upstreams")
	}
}
