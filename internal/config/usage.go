package config

import "time"

// Usage is what is recorded of requests, and for how long.
type Usage struct {
	Records        string        `yaml:"records" env:"SPECGATE_USAGE" enum:"auto,always,never" change:"restart" doc:"Whether each request for a completion is recorded in store: auto where auth.mode is keys, always for the tokens of the settings too."`
	Durability     string        `yaml:"durability" env:"SPECGATE_USAGE_DURABILITY" enum:"batch,request" change:"restart" doc:"What a process that is killed may lose: the records of the last second with batch; with request none of what was answered, for answers wait until their records are written."`
	Retention      time.Duration `yaml:"retention" change:"restart" doc:"How long single records are kept. 0 is for ever; else at least 24h."`
	RetentionDaily time.Duration `yaml:"retention_daily" change:"restart" doc:"How long the sums of days are kept. 0 is for ever; else at least 24h."`
	Spool          string        `yaml:"spool" env:"SPECGATE_USAGE_SPOOL" change:"restart" doc:"Folder for the records that store does not take at present. Empty is FILE-spool beside the file of SQLite, and for PostgreSQL a folder in the user's cache, or memory where there is none."`
	SpoolLimit     Size          `yaml:"spool_limit" within:"1," change:"restart" doc:"The most bytes that wait there. What does not fit is lost, counted and logged."`
}

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
