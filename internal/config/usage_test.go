package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/specgate/specgate/internal/config"
)

// What is recorded, and whether a store is needed, follows from the mode where nothing else is said.
func TestWhatIsRecorded(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		mode, records    string
		recorded, stored bool
	}{
		{"tokens", "auto", false, false},
		{"tokens", "always", true, true},
		{"keys", "auto", true, true},
		{"keys", "never", false, true},
		{"passthrough", "auto", false, false},
	} {
		c := valid()
		c.Auth.Mode, c.Usage.Records = test.mode, test.records
		if c.Recorded() != test.recorded || c.Stored() != test.stored || c.Validate() != nil {
			t.Errorf("%+v: recorded %t, stored %t, %v", test, c.Recorded(), c.Stored(), c.Validate())
		}
	}
}

func TestUsageRefused(t *testing.T) {
	t.Parallel()
	for want, set := range map[string]func(c *config.Config){
		"usage.retention is 1h: it must be 24h at least, or 0 for ever":         func(c *config.Config) { c.Usage.Retention = time.Hour },
		"usage.retention_daily is 23h: it must be":                              func(c *config.Config) { c.Usage.RetentionDaily = 23 * time.Hour },
		"usage.spool_limit must be more than 0":                                 func(c *config.Config) { c.Usage.SpoolLimit = 0 },
		`usage.durability is "none": it must be batch or request`:               func(c *config.Config) { c.Usage.Durability = "none" },
		"usage.records is always, and auth.mode is passthrough, with which nob": func(c *config.Config) { c.Usage.Records, c.Auth.Mode = "always", "passthrough" },
	} {
		c := valid()
		set(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
