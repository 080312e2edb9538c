package config

import (
	"maps"
	"slices"
)

// idle gives notice of what is set and comes to nothing, or to less than it seems to.
func (l *loader) idle() {
	if l.config.TLS.On() && l.config.H2C {
		l.notice("h2c is set, and has no effect with tls: HTTP/2 is spoken over TLS")
	}
	if l.config.Limits.Redis() != "" && !l.config.Limited() {
		l.notice("limits.backend is set, and has no effect: no caller has limits")
	}
	l.guessable()
	if l.config.Auth.Mode != AuthTokens && len(l.config.Auth.Tokens) > 0 {
		l.notice("auth.tokens is set, and none of them is accepted: auth.mode is %s", l.config.Auth.Mode)
	}
	if len(l.config.Models) == 0 {
		l.idleWithoutModels()
		return
	}
	l.unreached()
	used := l.config.Targeted()
	for _, name := range slices.Sorted(maps.Keys(l.config.Upstreams)) {
		if !used[name] {
			l.notice("%s is the target of no model, so it gets no requests", entry("upstreams", name))
		}
	}
}

// idleWithoutModels passes over what is as it would be anyway, as in a file that was printed to begin with.
func (l *loader) idleWithoutModels() {
	set, usual := l.config, Default()
	for _, section := range []struct {
		name  string
		usual bool
	}{
		{"retry", set.Retry == usual.Retry},
		{"breaker", set.Breaker == usual.Breaker},
	} {
		if l.origins[section.name] != "" && !section.usual {
			l.notice("%s is set, and has no effect without models: every request goes to the one upstream, once", section.name)
		}
	}
}

// unreached gives notice of targets that a request does not come to where all before them fail it. Who turns retries off
// knows.
func (l *loader) unreached() {
	for _, name := range slices.Sorted(maps.Keys(l.config.Models)) {
		n, most := toTheLast(l.config.Models[name]), l.config.Retry.Attempts
		if 1 < most && most < n {
			l.notice("retry.attempts is %d, and a request that all other targets of %s fail comes to those of its last priority with %d: leave it out, and each upstream is asked", most, entry("models", name), n)
		}
	}
}

// guessable gives notice of tokens that strangers may come to by trying. They are not refused: not all networks have any.
func (l *loader) guessable() {
	if loopback(l.config.Listen) || l.config.Auth.Mode != AuthTokens {
		return
	}
	for i, t := range l.config.Auth.Tokens {
		if token := t.Token.Reveal(); token != "" && token != redacted && len(token) < leastToken {
			setting := join(place("auth.tokens", i), "token")
			l.notice("%s: %s has fewer than %d characters, and others can reach listen (%s): make one with openssl rand -hex 32", l.origin(setting), setting, leastToken, l.config.Listen)
		}
	}
}
