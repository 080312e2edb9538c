package config

// Limited reports whether any caller may have limits: a managed key can be given some at any time.
func (c Config) Limited() bool {
	switch c.Auth.Mode {
	case AuthKeys:
		return true
	case AuthPassthrough:
		return false
	}
	for _, t := range c.Auth.Tokens {
		if t.Limits != (Quota{}) {
			return true
		}
	}
	return false
}

// Redis is the address where the use of callers is counted; empty where that is in memory.
func (l Limits) Redis() string {
	if backend := l.Backend.Reveal(); backend != "memory" {
		return backend
	}
	return ""
}

// counted checks what callers may use, and where that is counted. No address is repeated: it may hold a
// password.
func (k *checks) counted(c Config) {
	for i, t := range c.Auth.Tokens {
		for _, limit := range []struct {
			name  string
			value int
		}{
			{"requests_per_minute", t.Limits.Requests},
			{"tokens_per_minute", t.Limits.Tokens},
			{"parallel", t.Limits.Parallel},
			{"tokens_per_day", t.Limits.DayTokens},
			{"tokens_per_month", t.Limits.MonthTokens},
		} {
			if limit.value < 0 {
				k.add(join(join(place("auth.tokens", i), "limits"), limit.name), "is negative: give the most that is allowed, or 0 for no limit")
			}
		}
	}
	address := c.Limits.Redis()
	if address == "" || address == redacted { // which is refused as such
		return
	}
	if wrong := redisAddress(address); wrong != "" {
		k.add("limits.backend", "%s", wrong)
	}
}
