package config

import "time"

// Recorded reports whether requests for completions are recorded.
func (c Config) Recorded() bool {
	return c.Usage.Records == "always" || c.Usage.Records == "auto" && c.Auth.Mode == AuthKeys
}

// Stored reports whether a gateway needs the store.
func (c Config) Stored() bool { return c.Auth.Mode == AuthKeys || c.Recorded() }

// usage checks what is recorded, and for how long. What was deleted sooner might come again out of a spool, and
// be counted twice.
func (k *checks) usage(c Config) {
	const least = 24 * time.Hour
	for _, kept := range []struct {
		setting string
		value   time.Duration
	}{{"usage.retention", c.Usage.Retention}, {"usage.retention_daily", c.Usage.RetentionDaily}} {
		if kept.value > 0 && kept.value < least {
			k.add(kept.setting, "is %s: it must be 24h at least, or 0 for ever", renderDuration(kept.value))
		}
	}
	if c.Usage.SpoolLimit <= 0 {
		k.add("usage.spool_limit", "must be more than 0, such as 64MiB")
	}
	if c.Usage.Records == "always" && c.Auth.Mode == AuthPassthrough {
		k.add("usage.records", "is always, and auth.mode is passthrough, with which nobody is known: set it to auto")
	}
}
