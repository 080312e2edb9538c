package config_test

import (
	"strings"
	"testing"

	"github.com/specgate/specgate/internal/config"
)

func TestLimitsOfCallers(t *testing.T) {
	t.Parallel()
	for backend, want := range map[string]string{
		"": "", "memory": "", "redis://127.0.0.1:6379/0": "", "rediss://user:hidden@redis.example:6380": "",
		"redis":           "limits.backend must be memory, or an address such as redis://127.0.0.1:6379/0",
		"http://hidden/0": "limits.backend must be memory",
		"redis://":        "limits.backend must be memory",
		"redis://hid den": "limits.backend must be memory",
		"[redacted]":      "limits.backend is [redacted]",

		// What its client refuses, panics over, or would not heed.
		"redis://h": "", "redis://[::1]/15": "", "redis://h:1/?db=3": "", "rediss://h?skip_verify=true&read_timeout=2s&pool_size=7": "",
		"redis://:hid%3Fden@h?pool_size=": "", "redis://h?pipeline_pool_size=-1": "",
		"redis://h:1/hid":                         "limits.backend has no number of a database",
		"redis://h:1/1/hid":                       "limits.backend has no number of a database",
		"redis://h/-1":                            "limits.backend has no number of a database",
		"redis://h:99999":                         "limits.backend has a port that is none",
		"redis://h:0":                             "limits.backend has a port that is none",
		"redis://h?db=hid":                        "limits.backend has for the option db what is no value of it",
		"redis://h?db=-1":                         "limits.backend has for the option db what is no value of it",
		"redis://h?read_timeout=hid":              "limits.backend has for the option read_timeout what is no value of it",
		"redis://h?pool_fifo=hid":                 "limits.backend has for the option pool_fifo what is no value of it",
		"redis://h?pool_size=3&pool_size=hid":     "limits.backend has for the option pool_size what is no value of it",
		"redis://h?pool_size=-1":                  "limits.backend has for the option pool_size what is no value of it",
		"redis://h?min_idle_conns=3000000000":     "limits.backend has for the option min_idle_conns what is no value of it",
		"redis://h?max_idle_conns=3000000000":     "limits.backend has for the option max_idle_conns what is no value of it",
		"redis://h?max_active_conns=3000000000":   "limits.backend has for the option max_active_conns what is no value of it",
		"redis://h?pipeline_pool_size=3000000000": "limits.backend has for the option pipeline_pool_size what is no value of it",
		"redis://h?skip_verify=true":              "limits.backend has an option behind ? that there is not for redis://",
		"redis://h/0?hidden=1":                    "limits.backend has an option behind ? that there is not",
		"redis://u?hidden@h/0":                    "limits.backend has an option behind ? that there is not",
		"redis://u:1?hid;den@h/0":                 "limits.backend has behind ? what is no option",
		"redis://u:1#hidden@h/0":                  "limits.backend has behind ? what is no option, or a #",
		"redis://u:1/hidden@h/0":                  "limits.backend has no number of a database",
	} {
		c := valid()
		c.Limits.Backend = config.NewSecret(backend)
		err := c.Validate()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hid")) {
			t.Errorf("%q: %v, want %q", backend, err, want)
		}
		if redis := c.Limits.Redis(); (redis == "") != (backend == "" || backend == "memory") {
			t.Errorf("%q is counted at %q", backend, redis)
		}
	}
	c := valid()
	c.Auth.Tokens = []config.Token{token("a"), token("b")}
	if c.Limited() {
		t.Error("nobody has limits")
	}
	c.Auth.Tokens[1].Limits = config.Quota{Requests: -1, Tokens: 5, MonthTokens: -7}
	c.Limits.OnFailure = "half"
	err := c.Validate()
	for _, want := range []string{
		"auth.tokens[1].limits.requests_per_minute is negative", "auth.tokens[1].limits.tokens_per_month is negative", `limits.on_failure is "half"`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	for mode, want := range map[string]bool{config.AuthTokens: true, config.AuthKeys: true, config.AuthPassthrough: false} {
		if c.Auth.Mode = mode; c.Limited() != want {
			t.Errorf("limits are counted with auth.mode %s: %t", mode, !want)
		}
	}
	c.Auth.Mode, c.Auth.Tokens = config.AuthKeys, nil
	if !c.Limited() {
		t.Error("keys can be given limits at any time")
	}
}

func TestLimitsFromTheEnvironment(t *testing.T) {
	t.Parallel()
	env := map[string]string{"SPECGATE_LIMITS": "redis://:hidden@127.0.0.1:6379/0"}
	c, err := config.Load("", nil, func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	printed, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	if c.Limits.Redis() != env["SPECGATE_LIMITS"] || !strings.Contains(strings.Join(c.Notices, "\n"), "no caller has limits") || strings.Contains(string(printed), "hidden") {
		t.Errorf("%q, notices %q\n%s", c.Limits.Redis(), c.Notices, printed)
	}
}
