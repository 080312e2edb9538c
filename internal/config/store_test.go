package config_test

import (
	"strings"
	"testing"

	"github.com/specgate/specgate/internal/config"
)

func TestStoreRefused(t *testing.T) {
	for _, store := range []string{"specgate.db", "mysql://u:hush@h/d", "sqlite://", "sqlite://:memory:", "postgres://", "hush"} {
		_, err := config.Load("", nil, env{"SPECGATE_STORE": store}.get)
		if err == nil || strings.Contains(err.Error(), "hush") || !strings.HasPrefix(err.Error(), "SPECGATE_STORE: store ") {
			t.Errorf("%s: %v", store, err)
		}
	}
}

// Where keys are managed, or are the backend's, a gateway that others can reach needs no token of its own.
func TestModesWithoutTokens(t *testing.T) {
	for mode, okay := range map[string]bool{"": false, "tokens": false, "keys": true, "passthrough": true, "none": false} {
		c, err := config.Load("", map[string]string{"listen": ":8420"}, env{"SPECGATE_AUTH_MODE": mode, "OPENAI_BASE_URL": "http://gpu/v1"}.get)
		if (err == nil) != okay {
			t.Errorf("%q: %v", mode, err)
		}
		if c.StoreURL() != "sqlite://specgate.db" {
			t.Errorf("the store is %s", c.StoreURL())
		}
	}
}

func TestTokensOfAnotherMode(t *testing.T) {
	c, err := config.Load("", nil, env{"SPECGATE_AUTH_MODE": "keys", "SPECGATE_API_KEY": "sg-1", "OPENAI_BASE_URL": "http://gpu/v1"}.get)
	want := "auth.tokens is set, and none of them is accepted: auth.mode is keys"
	if err != nil || len(c.Notices) != 1 || c.Notices[0] != want {
		t.Errorf("%v, %q", err, c.Notices)
	}
}
