package config

import (
	"fmt"
	"net/url"
	"strings"
)

// environmentTokens replaces the tokens by those of SPECGATE_API_KEY, as any variable replaces what
// the file says.
func (l *loader) environmentTokens() {
	name, all := l.secret("SPECGATE_API_KEY", "auth.tokens")
	var tokens []Token
	for token := range strings.SplitSeq(all, ",") {
		if token = strings.TrimSpace(token); token != "" {
			l.origins[join(place("auth.tokens", len(tokens)), "token")] = name
			tokens = append(tokens, Token{Token: NewSecret(token)})
		}
	}
	if tokens == nil {
		return
	}
	if len(l.config.Auth.Tokens) > 0 {
		l.notice("%s is set: the tokens in %s (auth.tokens) are not accepted", name, l.path)
	}
	l.config.Auth.Tokens = tokens
	l.origins["auth.tokens"] = name
}

// environmentBackend makes a backend of OPENAI_BASE_URL and what goes with it. Beside backends in the
// file it is refused: the variable is not ours alone, and where it was exported for a client, prompts
// would quietly go to another place than the file says.
func (l *loader) environmentBackend() {
	const name = "OPENAI_BASE_URL"
	base := l.getenv(name)
	switch {
	case len(l.config.Upstreams) > 0:
		if base != "" && !l.used[name] {
			l.report(name, "upstreams", "is also in "+l.path+": unset the variable, or use it there as base_url: ${OPENAI_BASE_URL}")
		}
		l.ignored("the upstreams are those in " + l.path + ", which does not refer to it")
	case base == "":
		l.ignored("OPENAI_BASE_URL is not set")
	default:
		l.config.Upstreams = map[string]Backend{"default": l.backend(base)}
	}
	l.plainBases()
}

// companions are the variables that go with OPENAI_BASE_URL, by setting.
var companions = [...]struct{ setting, env string }{
	{"api_key", "OPENAI_API_KEY"},
	{"organization", "OPENAI_ORG_ID"},
	{"project", "OPENAI_PROJECT_ID"},
}

func (l *loader) backend(base string) Backend {
	b := DefaultBackend()
	b.BaseURL = base
	origin, key := l.secret("OPENAI_API_KEY", "upstreams.default.api_key")
	b.APIKey = NewSecret(key)
	b.Organization = l.getenv("OPENAI_ORG_ID")
	b.Project = l.getenv("OPENAI_PROJECT_ID")
	l.origins["upstreams.default.base_url"] = "OPENAI_BASE_URL"
	for _, c := range companions {
		if l.getenv(c.env) != "" {
			l.origins["upstreams.default."+c.setting] = c.env
		}
	}
	if key != "" {
		l.origins["upstreams.default.api_key"] = origin
	}
	return b
}

// ignored gives notice of the companions that are set and come to nothing.
func (l *loader) ignored(reason string) {
	for _, c := range companions {
		if l.getenv(c.env) != "" && !l.used[c.env] {
			l.notice("%s is ignored: %s", c.env, reason)
		}
	}
}

// plainBases takes the slash from the end of each base_url, and gives notice of one without a path:
// llama.cpp answers /completions too, but not in OpenAI's shape.
func (l *loader) plainBases() {
	for name, b := range l.config.Upstreams {
		b.BaseURL = strings.TrimRight(b.BaseURL, "/")
		l.config.Upstreams[name] = b
		if u, err := url.Parse(b.BaseURL); err == nil && u.Host != "" && u.Path == "" {
			l.notice("%s has no path: most servers have their API under /v1", join(entry("upstreams", name), "base_url"))
		}
	}
}

func (l *loader) notice(format string, args ...any) {
	l.config.Notices = append(l.config.Notices, fmt.Sprintf(format, args...))
}
